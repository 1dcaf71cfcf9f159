"""The SIP ladder: which call and leg each message belongs to, numbered, masked and recorded.

The event loop only notes what passed; reading, masking and writing happen in the journal's thread.
Messages that come before a call is known (its INVITE, a challenge, our 100) wait, a bounded number
for a short while, until a call claims those of its Call-ID from the same host.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from callengine.core.snapshot import MessageSnapshot, iso
from callengine.edge.interface import LegAnchor
from callengine.edge.messages.text import clean
from callengine.record.changes import Keepable
from callengine.record.journal import Journal
from callengine.record.masking import MAX_BYTES, masked

MAX_MESSAGES = 200
"Of one call; then a note that the rest was left out."
GATHERING_S = 0.1
LINGER_S = 40.0
"How long after its end a call's messages still count as its own; longer than timer H."
EARLY_S = 40.0
MAX_EARLY_MESSAGES = 12
MAX_EARLY_BYTES = 4 * 1024 * 1024
MAX_EARLY_CALLS = 4000

_CALL_ID = re.compile(
    rb"^(?:call-id|i)[ \t]*:(?:\r\n[ \t]|[ \t])*([^\r\n]+)", re.IGNORECASE | re.MULTILINE
)
_OF_A_CALL = re.compile(
    rb"^cseq[ \t]*:(?:\r\n[ \t]|[ \t])*[0-9]+(?:\r\n[ \t]|[ \t])+(?:INVITE|ACK|CANCEL)\b",
    re.IGNORECASE | re.MULTILINE,
)
_Key = tuple[str, str]
Listener = Callable[["SeenMessage", str], None]
"Takes each message of a call as it passes, and its leg; called inline, be quick."


class Audience(Protocol):
    """Whoever is told of messages once they are written."""

    def messages(self, call_id: str, messages: list[MessageSnapshot]) -> None:
        """Show new messages of a call's ladder."""


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """One message between a peer and us, not masked yet."""

    at: float
    direction: str
    flow: str
    data: bytes

    @property
    def is_invite(self) -> bool:
        """Tell an INVITE that came in."""
        return self.direction == "in" and self.data.startswith(b"INVITE ")


@dataclass(slots=True, eq=False)
class _Call:
    uuid: str
    key: _Key
    began_at: float = 0.0
    "When its first message passed, as Unix time."
    count: int = 0
    closed: bool = False
    invites: set[int] = field(default_factory=set)
    "Hashes of the INVITEs that came on it."
    listener: Listener | None = None
    seen: set[tuple[str, ...]] = field(default_factory=set)
    "Identities of its messages; only the journal's thread touches them."

    def is_followed_by(self, seen: SeenMessage) -> bool:
        """Tell whether an INVITE begins another call: a caller may keep its Call-ID for it."""
        is_new = seen.is_invite and hash(seen.data) not in self.invites
        return self.closed and is_new


@dataclass(slots=True)
class _Entry:
    call: _Call
    number: int
    leg: str
    seen: SeenMessage


