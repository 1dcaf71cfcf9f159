"""What a party hears while the other holds the call: what that sends, else music.

A phone may send music of its own on hold (RFC 3264 section 8.4, sendonly; RFC 7088): as long as it
sends anything, that is heard. One that sends nothing, as it must with inactive, leaves the other
in silence, and there music belongs.
"""

import os
import time
from collections.abc import Callable, Mapping
from functools import cache, partial

from callengine.core.control.music import MusicReady, MusicWanted
from callengine.core.machine import CallMachine
from callengine.worker.legs.bridging import Bridging, attempt
from callengine.worker.legs.party import Party
from callengine.worker.selftest.ports import LoopPort
from callengine.worker.sip.leg import SipLeg

LOOK_S = 0.25
QUIET_S = 1.0
"How long who holds may send nothing before music is heard."
MAX_BYTES = 60 * 16000 * 2


class Holding:
    """Has music heard in one call; `legs` are the call's, by name."""

    def __init__(
        self,
        machine: CallMachine,
        legs: Mapping[str, Party],
        bridging: Bridging,
        *,
        ask: Callable[[MusicWanted], None],
        note: Callable[[str, str, str], None],
    ) -> None:
        self._machine = machine
        self._legs = legs
        self._bridging = bridging
        self._ask = ask
        self._note = note
        self._has_asked = False
        self._music: LoopPort | None = None
        self._listener: SipLeg | None = None
        "Who hears it."
        self._holder = ""
        self._received = -1
        "How many packets who holds had sent when it was looked at last."
        self._quiet_since = 0.0
        self._look_at: float | None = None

    def next_step(self) -> float | None:
        """Return when `step` is due (monotonic, seconds), or None."""
        return self._look_at

    def step(self, now: float) -> None:
        """Begin or end, as the call stands."""
        pair = self._machine.on_hold
        if pair is None or self._bridging.rings:
            self._stop()
            self._holder, self._look_at = "", None
            return
        if self._look_at is not None and now < self._look_at and pair[0] == self._holder:
            return
        self._look_at = now + LOOK_S
        holder, listener = (self._legs.get(name) for name in pair)
        if holder is None or not isinstance(listener, SipLeg):
            self._stop()
        elif self._is_quiet(holder, now):
            self._play(listener, holder)
        else:
            self._stop()

    def _is_quiet(self, holder: Party, now: float) -> bool:
        counters = holder.counters()
        received = counters.received if counters is not None else 0
        if holder.name != self._holder:
            self._holder, self._received, self._quiet_since = holder.name, received, now
        elif received != self._received:
            self._received, self._quiet_since = received, now
        sends = holder.media is not None and holder.media.sends
        return not sends or now - self._quiet_since >= QUIET_S

    def _play(self, listener: SipLeg, holder: Party) -> None:
        if self._music is None:
            if not self._has_asked:
                self._has_asked = True
                self._ask(MusicWanted(listener.name))
            return
        if self._listener is not listener:
            self._stop()
            self._listener = listener
            self._music.rewind()
            self._note("hold", listener.name, "Hears music on hold: the other side sends nothing.")
        # Again each time: its media may have been made anew.
        attempt(partial(listener.hear, self._music, is_on=True))

    def _stop(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None and self._music is not None and not listener.ended:
            attempt(partial(listener.hear, self._music, is_on=False))

    def take(self, message: MusicReady, descriptor: int) -> None:
        """Take what is to be heard as samples, in a file of the engine's."""
        samples = os.pread(descriptor, MAX_BYTES, 0)
        os.close(descriptor)
        if samples:
            self._music = music_port(message.rate_hz)
            self._music.play(samples)
            self._look_at = time.monotonic()

    def release(self) -> None:
        """Let go of the port, which the process keeps."""
        self._listener = None
        if self._music is not None:
            self._music.play(b"")


@cache
def music_port(rate_hz: int) -> LoopPort:
    """Return this process's port of music on hold."""
    return LoopPort(rate_hz)
