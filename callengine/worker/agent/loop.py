"""The thread of one call with an agent: the caller's media, the websocket, a timer in one poll."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.dialects.interface import AgentNote, Send
from agents.dialects.registry import DIALECTS, make
from agents.formats import AudioFormat
from agents.loudness import mean_magnitude
from callengine.core.orders import AgentOrder
from callengine.worker.agent.calleraudio import CallerAudio, Formats
from callengine.worker.agent.conversation import AgentConversation
from callengine.worker.agent.effects import CloseSocket, DropSocket, Effect, Left, OpenSocket
from callengine.worker.agent.link import AgentLink
from callengine.worker.agent.overhearing import Overhearing
from callengine.worker.agent.polled import Polled
from callengine.worker.audio.paths import PathError
from callengine.worker.legs.levels import FULL_SCALE, loudness
from callengine.worker.legs.party import Ear

logger = logging.getLogger(__name__)

LISTENS_EVERY = 10
"Of the caller's pieces of audio: how seldom is asked whether it says anything."
MAX_FRAMES_AT_ONCE = 8
LONGEST_WAIT_S = 5.0
LOOKS_EVERY_S = 0.1
"How often is looked, while a caller is there, for what is due in the conversation, or new of it."
STOP_WITHIN_S = 1.0

Command = Callable[[float], None]
"Done on the agent's thread; takes the time."
MakeCaller = Callable[[Formats, Callable[[str], None], float], CallerAudio]
"Makes a caller's audio of the agent's formats, what takes its keys, and the time."


@dataclass(frozen=True, slots=True)
class Pressed:
    """The caller has pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """Something of ours fails: the call cannot go on."""

    text: str


Told = Effect | Pressed | Faulty
"What the leg is told."


class Meter:
    """How loud the last piece of audio of one way was; worked out when it is asked for."""

    LASTS_S = 0.3
    "Nothing came for so long: it is silent."

    def __init__(self, audio: AudioFormat) -> None:
        self._format = audio
        self._last = (b"", 0.0)

    def took(self, audio: bytes | None, now: float) -> None:
        """Take a piece; None is silence. On the agent's thread."""
        self._last = (audio or b"", now)

    def level(self, now: float) -> float:
        """Return it, 0 to 1 on a logarithmic scale. On any thread."""
        audio, at = self._last
        if now - at > self.LASTS_S:
            return 0.0
        return loudness(round(FULL_SCALE * mean_magnitude(audio, self._format)))