class Early:
    """Messages no call has claimed yet, by Call-ID and host; above its bounds the oldest go."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[_Key, list[SeenMessage]] = OrderedDict()
        self._bytes = 0

    def keep(self, key: _Key, seen: SeenMessage) -> None:
        """Keep a message for a while."""
        messages = self._waiting.setdefault(key, [])
        if len(messages) < MAX_EARLY_MESSAGES:
            messages.append(seen)
            self._bytes += len(seen.data)
        while self._waiting and self._is_over(seen.at):
            _, gone = self._waiting.popitem(last=False)
            self._bytes -= _size(gone)

    def claim(self, key: _Key) -> list[SeenMessage]:
        """Return what came for a call so far, oldest first, and forget it."""
        messages = self._waiting.pop(key, [])
        self._bytes -= _size(messages)
        return messages

    def _is_over(self, now: float) -> bool:
        if len(self._waiting) > MAX_EARLY_CALLS or self._bytes > MAX_EARLY_BYTES:
            return True
        oldest = next(iter(self._waiting.values()))
        return bool(oldest) and now - oldest[-1].at > EARLY_S


class Trace:
    """Observes the edge and keeps the ladder of every call."""

    def __init__(self, leg_of: Callable[[str], LegAnchor | None]) -> None:
        self._leg_of = leg_of
        self._calls: dict[str, _Call] = {}
        self._by_key: dict[_Key, _Call] = {}
        self._early = Early()
        self._pending: list[_Entry] = []
        self._flush_waits = False
        self._journal: Journal | None = None
        self._audience: Audience | None = None

    def open_with(self, journal: Journal, audience: Audience) -> None:
        """Begin to write and to show."""
        self._journal, self._audience = journal, audience

    def observe(self, token: str | None, direction: str, flow: str, data: bytes) -> None:
        """Note one message between a peer and us; the edge calls this for each."""
        seen = SeenMessage(time.time(), direction, flow, data[: MAX_BYTES + 1])
        if token is not None:
            anchor = self._leg_of(token)
            call = self._calls.get(anchor.call) if anchor is not None else None
            if anchor is not None and call is not None:
                self._take(call, anchor.name, seen)
            return
        key = _key(_call_id(data), flow)
        call = self._by_key.get(key)
        if call is not None and not call.is_followed_by(seen):
            self._take(call, "A", seen)
        elif key[0] and _OF_A_CALL.search(data):
            self._early.keep(key, seen)

    def opened(
        self,
        call: str,
        *,
        uuid: str,
        sip_call_id: str,
        flow: str,
        listener: Listener | None = None,
    ) -> None:
        """Begin the ladder of a call by its 32-digit id, with what came before it."""
        key = _key(sip_call_id, flow)
        ladder = self._calls[call] = self._by_key[key] = _Call(uuid, key, listener=listener)
        for seen in self._early.claim(key):
            self._take(ladder, "A", seen)

    def listen(self, call: str, listener: Listener | None) -> int:
        """Have somebody take a call's messages from now on, besides; return how many there were."""
        ladder = self._calls.get(call)
        if ladder is None:
            return 0
        ladder.listener = listener
        return ladder.count

    def closed(self, call: str) -> None:
        """Note that a call has ended; what its peers still send belongs to it for a while."""
        if (ladder := self._calls.get(call)) is not None:
            ladder.closed = True
            asyncio.get_running_loop().call_later(LINGER_S, self._forget, call)

    def flush(self) -> None:
        """Have everything noted so far written."""
        self._flush_waits = False
        entries, self._pending = self._pending, []
        if entries and self._journal is not None:
            batch = _Batch(entries)
            self._journal.write(batch, partial(self._publish, batch))

    def _forget(self, call: str) -> None:
        ladder = self._calls.pop(call, None)
        if ladder is not None and self._by_key.get(ladder.key) is ladder:
            del self._by_key[ladder.key]

    def _take(self, call: _Call, leg: str, seen: SeenMessage) -> None:
        if call.listener is not None:
            call.listener(seen, leg)
        if call.count > MAX_MESSAGES:
            return
        call.began_at = call.began_at or seen.at
        call.count += 1
        if seen.is_invite:
            call.invites.add(hash(seen.data))
        self._pending.append(_Entry(call, call.count, leg, seen))
        if not self._flush_waits:
            self._flush_waits = True
            asyncio.get_running_loop().call_later(GATHERING_S, self.flush)

    def _publish(self, batch: "_Batch") -> None:
        if self._audience is not None:
            for uuid, messages in batch.messages.items():
                self._audience.messages(uuid, messages)


class _Batch(Keepable):
    """Messages of any calls, read and masked once, however often the writing is tried."""

    kind = "sip-messages"

    def __init__(self, entries: list[_Entry]) -> None:
        self._entries = entries
        self.messages: dict[str, list[MessageSnapshot]] = {}
        "By call, as they were written."

    def told(self) -> dict[str, dict[str, list[MessageSnapshot]]]:
        """Return them masked; runs in the journal's thread."""
        if not self.messages:
            by_call = sorted(self._entries, key=lambda entry: entry.call.uuid)
            for uuid, entries in groupby(by_call, key=attrgetter("call.uuid")):
                self.messages[uuid] = [_message(entry) for entry in entries]
        return {"messages": self.messages}


def _message(entry: _Entry) -> MessageSnapshot:
    base: MessageSnapshot = {
        "number": entry.number,
        "leg": "",
        "at": iso(entry.seen.at),
        "offset_s": round(entry.seen.at - entry.call.began_at, 6),
        "direction": "note",
        "peer": "",
        "summary": f"Only the first {MAX_MESSAGES} messages are kept.",
        "cseq": "",
        "retransmission": False,
        "codecs": [],
        "text": "",
    }
    if entry.number > MAX_MESSAGES:
        return base
    read = masked(entry.seen.data)
    identity = (entry.seen.direction, *read.identity)
    again = identity in entry.call.seen
    entry.call.seen.add(identity)
    return {
        **base,
        "leg": entry.leg,
        "direction": entry.seen.direction,
        "peer": _address(entry.seen.flow),
        "summary": read.summary,
        "cseq": read.cseq,
        "retransmission": again,
        "codecs": list(read.codecs),
        "text": read.text,
    }


def _call_id(data: bytes) -> str:
    header = _CALL_ID.search(data, 0, MAX_BYTES)
    return clean(header.group(1).decode("utf-8", "replace").strip(), 255) if header else ""


def _key(sip_call_id: str, flow: str) -> _Key:
    # Another host that names a Call-ID it saw has no part in the call.
    return sip_call_id, _address(flow).partition(":")[2].rpartition(":")[0]


def _address(flow: str) -> str:
    """Return a flow without the name that its certificate must be for, as long as names may be."""
    return flow.partition("/")[0]


def _size(messages: Iterable[SeenMessage]) -> int:
    return sum(len(seen.data) for seen in messages)
