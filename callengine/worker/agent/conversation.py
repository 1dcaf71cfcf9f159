"""What is said when in the call with an agent: its dialect, its playout, and the timers. No I/O.

Whoever owns it tells what happens, and carries out `drain()` in order afterwards. Times are
monotonic seconds; `unix_offset` makes Unix times of them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from agents.dialects import interface as say
from agents.dialects.interface import Dialect, Session
from callengine.core.orders import AgentOrder
from callengine.core.playout import Playout
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
from callengine.worker.agent.keeping import KeptAudio, OddMessages
from callengine.worker.agent.limits import TRANSFER_WITHIN_S, Limits
from callengine.worker.agent.ringback import Ringback
from callengine.worker.agent.session import changed, session_of
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
        self.playout = Playout(self._session.output)
        self.session_id = ""
        self.moments: dict[str, float] = {}
        "What came to pass when (Unix time), the first time."
        self.barge_ins = 0
        self.close_code: int | None = None
        self.close_reason = ""
        self._dialect: Dialect | None = None
        self._is_open = False
        self._retries = ends.Retries()
        self._retry_at: float | None = None
        self._failed: say.Failed | None = None
        "Why a socket has failed that is to be replaced."
        self._ready_by = now + order.ready_timeout_s
        self._end_by: float | None = None
        self._left = Left(None)
        self._limits = Limits(order, now)
        self._is_replying = False
        self._kept = KeptAudio(self._session.input)
        self._odd = OddMessages()
        self._ringback = Ringback(self._session.output) if order.answers_at_once else None
        self._effects: list[Effect] = []
        self._note_moment("asked", now)
        self._effects.append(AskSocket())

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
        self._note_moment("connected", now)
        handshake = self._dialect.handshake(now + self._unix)
        self._effects.append(OpenSocket(handshake, self._dialect.max_message_bytes))

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
        self._is_replying = False
        if was_open:
            self.close_code, self.close_reason = over.code, (over.reason or over.error)[:500]
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
        self._failed = failed
        retry_at = self._retries.next_at(failed, now)
        if retry_at is None:
            was_ready = self._retries.was_ready
            self._leave(
                ends.reason_for(failed.kind, was_ready=was_ready), ends.detail_of(failed), now
            )
            return
        self.phase, self._retry_at = Phase.WAITING, retry_at
        resume = self.session_id if failed.keeps_session and self._retries.was_ready else ""
        self._session = replace(self._session, resume=resume)
        text = f"The agent's connection failed: {ends.detail_of(failed) or 'nobody says why'}."
        self._note("agent-retry", f"{text} It is tried again in {retry_at - now:g} s.")

    def _retry(self, now: float) -> None:
        self.phase, self._retry_at = Phase.CONNECTING, None
        if self._retries.was_ready:
            self._ready_by = now + self._order.ready_timeout_s
        self._effects.append(AskSocket())

    def _drop(self) -> None:
        if self._dialect is not None:
            self._dialect, self._is_open, self._is_replying = None, False, False
            self._effects.append(DropSocket())

    # What the dialect wants

    def _carry_out(self, effects: list[say.Effect], now: float) -> None:
        for effect in effects:
            if isinstance(effect, say.Send):
                self._effects.append(effect)
            elif isinstance(effect, say.Play):
                self._play(effect, now)
            else:
                self._of_call(effect, now)

    def _play(self, effect: say.Play, now: float) -> None:
        if self.phase is Phase.READY:
            self._note_moment("first_agent_audio", now)
            self._is_replying = True
            self.playout.add(effect.audio, effect.item)

    def _of_audio(self, effect: say.Mark | say.Flush | say.ReplyDone, now: float) -> None:
        if self.phase is not Phase.READY:
            return
        match effect:
            case say.Mark(name):
                self.playout.mark(name)
            case say.ReplyDone():
                self._is_replying = False
                self.playout.reply_done()
            case say.Flush():
                self._flush(now)

    def _flush(self, now: float) -> None:
        self.barge_ins += not self.playout.is_silent
        self._is_replying = False
        played = self.playout.flush()
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
                self._effects.append(CloseSocket(code, reason))
            case _:
                self._of_record(effect, now)

    def _of_record(self, effect: say.Effect, now: float) -> None:
        match effect:
            case say.Odd(what):
                if sentence := self._odd.add(what):
                    self._note("agent-odd", sentence)
            case say.Line(_, who):
                if who == "caller":
                    self._limits.active_at = now
                if self._order.keeps_transcript:
                    self._effects.append(effect)
            case say.TransferTo():
                self._limits.transfer_until = now + TRANSFER_WITHIN_S
                self._effects.append(effect)
            case say.Tool() | say.Note():
                self._effects.append(effect)

    def _ready(self, ready: say.Ready, now: float) -> None:
        if self.phase is not Phase.OPENING or self._dialect is None:
            return
        is_first = not self._retries.was_ready
        self.phase, self._failed = Phase.READY, None
        self._retries.ready(now)
        self.session_id = ready.session_id[:200] or self.session_id
        self._note_moment("ready", now)
        self._limits.active_at = now
        for sentence in ready.differences:
            self._note("agent-differs", sentence)
        if is_first:
            self._limits.began = now
            self._effects.append(AgentReady())
        else:
            self._note("agent-back", "The agent is connected again.")
        for piece in self._kept.taken():
            self._carry_out(self._dialect.caller_audio(piece), now)

    # The caller

    def caller_audio(self, audio: bytes, now: float) -> None:
        """Take audio of the caller's, in the session's input format."""
        if self.phase is Phase.READY and self._dialect is not None:
            self._carry_out(self._dialect.caller_audio(audio), now)
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

    def frame(self, now: float, size: int) -> bytes | None:
        """Return what the caller hears next, in the session's output format; None is silence.

        `size` is that of a frame, in bytes.
        """
        frame = self.playout.take()
        self._reach_marks(now, is_played=True)
        if frame is not None:
            self._limits.active_at = self._limits.quiet_at = now
        elif self._ringback is not None and not self._retries.was_ready:
            frame = self._ringback.take(size) if self.phase is not Phase.ENDING else None
        return frame

    # The call

    def transfer_failed(self, key: str, code: int, why: str, now: float) -> None:
        """Take that a transfer of the agent's has failed."""
        self._limits.transfer_until = now
        if self._dialect is not None:
            self._carry_out(self._dialect.transfer_over(key, code, why, now), now)

    def change(self, settings: str, by: str, now: float) -> None:
        """Change settings of the session, given as JSON; a note says how it went."""
        values = json.loads(settings)
        names = ", ".join(values)
        if self.phase is not Phase.READY or self._dialect is None:
            self._note("agent-not-changed", f"{by} could not change {names}: it is not connected.")
            return
        try:
            effects = self._dialect.change(values)
        except say.ImmutableError as error:
            self._note("agent-not-changed", f"{by} could not change {names}: {error}")
            return
        self._session = changed(self._session, values)  # a new socket asks for it too
        self._carry_out(effects, now)
        self._note("agent-changed", f"{by} changed {names}.")

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
        if not self._is_replying:
            self.playout.reply_done()

    def _leave(self, reason: Reason, detail: str, now: float) -> None:
        """End it of our own accord."""
        if self.phase not in (Phase.ENDING, Phase.ENDED):
            self._left = Left(reason, detail)
            self._begin_end(now, LEAVE_S)

    def _begin_end(self, now: float, wait_s: float) -> None:
        self.phase, self._retry_at, self._end_by = Phase.ENDING, None, now + wait_s
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
        if summary := self._odd.summary():
            self._note("agent-odd", summary)
        self._effects.append(self._left)

    # Time

    def next_deadline(self) -> float | None:
        """Return when `tick` is due at the latest."""
        times: list[float | None] = [self._end_by, self._retry_at, self._goodbye_deadline()]
        if self.phase not in (Phase.ENDING, Phase.ENDED):
            times += [self._ready_deadline(), self._limits.next()]
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
        elif _is_due(self._retry_at, now):
            self._retry(now)
        elif self.phase not in (Phase.ENDING, Phase.ENDED):
            self._check_limits(now)

    def _check_limits(self, now: float) -> None:
        if _is_due(self._ready_deadline(), now):
            self._not_ready(now)
        elif _is_due(self._goodbye_deadline(), now):
            self._leave(Reason.AGENT_ENDED, self._left.detail, now)
        elif (limit := self._limits.reached(now)) is not None:
            self._leave(*limit, now)

    def _not_ready(self, now: float) -> None:
        """Give up waiting: of the first socket for good, of a later one for another."""
        limit = f"{self._order.ready_timeout_s:g} s"
        failed = self._failed
        if self._retries.was_ready:
            why = f"it was not ready within {limit}"
            self._fail(say.Failed(say.Failure.LOST, "", why, is_retryable=True), now)
        elif failed is None:
            self._leave(Reason.AGENT_NOT_READY, f"nothing within {limit}", now)
        else:
            reason = ends.reason_for(failed.kind, was_ready=False)
            self._leave(reason, ends.detail_of(failed), now)

    def _ready_deadline(self) -> float | None:
        if self.phase in (Phase.CONNECTING, Phase.OPENING):
            return self._ready_by
        return (
            self._ready_by if self.phase is Phase.WAITING and self._limits.began is None else None
        )

    def _goodbye_deadline(self) -> float | None:
        if self.phase is Phase.ENDING:
            return None
        is_silent = self.playout.is_silent
        return self._limits.goodbye_over_at(is_silent=is_silent, is_replying=self._is_replying)

    # The record

    def first_rtp_out(self, now: float) -> None:
        """Take that the first of the agent's audio has left for the caller."""
        self._note_moment("first_rtp_out", now)

    def ended(self, now: float) -> None:
        """Note when it was over."""
        self._note_moment("ended", now)

    def _note_moment(self, name: str, now: float) -> None:
        self.moments.setdefault(name, now + self._unix)

    def _note(self, kind: str, text: str) -> None:
        self._effects.append(say.Note(kind, text))


def _is_due(deadline: float | None, now: float) -> bool:
    return deadline is not None and now >= deadline