class AgentLoop(threading.Thread):
    """Carries one conversation; ends with it. `told` is called on this thread."""

    def __init__(
        self,
        order: AgentOrder,
        *,
        call_uuid: str,
        told: Callable[[Told], None],
        changed: Callable[[AgentConversation, tuple[str, str], float], None],
    ) -> None:
        """`changed` is called when something may have; beside it goes what is done to the audio."""
        super().__init__(name="agent media", daemon=True)
        self._tell, self._changed = told, changed
        self._how = ("", "")
        self._formats: Formats = AudioFormat(order.input), AudioFormat(order.output)
        self._overhearing = Overhearing(*self._formats)
        self.heard, self.said = Meter(self._formats[0]), Meter(self._formats[1])
        "Of the caller, and of the agent."
        self._commands: deque[Command] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._polled = Polled()
        self._readers: list[int] = []
        "The caller's descriptors."
        self._said_congested = False
        self._pieces = 0
        self._is_heard = False
        "Whether the caller has been sent anything of the agent's."
        self.caller: CallerAudio | None = None
        self._waits_since: float | None = None
        "Since when audio of the agent's waits that nobody is there to be played."
        self.takes_digits = DIALECTS[order.dialect].takes_digits
        now = time.monotonic()
        self._conversation = AgentConversation(
            order, call_uuid=call_uuid, make=make, now=now, unix_offset=time.time() - now
        )
        self._link = AgentLink(self._conversation, self._polled)
        self._looks_at = 0.0
        self._ends = False

    # On the call's thread

    def post(self, command: Command) -> None:
        """Have a command done; nothing happens once the thread has ended."""
        self._commands.append(command)
        self.wake()

    def wake(self) -> None:
        """End its wait."""
        os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        """End it at once, and let go of all it has; the last thing that may be asked."""
        self.post(lambda _: self._stop())
        if self.is_alive():
            self.join(STOP_WITHIN_S)
        self._close()
        os.close(self._wake)

    # On its own

    def run(self) -> None:
        """Carry the conversation."""
        self._polled.watch(self._wake, self._woken)
        try:
            self._carry_out()
            while not self._ends:
                self._turn()
        except Exception as error:
            logger.exception("a voice agent's media fails")
            self._tell(Faulty(f"agent media: {type(error).__name__}"))
            self._tell(Left(None))
        finally:
            self._close()

    def _woken(self, _events: int, _now: float) -> None:
        os.eventfd_read(self._wake)

    def _turn(self) -> None:
        link = self._link
        now = self._polled.wait(self._wait_ms())
        if link.has_more:
            link.hear(now)
        caller = self.caller
        is_frame_due = caller is not None and caller.pace.is_due(now)
        is_due = is_frame_due or bool(self._commands) or caller is None
        while self._commands:
            self._commands.popleft()(now)
        if is_frame_due:
            self._frames(now)
        if is_due and (now >= self._looks_at or not is_frame_due):
            self._look(now)
        self._carry_out()
        if self.caller is None or self.caller.waits_for_ack:
            self._heed_wait(now)
        if is_due or link.is_to_be_followed:
            link.follow(is_paced=self.caller is not None and self._conversation.is_ready)

    def _wait_ms(self) -> float:
        if self._link.has_more:
            return 0
        # While a caller is there its frames are the clock of everything.
        due = self.caller.pace.due_at if self.caller is not None else self._next_deadline()
        return max(0.0, (due - time.monotonic()) * 1000)

    def _next_deadline(self) -> float:
        times = [time.monotonic() + LONGEST_WAIT_S, self._link.next_step()]
        if (deadline := self._conversation.next_deadline()) is not None:
            times.append(deadline)
        return min(times)

    def _look(self, now: float) -> None:
        """Do what is due in the conversation, and tell what is new of it."""
        self._looks_at = now + LOOKS_EVERY_S
        deadline = self._conversation.next_deadline()
        if deadline is not None and now >= deadline:
            self._conversation.tick(now)
        self._link.step(now)
        self._carry_out()
        self._changed(self._conversation, self._how, now)

    def _read_caller(self, _events: int, now: float) -> None:
        if self.caller is not None:
            self._to_agent(self.caller.heard(now), now)

    def _frames(self, now: float) -> None:
        """Have the caller's frames that are due go both ways."""
        if self._conversation.is_ready:
            self._link.hear(now)
        caller = self.caller
        for _ in range(MAX_FRAMES_AT_ONCE):
            if caller is None or not caller.pace.is_due(now):
                break
            self._to_agent(caller.ticked(now), now)
            if caller.missed_ms:
                self._conversation.playout.stalled(caller.missed_ms)
                caller.missed_ms = 0.0
            if not caller.waits_for_ack:
                if self._waits_since is not None:
                    self._conversation.playout.held((now - self._waits_since) * 1000)
                    self._waits_since = None
                self._to_caller(caller, now)

    def _heed_wait(self, now: float) -> None:
        """Note since when audio waits for a caller: what is sent in real time is late by that."""
        if not self._conversation.playout.queued_ms:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now

    def _to_caller(self, caller: CallerAudio, now: float) -> None:
        conversation = self._conversation
        frame = conversation.frame(now, caller.frame_bytes)
        caller.play(frame, now)
        self.said.took(frame, now)
        if self._overhearing.is_on:
            self._overhearing.said(frame, caller.frame_bytes)
        if caller.is_on_hold:
            conversation.active(now)
        elif frame is not None and not self._is_heard:
            self._is_heard = conversation.first_rtp_out(time.monotonic())

    def _to_agent(self, pieces: list[bytes], now: float) -> None:
        if not pieces:
            return
        conversation = self._conversation
        self.heard.took(pieces[-1], now)
        if self._overhearing.is_on:
            self._overhearing.heard(pieces)
        for piece in pieces:
            if self._link.is_congested and conversation.is_ready:
                self._say_congested()
            else:
                conversation.caller_audio(piece)
        self._carry_out()
        # Whether the caller speaks, for the limit on silence; interrupting is the agent's.
        self._pieces += 1
        if self._pieces % LISTENS_EVERY == 0 and self.caller is not None and self.caller.is_loud:
            conversation.active(now)

    def _say_congested(self) -> None:
        if not self._said_congested:
            self._said_congested = True
            text = "The agent does not read what the caller says as fast as it comes: some is lost."
            self._tell(AgentNote("agent-slow", text))

    # The conversation's effects

    def _carry_out(self) -> None:
        while self._conversation.has_effects:
            for effect in self._conversation.drain():
                if type(effect) is Send:
                    self._link.send(effect.text)
                else:
                    self._one(effect)

    def _one(self, effect: Effect) -> None:
        match effect:
            case OpenSocket():
                self._link.open(effect)
            case CloseSocket(code, reason):
                self._link.close(code, reason)
            case DropSocket():
                self._link.drop()
            case Left():
                now = time.monotonic()
                self._conversation.record.moment("ended", now)
                self._changed(self._conversation, self._how, now)
                self._link.drop()
                self._ends = True
                self._tell(effect)
            case _:
                self._tell(effect)

    # Commands

    def take_socket(self, descriptor: int | None, error: str, now: float) -> None:
        """Take what the engine has connected, or why it could not."""
        if descriptor is None:
            self._conversation.not_connected(error, now)
            return
        self._link.give(descriptor)
        self._conversation.connected(now)
        self._carry_out()
        self._link.give(None)  # it may be wanted no more

    def borrow(self, make: MakeCaller, descriptors: Sequence[int], now: float) -> None:
        """Read and write a caller's audio, made on these descriptors, which become its own."""
        self.let_go(now)
        try:
            self.caller = make(self._formats, self._pressed, now)
        except (PathError, ValueError) as error:
            for descriptor in descriptors:
                os.close(descriptor)
            self._tell(Faulty(str(error)))
            return
        for descriptor, ready in self.caller.readers(self._read_caller).items():
            self._readers.append(descriptor)
            self._polled.watch(descriptor, ready)
        self._how = self.caller.how
        self._conversation.playout.frame_ms = self.caller.frame_ms

    def let_go(self, now: float) -> None:
        """Give the caller's media back; others go on with it, so RTCP says no goodbye."""
        caller, self.caller = self.caller, None
        if caller is not None:
            for descriptor in self._readers:
                self._polled.unwatch(descriptor)
            self._readers.clear()
            caller.close(now)

    def overhear(self, *, says: Sequence[Ear], hears: Sequence[Ear]) -> None:
        """Have these hear the agent, and these its caller. On the call's thread."""
        self.post(lambda _: self._overhearing.tell(says=says, hears=hears))

    def talk(self, act: Callable[[AgentConversation, float], None]) -> None:
        """Have something done to the conversation. On the call's thread."""
        self.post(lambda now: act(self._conversation, now))

    def _pressed(self, digit: str) -> None:
        self._tell(Pressed(digit))

    def _stop(self) -> None:
        self._ends = True

    def _close(self) -> None:
        now = time.monotonic()
        while self._commands:  # what holds descriptors, or is waited for
            command = self._commands.popleft()
            try:
                command(now)
            except Exception:
                logger.exception("a voice agent's call cannot be left in good order")
        self._link.drop()
        self._link.give(None)
        self.let_go(now)
        self._overhearing.tell(says=(), hears=())
