"""The websocket of a conversation: opened, heard as far as there is room, written to, dropped."""

import os
import time
from collections.abc import Sequence

from callengine.worker.agent.conversation import AgentConversation
from callengine.worker.agent.effects import OpenSocket
from callengine.worker.agent.polled import GONE, READS, WRITES, Polled
from callengine.worker.agent.stream import StreamError
from callengine.worker.agent.websocket import AddressError, SocketEvent, WebSocket

NOBODYS = -1
FEW_MESSAGES = 8
"Of more at once it is seen at once, not with the caller's next frame, whether there is room."


class AgentLink:
    """At most one websocket at a time; on the agent's thread."""

    def __init__(self, conversation: AgentConversation, polled: Polled) -> None:
        self._conversation, self._polled = conversation, polled
        self._socket: WebSocket | None = None
        self._given: int | None = None
        "What the engine has connected and nobody has taken yet."
        self._watched = NOBODYS
        self._is_paced = False
        self._is_full = False
        self._is_deaf = False
        "Whether the agent has hung up, which is heard once there is room for what it said before."

    # Opening and closing

    def give(self, descriptor: int | None) -> None:
        """Take what the engine has connected; what nobody has taken before is closed."""
        former, self._given = self._given, descriptor
        if former is not None:
            os.close(former)

    def open(self, effect: OpenSocket) -> None:
        """Open a websocket on what was given."""
        now = time.monotonic()
        descriptor, self._given = self._given, None
        assert descriptor is not None
        self.drop()
        try:
            self._socket = WebSocket(
                descriptor, effect.handshake, max_message_bytes=effect.max_message_bytes, now=now
            )
        except (AddressError, StreamError) as error:
            self._conversation.not_connected(str(error), now)
            return
        self._tell(self._socket.writable())

    def close(self, code: int, reason: str) -> None:
        """Send a closing frame."""
        if self._socket is not None:
            self._tell(self._socket.close(code, reason))

    def drop(self) -> None:
        """Send a closing frame if it is open, and let go of it."""
        sock, self._socket = self._socket, None
        self._is_full = self._is_deaf = False
        self._watch(NOBODYS, 0)
        if sock is not None:
            sock.close(1000, "")
            sock.abort()

    # What goes and comes

    @property
    def is_congested(self) -> bool:
        """Whether the agent does not read as fast as it is sent to."""
        return self._socket is not None and self._socket.is_congested

    @property
    def has_more(self) -> bool:
        """Whether `hear` is due though no descriptor tells."""
        return self._socket is not None and self._socket.has_more and not self._is_full

    def send(self, text: str) -> None:
        """Send a message; nothing if there is no websocket."""
        if self._socket is not None and (events := self._socket.send(text)):
            self._tell(events)

    def hear(self, now: float) -> None:
        """Read what has come, if there is room for it."""
        if self._socket is not None and not self._is_full:
            self._tell(self._socket.readable(now))

    def next_step(self) -> float:
        """Return when `step` is due."""
        return self._socket.next_step() if self._socket is not None else float("inf")

    def step(self, now: float) -> None:
        """Ping it; give it up if it does not answer."""
        if self._socket is not None and now >= self._socket.next_step():
            self._tell(self._socket.step(now, is_read=not self._is_full))

    def _ready(self, events: int, now: float) -> None:
        sock = self._socket
        if sock is not None and events & WRITES:
            self._tell(sock.writable())
        if self._is_full:
            self._is_deaf = bool(events & GONE)
        elif events & ~WRITES and sock is self._socket:
            self.hear(now)

    def _tell(self, events: Sequence[SocketEvent]) -> None:
        now, sock = time.monotonic(), self._socket
        if sock is not None and sock.is_over:
            self._socket = None
        for event in events:
            self._conversation.heard(event, now)
        if len(events) > FEW_MESSAGES or sock is not self._socket:
            self.follow(is_paced=self._is_paced)

    # What is waited for

    @property
    def is_to_be_followed(self) -> bool:
        """Whether `follow` is due beside the caller's frames."""
        return self._socket is None or self._socket.wants_write

    def follow(self, *, is_paced: bool) -> None:
        """Wait for it as far as there is room, or something to send.

        `is_paced`: `hear` is called with each of the caller's frames. Nothing that is said can be
        played sooner, so nobody wakes up for it in between.
        """
        playout, sock = self._conversation.playout, self._socket
        self._is_paced = is_paced
        self._is_full = not playout.may_resume if self._is_full else playout.is_full
        if not self._is_full:
            self._is_deaf = False
        events = 0 if self._is_full or is_paced else READS
        if sock is not None and sock.wants_write:
            events |= WRITES
        is_watched = sock is not None and not self._is_deaf and (events or not is_paced)
        self._watch(sock.fileno() if sock is not None and is_watched else NOBODYS, events)

    def _watch(self, descriptor: int, events: int) -> None:
        if descriptor != self._watched:
            self._polled.unwatch(self._watched)
            self._watched = descriptor
        if descriptor != NOBODYS:
            self._polled.watch(descriptor, self._ready, events)
