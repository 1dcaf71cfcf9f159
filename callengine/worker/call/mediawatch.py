"""What arrives on the legs of one call: where from, how well, and who is silent."""

import time
from collections.abc import Callable

from callengine.core.control.calls import QualityMeasured
from callengine.core.events import HangUpOrdered
from callengine.core.machine import CallMachine
from callengine.core.mediawords import (
    came_back_note,
    dropped_note,
    no_media,
    paused_note,
    resumed_note,
    short_packets_note,
    silence_note,
)
from callengine.core.orders import LegOrder
from callengine.core.parties import who
from callengine.core.silence import CameBack, FellSilent, all_gone
from callengine.core.snapshot import QualitySnapshot
from callengine.worker.call.statistics import LegStatistics
from callengine.worker.legs.party import Party
from callengine.worker.rtpguard.sending import Hold, Paused, Resumed

INTERVAL_S = 1.0
HELD_UP_S = 0.5
"A look so late says that the process stood still: what has arrived is not read yet."
CATCH_UP_S = 0.1
"How long that takes."


class MediaWatch:
    """Look at every leg once a second, and at the moment a silence is due."""

    def __init__(
        self,
        machine: CallMachine,
        *,
        timeout_s: float,
        send: Callable[[QualityMeasured], None],
        note: Callable[[str, str, str], None],
    ) -> None:
        self._machine = machine
        self._timeout_s = timeout_s
        self._send = send
        self._note = note
        "Writes a line: its kind, the leg's name, the text."
        self._legs: dict[str, Party] = {}
        self._orders: dict[str, LegOrder] = {}
        self._statistics: dict[str, LegStatistics] = {}
        self._next_second = time.monotonic() + INTERVAL_S
        self._silence_due: float | None = None
        self._is_catching_up = False

    def add(self, leg: Party, order: LegOrder) -> None:
        """Watch a leg from now on."""
        self._legs[leg.name], self._orders[leg.name] = leg, order
        self._statistics[leg.name] = LegStatistics()

    def release(self) -> None:
        """Let go of the legs."""
        self._legs.clear()

    def next_step(self) -> float:
        """Return when `step` is due (monotonic, seconds)."""
        due = self._silence_due
        return self._next_second if due is None else min(due, self._next_second)

    def step(self, now: float) -> HangUpOrdered | None:
        """Do what is due; return the event that ends a call from which nothing comes any more."""
        due = self.next_step()
        if now < due:
            return None
        if now - due > HELD_UP_S and not self._is_catching_up:
            self._next_second, self._silence_due = now + CATCH_UP_S, None
            self._is_catching_up = True
            return None
        self._is_catching_up = False
        if now < self._next_second:
            self._judge(now)
            return None
        self._next_second = now + INTERVAL_S
        self._measure(now)
        return self._end_if_gone(now)

    def finish(self) -> None:
        """Tell what was dropped since the last line about it: the call is over."""
        for leg in self._legs.values():
            self._report_dropped(leg, last=True)

    def _judge(self, now: float) -> None:
        """Tell of legs that are silent for long enough by now, and of nothing else."""
        samples: dict[str, QualitySnapshot] = {}
        for name, leg in self._legs.items():
            codec, expected = self._codec(leg), self._expected(leg)
            if codec and expected:
                statistics = self._statistics[name]
                sample = statistics.sample(leg, codec, expected, now, is_timely=False)
                if sample is not None:
                    samples[name] = sample
        if samples:
            self._send(QualityMeasured(samples))
        for name in samples:
            self._report_silence(self._legs[name])
        self._note_due(now)

    def _note_due(self, now: float) -> None:
        moments = (statistics.party.due(now) for statistics in self._statistics.values())
        self._silence_due = min((at for at in moments if at is not None), default=None)

    @staticmethod
    def _codec(leg: Party) -> str:
        """Return what a leg's figures are judged by; empty while it has no audio."""
        if not leg.has_audio or leg.ended or leg.media is None:
            return ""
        return leg.media.codec or "PCMU"

    def _measure(self, now: float) -> None:
        samples: dict[str, QualitySnapshot] = {}
        for name, leg in self._legs.items():
            leg.look()
            # Before more is counted, which would have the guard look for others' addresses anew.
            self._report_dropped(leg)
            statistics, codec = self._statistics[name], self._codec(leg)
            if not codec:
                if (taken_back := statistics.rest()) is not None and not leg.ended:
                    samples[name] = taken_back
                continue
            sample = statistics.sample(leg, codec, self._expected(leg), now)
            if sample is not None:
                samples[name] = sample
            if leg.guard is not None:
                leg.guard.count(statistics.lost)
        self._send(QualityMeasured(samples))  # empty ones are signs of life too
        for leg in self._legs.values():
            self._report_dropped(leg)
            self._report_sending(leg)
            self._report_silence(leg)
            if self._statistics[leg.name].is_too_short:
                self._note("short-packets", leg.name, short_packets_note(who=self._who(leg)))
        self._note_due(now)

    def _expected(self, leg: Party) -> str:
        """Return since when a leg's peer is to send audio, as `PartyAudio.take` wants it."""
        sends = leg.media is not None and leg.media.sends
        return self._machine.audio_expected_since(leg.name) if sends else ""

    def _report_silence(self, leg: Party) -> None:
        match self._statistics[leg.name].change:
            case FellSilent(seconds, silence):
                text = silence_note(
                    who=self._who(leg),
                    seconds=seconds,
                    silence=silence,
                    port=leg.guard.port if leg.guard else 0,
                    dropped=leg.guard is not None and leg.guard.has_dropped,
                )
                self._note("silence", leg.name, text)
            case CameBack() as back:
                text = came_back_note(who=self._who(leg), back=back)
                self._note("audio-back", leg.name, text)

    def _report_dropped(self, leg: Party, *, last: bool = False) -> None:
        dropped = leg.guard.report(last=last) if leg.guard else None
        if dropped is None:
            return
        text = dropped_note(
            who=self._who(leg),
            packets=dropped.packets,
            source=dropped.source,
            trunk=self._orders[leg.name].trunk,
        )
        self._note("media-dropped", leg.name, text)

    def _report_sending(self, leg: Party) -> None:
        match leg.guard.news_of_sending() if leg.guard else None:
            case Paused(why, host, heard_from):
                named = host if why is Hold.UNHEARD else ""
                text = paused_note(who=self._who(leg), named=named, heard_from=heard_from)
                self._note("sending-paused", leg.name, text)
            case Resumed(why, is_heard):
                is_by_ack = why is Hold.UNACKNOWLEDGED
                text = resumed_note(who=self._who(leg), is_by_ack=is_by_ack, is_heard=is_heard)
                self._note("sending-resumed", leg.name, text)

    def _end_if_gone(self, now: float) -> HangUpOrdered | None:
        callee = self._machine.callee
        if not self._machine.state.is_talking or callee is None:
            return None
        # Of agents, browsers and test destinations there is no RTP: the other alone can be gone.
        names = [n for n in (self._machine.caller, callee) if self._legs[n].guard is not None]
        parties = [self._statistics[name].party for name in names]
        if not all_gone(parties, timeout_s=self._timeout_s, now=now):
            return None
        end = no_media(self._timeout_s, gone=[self._who(self._legs[name]) for name in names])
        return HangUpOrdered(end.by, end.reason, end.code, end.advice)

    def _who(self, leg: Party) -> str:
        return who(leg.name, self._orders[leg.name].label)
