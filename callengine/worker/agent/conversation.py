"""What is said when in the call with an agent: its dialect, its playout, and the timers. No I/O.

Whoever owns it tells what happens, and carries out `drain()` in order afterwards. Times are
monotonic seconds; `unix_offset` makes Unix times of them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from agents.dialects import interface as say
from agents.dialects.interface import Dialect, Session
from agents.loudness import is_loud
from callengine.core.orders import AgentOrder
from callengine.core.reasons import Reason
from callengine.worker.agent import ends
from callengine.worker.agent.effects import (
    AgentReady,
    AskSocket,
    CloseSocket,
    DropSocket,
    Effect,
    Left,
    OpenSocket,
    Phase,
)
from callengine.worker.agent.keeping import KeptAudio, KeptDigits
from callengine.worker.agent.limits import TRANSFER_WITHIN_S, Limits
from callengine.worker.agent.opening import Opening
from callengine.worker.agent.owedtransfers import OwedTransfers
from callengine.worker.agent.record import SessionRecord
from callengine.worker.agent.session import changed, session_of
from callengine.worker.agent.speech import Speech
from callengine.worker.agent.websocket import SocketEvent, SocketMessage, SocketOpened, SocketOver

END_S = 2.0
"How long an agent may take to say goodbye once the caller is gone."
LEAVE_S = 0.5
"The same, while the caller waits for the end of the call."


class AgentConversation:
    """One agent's part in a call, over as many websockets as that takes."""

    def __init__(
        self,
        order: AgentOrder,
        *,
        call_uuid: str,
        make: Callable[[str, Session], Dialect],
        now: float,
        unix_offset: float,
    ) -> None:
        self._order, self._make, self._unix = order, make, unix_offset
        self._session = session_of(order, call_uuid)
        self.phase = Phase.CONNECTING
        self._effects: list[Effect] = []
        self.record = SessionRecord(self._tell, unix_offset)
        self.speech = Speech(self._session.output)
        self.playout = self.speech.playout
        self._dialect: Dialect | None = None
        self._is_open = False
        self._opening = Opening(order.ready_timeout_s, now)
        self._end_by: float | None = None
        self._left = Left(None)
        self._limits = Limits(order, now)
        self._kept = KeptAudio(self._session.input)
        self._kept_digits = KeptDigits()
        self._transfers = OwedTransfers()
        self.speech.ring(is_on=order.answers_at_once)
        self.record.moment("asked", now)
        self._tell(AskSocket())

    def _tell(self, effect: Effect) -> None:
        self._effects.append(effect)

    @property
    def has_effects(self) -> bool:
        """Whether there is anything to be done."""
        return bool(self._effects)

    def drain(self) -> Sequence[Effect]:
        """Return what is to be done, in order."""
        effects, self._effects = self._effects, []
        return effects

    @property
    def is_ready(self) -> bool:
        """Whether the agent can be talked to now."""
        return self.phase is Phase.READY

    # The socket

    def connected(self, now: float) -> None:
        """Take that the engine has connected; `OpenSocket` says what to do with it."""
        if self.phase is not Phase.CONNECTING:
            return
        self.phase = Phase.OPENING
        self._dialect = self._make(self._order.dialect, self._session)
        self.record.moment("connected", now)
        handshake = self._dialect.handshake(now + self._unix)
        self._tell(OpenSocket(handshake, self._dialect.max_message_bytes))

    def not_connected(self, why: str, now: float) -> None:
        """Take that the engine could not connect, or that nothing can be opened on it."""
        if self.phase in (Phase.CONNECTING, Phase.OPENING):
            self._fail(ends.unreachable(why), now)

    def heard(self, event: SocketEvent, now: float) -> None:
        """Take what the websocket says."""
        dialect = self._dialect
        if dialect is None:
            return
        match event:
            case SocketMessage(data):
                self._carry_out(dialect.received(data, now), now)
            case SocketOpened():
                self._is_open = True
                self._carry_out(dialect.opened(now), now)
            case SocketOver():
                self._over(dialect, event, now)

    def _over(self, dialect: Dialect, over: SocketOver, now: float) -> None:
        was_open, self._is_open, self._dialect = self._is_open, False, None
        over = ends.in_words(over, self._order.secret)
        self.speech.is_replying = False
        if was_open:
            self.record.closed(over.code, over.reason or over.error)
        if self.phase is Phase.ENDING:
            self._end()
        elif was_open:
            self._carry_out(dialect.closed(over.code, over.reason or over.error, now), now)
            if self.phase in (Phase.OPENING, Phase.READY) and not self._limits.is_leaving:
                self._fail(ends.not_opened(over), now)
        else:
            self._fail(ends.not_opened(over), now)

    def _fail(self, failed: say.Failed, now: float) -> None:
        """Let go of the socket, and try anew if that is of use."""
        self._drop()
        if self.phase in (Phase.ENDING, Phase.ENDED) or self._limits.is_leaving:
            return
        retry_at, was_ready = self._opening.failed(failed, now), self._opening.was_ready
        if retry_at is None:
            reason = ends.reason_for(failed.kind, was_ready=was_ready)
            self._leave(reason, ends.detail_of(failed), now)
            return
        self.phase = Phase.WAITING
        resume = self.record.session_id if failed.keeps_session and was_ready else ""
        owed = self._transfers.owed(resumes=bool(resume))
        self._session = replace(self._session, resume=resume, transfers=owed)
        text = f"The agent's connection failed: {ends.detail_of(failed) or 'nobody says why'}."
        self.record.note("agent-retry", f"{text} It is tried again in {retry_at - now:g} s.")

    def _retry(self, now: float) -> None:
        self.phase = Phase.CONNECTING
        self._opening.begin(now)
        self._tell(AskSocket())

    def _drop(self) -> None:
        if self._dialect is not None:
            self._dialect, self._is_open, self.speech.is_replying = None, False, False
            self._tell(DropSocket())

    # What the dialect wants

    def _carry_out(self, effects: list[say.Effect], now: float) -> None:
        for effect in effects:
            if type(effect) is say.Send:
                self._effects.append(effect)
            elif type(effect) is say.Play:
                self._play(effect, now)
            else:
                self._of_call(effect, now)

    def _play(self, effect: say.Play, now: float) -> None:
        if self.phase is Phase.READY:
            if not self.speech.is_replying:
                self.record.moment("first_agent_audio", now)
            self.speech.play(effect)
        elif self.phase is Phase.OPENING:
            self.record.odd(say.Odd("audio before it was ready"))

    def _of_audio(self, effect: say.Mark | say.Flush | say.ReplyDone, now: float) -> None:
        if self.phase is not Phase.READY:
            return
        match effect:
            case say.Mark(name):
                self.playout.mark(name)
            case say.ReplyDone():
                self.speech.reply_done()
            case say.Flush():
                self._flush(now)

    def _flush(self, now: float) -> None:
        self.record.barge_ins += not self.playout.is_silent
        played = self.speech.flush()
        if self._dialect is not None:
            self._carry_out(self._dialect.flushed(played), now)
        self._reach_marks(now, is_played=False)

    def _reach_marks(self, now: float, *, is_played: bool) -> None:
        for name in self.playout.marks():
            if self._dialect is not None:
                self._carry_out(self._dialect.mark_reached(name, is_played=is_played), now)

    def _of_call(self, effect: say.Effect, now: float) -> None:
        match effect:
            case say.Mark() | say.Flush() | say.ReplyDone():
                self._of_audio(effect, now)
            case say.Ready():
                self._ready(effect, now)
            case say.Failed():
                self._fail(effect, now)
            case say.SessionOver():
                self._hang_up("the agent ended the session", now, after_goodbye=True)
            case say.HangUp(why, after_goodbye):
                self._hang_up(why, now, after_goodbye=after_goodbye)
            case say.KeepCall():
                if self._dialect is not None:
                    self._limits.stays()
            case say.Close(code, reason):
                self._tell(CloseSocket(code, reason))
            case _:
                self._of_record(effect, now)

    def _of_record(self, effect: say.Effect, now: float) -> None:
        match effect:
            case say.Odd():
                self.record.odd(effect)
            case say.Line(_, who):
                if who == "caller":
                    self._limits.active_at = now
                if self._order.keeps_transcript:
                    self._tell(effect)
            case say.TransferTo():
                self._limits.transfer_until = now + TRANSFER_WITHIN_S
                self._transfers.ask(effect.key)
                self._tell(effect)
            case say.Tool() | say.AgentNote():
                self._tell(effect)

    def _ready(self, ready: say.Ready, now: float) -> None:
        if self.phase is not Phase.OPENING or self._dialect is None:
            return
        is_first = not self._opening.was_ready
        self.phase = Phase.READY
        self._opening.ready(now)
        self.record.session(ready.session_id)
        self.speech.ring(is_on=False)
        self.record.moment("ready", now)
        self._limits.active_at = now
        for sentence in ready.differences:
            self.record.note("agent-differs", sentence)
        if is_first:
            self._limits.began = now
            self._tell(AgentReady())
        else:
            self.record.note("agent-back", "The agent is connected again.")
        self._tell_of_transfers(now)
        for piece in self._kept.taken():
            self._effects += self._dialect.caller_audio(piece)
        for digit in self._kept_digits.taken():
            self._carry_out(self._dialect.digit(digit), now)

    # The caller

    def caller_audio(self, audio: bytes) -> None:
        """Take audio of the caller's, in the session's input format."""
        if self.phase is Phase.READY and self._dialect is not None:
            self._effects += self._dialect.caller_audio(audio)
        elif self.phase not in (Phase.ENDING, Phase.ENDED):
            self._kept.add(audio)

    def active(self, now: float) -> None:
        """Take that somebody speaks, or need not."""
        self._limits.active_at = now

    def digit(self, digit: str, now: float) -> None:
        """Take a key that the caller pressed."""
        self._limits.active_at = now
        if self.phase is Phase.READY and self._dialect is not None:
            self._carry_out(self._dialect.digit(digit), now)
        elif self.phase not in (Phase.ENDING, Phase.ENDED):
            self._kept_digits.add(digit)

    def frame(self, now: float, size: int) -> bytes | None:
        """Return what the caller hears next, in the session's output format; None is silence.

        `size` is that of a frame, in bytes.
        """
        frame, is_speech = self.speech.frame(size)
        if self.playout.reached:
            self._reach_marks(now, is_played=True)
        if self.playout.late_ms:
            self.record.late(self.playout.late_ms)
        if is_speech and frame is not None:
            self._limits.quiet_at = now
            # Some send silence all the time: that is nothing said.
            if self._order.silence_timeout_s and is_loud(frame, self._session.output):
                self._limits.active_at = now
        return frame

    def first_rtp_out(self, now: float) -> bool:
        """Take that audio has left for the caller; tell whether it was the agent's first."""
        is_agents = "first_agent_audio" in self.record.moments
        if is_agents:
            self.record.moment("first_rtp_out", now)
        return is_agents

    # The call

    def transfer_failed(self, key: str, code: int, why: str, now: float) -> None:
        """Take that a transfer of the agent's has failed."""
        self._limits.transfer_until = now
        self._transfers.failed(key, code, why)
        self._tell_of_transfers(now)

    def _tell_of_transfers(self, now: float) -> None:
        """Tell the agent of those that have failed; while its socket is lost they wait."""
        if self.phase is Phase.READY and self._dialect is not None:
            for key, code, why in self._transfers.untold():
                self._carry_out(self._dialect.transfer_over(key, code, why, now), now)

    def change(self, settings: str, by: str, now: float) -> None:
        """Change settings of the session, given as JSON; a note says how it went."""
        values = json.loads(settings)
        names = ", ".join(values)
        if self.phase is not Phase.READY or self._dialect is None:
            self.record.note(
                "agent-not-changed", f"{by} could not change {names}: it is not connected."
            )
            return
        try:
            effects = self._dialect.change(values)
        except say.ImmutableError as error:
            self.record.note("agent-not-changed", f"{by} could not change {names}: {error}")
            return
        self._session = changed(self._session, values)  # a new socket asks for it too
        self._carry_out(effects, now)
        self.record.note("agent-changed", f"{by} changed {names}.")

    def end(self, now: float) -> None:
        """End it: the call is over. `Left` follows, END_S later at the latest."""
        if self.phase not in (Phase.ENDING, Phase.ENDED):
            self._left = Left(None)
            self._begin_end(now, END_S)

    def _hang_up(self, why: str, now: float, *, after_goodbye: bool) -> None:
        if self.phase in (Phase.ENDING, Phase.ENDED) or self._limits.is_leaving:
            return
        self._left = Left(Reason.AGENT_ENDED, why)
        if not after_goodbye and now >= self._limits.transfer_until:
            self._leave(Reason.AGENT_ENDED, why, now)
            return
        self._limits.says_goodbye(self.playout.queued_ms, now)
        if not self.speech.is_replying:
            self.playout.reply_done()

    def _leave(self, reason: Reason, detail: str, now: float) -> None:
        """End it of our own accord."""
        if self.phase not in (Phase.ENDING, Phase.ENDED):
            self._left = Left(reason, detail)
            self._begin_end(now, LEAVE_S)

    def _begin_end(self, now: float, wait_s: float) -> None:
        self.phase, self._opening.retry_at, self._end_by = Phase.ENDING, None, now + wait_s
        self.speech.ring(is_on=False)
        dialect = self._dialect
        if dialect is None or not self._is_open:
            self._drop()
            self._end()
            return
        self._carry_out(dialect.end(now), now)

    def _end(self) -> None:
        if self.phase is Phase.ENDED:
            return
        self.phase, self._end_by = Phase.ENDED, None
        self.record.finish(self.playout.left_out_ms)
        self._tell(self._left)

    # Time

    def next_deadline(self) -> float | None:
        """Return when `tick` is due at the latest."""
        times = [self._end_by, self._opening.retry_at, self._goodbye_deadline()]
        if self.phase not in (Phase.ENDING, Phase.ENDED):
            times += [self._opening.deadline(self.phase), self._limits.next()]
        if self._dialect is not None:
            times.append(self._dialect.next_deadline())
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> None:
        """Do what is due."""
        dialect = self._dialect
        deadline = dialect.next_deadline() if dialect is not None else None
        if dialect is not None and deadline is not None and now >= deadline:
            self._carry_out(dialect.tick(now), now)
        if _is_due(self._end_by, now):
            self._drop()
            self._end()
        elif _is_due(self._opening.retry_at, now):
            self._retry(now)
        elif self.phase not in (Phase.ENDING, Phase.ENDED):
            self._check_limits(now)

    def _check_limits(self, now: float) -> None:
        if _is_due(self._opening.deadline(self.phase), now):
            self._not_ready(now)
        elif _is_due(self._goodbye_deadline(), now):
            self._leave(Reason.AGENT_ENDED, self._left.detail, now)
        elif (limit := self._limits.reached(now)) is not None:
            self._leave(*limit, now)

    def _not_ready(self, now: float) -> None:
        """Give up waiting: of the first socket for good, of a later one for another."""
        match self._opening.too_late():
            case say.Failed() as failed:
                self._fail(failed, now)
            case (reason, detail):
                self._leave(reason, detail, now)

    def _goodbye_deadline(self) -> float | None:
        if self.phase is Phase.ENDING:
            return None
        is_silent, is_replying = self.playout.is_silent, self.speech.is_replying
        return self._limits.goodbye_over_at(is_silent=is_silent, is_replying=is_replying)


def _is_due(deadline: float | None, now: float) -> bool:
    return deadline is not None and now >= deadline
