"""What the dialects share: reading messages, and what is left out where a dialect has nothing."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from agents.concealed import in_words
from agents.dialects.closing import NORMAL, failed, is_passing
from agents.dialects.interface import (
    Close,
    Effect,
    Handshake,
    HangUp,
    ImmutableError,
    Odd,
    Send,
    Session,
)
from agents.dialects.kinds import DialectKind
from agents.dialects.messages import MAX_MESSAGE_BYTES, OddMessageError, read

USER_AGENT = "VoIPNumber"
_MAX_UNKNOWN = 16
"Names of unknown messages that are told apart."

Message = Mapping[str, Any]
Handler = Callable[[Message, float], Iterable[Effect]]


class Conversation:
    """One websocket of any dialect; each overrides what it has something to say to."""

    kind: ClassVar[DialectKind]
    type_key: ClassVar[str] = "type"
    "Where a message says what it is."
    unheeded: ClassVar[frozenset[str]] = frozenset()
    "Messages that are well known and change nothing."
    max_message_bytes = MAX_MESSAGE_BYTES

    def __init__(self, session: Session) -> None:
        self.session = session
        self.handlers: Mapping[str, Handler] = {}
        self.is_ready = False
        self.is_ending = False
        "We have said goodbye, and wait for the agent's."
        self.is_over = False
        "Nothing that comes is heeded any more, and no close means anything."
        self.has_spoken = False
        "Audio of the agent has come."
        self._unknown: set[str] = set()
        self._early: dict[str, Any] = {}
        "Settings that were changed before the agent was ready to hear of it."

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def takes_digits(self) -> bool:
        return self.kind.takes_digits

    def handshake(self, now: float) -> Handshake:
        headers = [("User-Agent", USER_AGENT)]
        if self.session.secret:
            headers += self.credentials(now)
        return Handshake(self.session.url, tuple(headers))

    def credentials(self, now: float) -> list[tuple[str, str]]:
        """Return the headers that prove the secret; there is one."""
        return [("Authorization", f"Bearer {self.session.secret}")]

    def opened(self, now: float) -> list[Effect]:
        return []

    def received(self, message: str | bytes, now: float) -> list[Effect]:
        if self.is_over:
            return []
        try:
            values = read(message)
            kind = values.get(self.type_key)
            handler = self.handlers.get(kind) if isinstance(kind, str) else None
            if handler is None:
                return self._unhandled(kind)
            return list(handler(values, now))
        except OddMessageError as error:
            return [Odd(str(error))]

    def _unhandled(self, kind: object) -> list[Effect]:
        if not isinstance(kind, str):
            return [Odd(f"message without {self.type_key}")]
        if kind in self.unheeded:
            return []
        name = in_words(kind, self.session.secret, 40) if kind.isprintable() else ""
        if name not in self._unknown and len(self._unknown) >= _MAX_UNKNOWN:
            name = ""
        if not name:
            return [Odd("message of unknown type")]
        self._unknown.add(name)
        return [Odd(f"message of unknown type {name}")]

    def closed(self, code: int, reason: str, now: float) -> list[Effect]:
        """A normal close is how an agent without other words hangs up.

        Such an agent has no session to resume: on a new websocket it begins anew, which is of use
        only while it has said nothing.
        """
        if self.is_over:
            return []
        self.is_over = True
        if code in NORMAL:
            return [HangUp("The agent has closed its websocket")]
        is_retryable = is_passing(code) and not self.has_spoken
        return [
            failed(
                code,
                reason,
                is_retryable=is_retryable,
                keeps_session=False,
                had_begun=self.has_spoken,
            )
        ]

    def caller_audio(self, audio: bytes) -> list[Send]:
        raise NotImplementedError

    def digit(self, digit: str) -> list[Effect]:
        return []

    def mark_reached(self, name: str, *, is_played: bool) -> list[Effect]:
        return []

    def flushed(self, played_ms: Mapping[str, float]) -> list[Effect]:
        return []

    def transfer_over(self, key: str, code: int, why: str, now: float) -> list[Effect]:
        return []

    def change(self, settings: Mapping[str, Any]) -> list[Effect]:
        """Refuse what cannot change; what can, `changed` sends, at the earliest once ready."""
        for name in settings:
            if name not in self.kind.mutable:
                raise ImmutableError(self.kind.why_immutable(name))
        if not self.is_ready:
            self._early.update(settings)
            return []
        is_of_use = settings and not self.is_over and not self.is_ending
        return self.changed(settings) if is_of_use else []

    def early_changes(self) -> list[Effect]:
        """Send, once ready, what was changed before."""
        early, self._early = self._early, {}
        return self.changed(early) if early else []

    def changed(self, settings: Mapping[str, Any]) -> list[Effect]:
        """Send settings, all of which may change; there is at least one."""
        return []

    def end(self, now: float) -> list[Effect]:
        if self.is_over:
            return []
        self.is_over = True
        return [Close()]

    def next_deadline(self) -> float | None:
        return None

    def tick(self, now: float) -> list[Effect]:
        return []
