"""The thread of one call with an agent: the caller's RTP, the websocket and a timer in one poll."""

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from agents.dialects.interface import Note, Send
from agents.dialects.registry import DIALECTS, make
from agents.formats import AudioFormat
from callengine.core.orders import AgentOrder
from callengine.worker.agent.callermedia import CallerMedia, Terms
from callengine.worker.agent.conversation import AgentConversation
from callengine.worker.agent.effects import CloseSocket, DropSocket, Effect, Left, OpenSocket
from callengine.worker.agent.stream import StreamError
from callengine.worker.agent.websocket import AddressError, SocketEvent, WebSocket
from callengine.worker.audio.paths import PathError
from callengine.worker.lending import LentMedia

logger = logging.getLogger(__name__)

LISTENS_EVERY = 10
"Of the caller's pieces of audio: how seldom is asked whether it says anything."
MAX_FRAMES_AT_ONCE = 8
FEW_MESSAGES = 8
"Of more at once it is seen at once, not with the caller's next frame, whether there is room."
LONGEST_WAIT_S = 5.0
LOOKS_EVERY_S = 0.1
"How often is looked, while a caller is there, for what is due in the conversation."
STOP_WITHIN_S = 1.0

Command = Callable[[float], None]
"Done on the agent's thread; takes the time."


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
        """`changed` is called after each turn; beside it goes what is done to the audio."""
        super().__init__(name="agent media", daemon=True)
        self._tell, self._changed = told, changed
        self._how = ("", "")
        self._formats = AudioFormat(order.input), AudioFormat(order.output)
        self._commands: deque[Command] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._polled: dict[int, int] = {}
        self._readers: dict[int, Callable[[float], None]] = {}
        "What to call when which of the caller's descriptors can be read."
        self._socket: WebSocket | None = None
        self._given: int | None = None
        "What the engine has connected and nobody has taken yet."
        self._is_full = False
        self._is_deaf = False
        "Whether the agent has hung up, which is heard once there is room for what it said before."
        self._said_congested = False
        self._pieces = 0
        self.caller: CallerMedia | None = None
        self.takes_digits = DIALECTS[order.dialect].takes_digits
        now = time.monotonic()
        self._conversation = AgentConversation(
            order, call_uuid=call_uuid, make=make, now=now, unix_offset=time.time() - now
        )
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
        self._watch(self._wake, select.POLLIN)
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

    def _turn(self) -> None:
        ready = self._poll.poll(self._wait_ms())
        now = time.monotonic()
        for descriptor, events in ready:
            self._ready(descriptor, events, now)
        if self._socket is not None and self._socket.has_more and not self._is_full:
            self._heard(self._socket.readable(now))
        is_due = bool(self._commands) or self.caller is None or now >= self.caller.next_tick
        while self._commands:
            self._commands.popleft()(now)
        if is_due:
            self._tick(now)
        self._carry_out()
        if is_due or self._socket is None or self._socket.wants_write:
            self._follow()
        if is_due:
            self._changed(self._conversation, self._how, now)

    def _wait_ms(self) -> float:
        sock = self._socket
        if sock is not None and not self._is_full and sock.has_more:
            return 0
        # While a caller is there its frames are the clock of everything.
        due = self.caller.next_tick if self.caller is not None else self._next_deadline()
        return max(0.0, (due - time.monotonic()) * 1000)

    def _next_deadline(self) -> float:
        times = [time.monotonic() + LONGEST_WAIT_S]
        if (deadline := self._conversation.next_deadline()) is not None:
            times.append(deadline)
        if self._socket is not None:
            times.append(self._socket.next_step())
        return min(times)

    def _ready(self, descriptor: int, events: int, now: float) -> None:
        if (reader := self._readers.get(descriptor)) is not None:
            reader(now)
        elif descriptor == self._wake:
            os.eventfd_read(self._wake)
        elif (sock := self._socket) is not None and descriptor == sock.fileno():
            if events & select.POLLOUT:
                self._heard(sock.writable())
            if self._is_full:
                self._is_deaf = bool(events & (select.POLLHUP | select.POLLERR))
            elif events & ~select.POLLOUT and self._socket is sock:
                self._heard(sock.readable(now))

    def _read_caller(self, now: float) -> None:
        if self.caller is not None:
            self._to_agent(self.caller.heard(now), now)

    def _tick(self, now: float) -> None:
        caller = self.caller
        for _ in range(MAX_FRAMES_AT_ONCE):
            if caller is None or now < caller.next_tick:
                break
            self._to_agent(caller.ticked(now), now)
            if not caller.waits_for_ack:
                self._to_caller(caller, now)
        if caller is not None and now < self._looks_at:
            return
        self._looks_at = now + LOOKS_EVERY_S
        deadline = self._conversation.next_deadline()
        if deadline is not None and now >= deadline:
            self._conversation.tick(now)
        if self._socket is not None and now >= self._socket.next_step():
            self._heard(self._socket.step(now, is_read=not self._is_full))

    def _to_caller(self, caller: CallerMedia, now: float) -> None:
        conversation = self._conversation
        frame = conversation.frame(now, caller.frame_bytes)
        caller.play(frame, now)
        if caller.is_on_hold:
            conversation.active(now)
        elif frame is not None and "first_agent_audio" in conversation.moments:
            conversation.first_rtp_out(time.monotonic())

    def _to_agent(self, pieces: list[bytes], now: float) -> None:
        conversation, sock = self._conversation, self._socket
        for piece in pieces:
            if sock is not None and sock.is_congested and conversation.is_ready:
                self._say_congested()
            else:
                conversation.caller_audio(piece, now)
        if pieces:
            self._carry_out()
            self._listen(now)

    def _listen(self, now: float) -> None:
        """Note that the caller speaks, for the limit on silence; interrupting is the agent's."""
        self._pieces += 1
        if self._pieces % LISTENS_EVERY == 0 and self.caller is not None and self.caller.is_loud:
            self._conversation.active(now)

    def _say_congested(self) -> None:
        if not self._said_congested:
            self._said_congested = True
            text = "The agent does not read what the caller says as fast as it comes: some is lost."
            self._tell(Note("agent-slow", text))

    # The conversation's effects

    def _carry_out(self) -> None:
        while effects := self._conversation.drain():
            for effect in effects:
                self._one(effect)

    def _one(self, effect: Effect) -> None:
        match effect:
            case Send(text):
                if self._socket is not None:
                    self._heard(self._socket.send(text))
            case OpenSocket():
                self._open(effect)
            case CloseSocket(code, reason):
                if self._socket is not None:
                    self._heard(self._socket.close(code, reason))
            case DropSocket():
                self._drop()
            case Left():
                now = time.monotonic()
                self._conversation.ended(now)
                self._changed(self._conversation, self._how, now)
                self._drop()
                self._ends = True
                self._tell(effect)
            case _:
                self._tell(effect)

    def _open(self, effect: OpenSocket) -> None:
        now = time.monotonic()
        descriptor, self._given = self._given, None
        assert descriptor is not None
        self._drop()
        try:
            self._socket = WebSocket(
                descriptor, effect.handshake, max_message_bytes=effect.max_message_bytes, now=now
            )
        except (AddressError, StreamError) as error:
            self._conversation.not_connected(str(error), now)
            return
        self._heard(self._socket.writable())

    def _drop(self) -> None:
        sock, self._socket = self._socket, None
        self._is_full = self._is_deaf = False
        if sock is not None:
            self._unwatch(sock.fileno())
            sock.close(1000, "")
            sock.abort()

    def _heard(self, events: list[SocketEvent]) -> None:
        now = time.monotonic()
        sock = self._socket
        if sock is not None and sock.is_over:
            self._socket = None
        for event in events:
            self._conversation.heard(event, now)
        if len(events) > FEW_MESSAGES or sock is not self._socket:
            self._follow()

    # What is waited for

    def _follow(self) -> None:
        """Wait for the websocket as far as there is room, or something to send."""
        playout, sock = self._conversation.playout, self._socket
        self._is_full = not playout.may_resume if self._is_full else playout.is_full
        if not self._is_full:
            self._is_deaf = False
        wanted: dict[int, int] = dict.fromkeys((self._wake, *self._readers), select.POLLIN)
        if sock is not None and not self._is_deaf:
            reads = 0 if self._is_full else select.POLLIN
            wanted[sock.fileno()] = reads | (select.POLLOUT if sock.wants_write else 0)
        if wanted != self._polled:
            for descriptor in self._polled.keys() - wanted.keys():
                self._unwatch(descriptor)
            for descriptor, events in wanted.items():
                self._watch(descriptor, events)

    def _watch(self, descriptor: int, events: int) -> None:
        self._poll.register(descriptor, events)
        self._polled[descriptor] = events

    def _unwatch(self, descriptor: int) -> None:
        if self._polled.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    # Commands

    def take_socket(self, descriptor: int | None, error: str, now: float) -> None:
        """Take what the engine has connected, or why it could not."""
        if descriptor is None:
            self._conversation.not_connected(error, now)
            return
        self._given = descriptor
        self._conversation.connected(now)
        self._carry_out()
        if self._given is not None:  # it is wanted no more
            os.close(self._given)
            self._given = None

    def borrow(
        self, media: LentMedia, descriptors: tuple[int, int], terms: Terms, now: float
    ) -> None:
        """Read and write the caller's RTP on these descriptors, which become its own."""
        self.let_go(now)
        try:
            self.caller = CallerMedia(
                media, descriptors, terms, formats=self._formats, digit=self._pressed, now=now
            )
        except (PathError, ValueError) as error:
            for descriptor in descriptors:
                os.close(descriptor)
            self._tell(Faulty(str(error)))
            return
        session = self.caller.session
        self._readers[session.rtp.fileno()] = self._read_caller
        if session.rtcp is not None:
            self._readers[session.rtcp.fileno()] = session.receive_reports
        self._how = self.caller.how
        self._conversation.playout.frame_ms = self.caller.frame_ms

    def let_go(self, now: float) -> None:
        """Give the caller's sockets back; others go on with them, so RTCP says no goodbye."""
        caller, self.caller = self.caller, None
        if caller is not None:
            for descriptor in self._readers:
                self._unwatch(descriptor)
            self._readers.clear()
            caller.close(now)

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
        self._drop()
        self.let_go(now)
