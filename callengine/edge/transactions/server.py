"""Server transactions (RFC 3261 section 17.2): retransmissions absorbed, finals repeated.

Timers come from `later(delay_s, call)`, so that tests drive them with a clock of their own.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from callengine.edge.flow import Flow
from callengine.edge.messages.received import Received
from callengine.edge.messages.replies import reply_flow
from callengine.edge.settings import T1_S, T2_S, TIMEOUT_S
from callengine.edge.timers import Later, Timer
from callengine.edge.transactions.shortening import shortened

Key = tuple[str, ...]

INVITE_GUARD_S = 3600.0
"An INVITE without a final answer is forgotten after this long, whatever happened to its call."
REQUEST_GUARD_S = 45.0
CONFIRMED_S = 5.0
"Timer I."
MAX_FACTOR = 3
"Bytes sent to a source nobody has proven, for each byte that came from it."
UNPROVEN_REPEATS = 3
"How often a 2xx is repeated to such a source, after 0.5, 1.5 and 3.5 s; its ACK may come later."
FINAL_BYTES = 300
"Kept of a credit for the final response when a provisional one is sent."
MAX_REQUEST_BYTES = 32 * 1024 * 1024
"Of all requests kept; a flood of large ones is held to this, not to their number alone."

Send = Callable[[Flow, bytes], None]
Respond = Callable[["ServerTransaction", bytes], None]
"Send a response on its transaction's flow, or mark the transaction as `undelivered`."


class State(Enum):
    """Where a server transaction stands (RFC 3261 figures 7 and 8)."""

    PROCEEDING = "proceeding"
    "Not answered finally; Trying is no state of its own here."
    COMPLETED = "completed"
    "Its final is repeated: of an INVITE until the ACK, of another when the request is."
    CONFIRMED = "confirmed"
    "The ACK of a final has come."
    GONE = "gone"


@dataclass(slots=True, eq=False)
class ServerTransaction:
    """One request of a peer and the last response it got."""

    key: Key
    request: Received
    flow: Flow
    "Where responses go."
    state: State = State.PROCEEDING
    code: int = 0
    last: bytes = b""
    cancelled: bool = False
    token: str = ""
    "The leg it was forwarded on."
    branch: str = ""
    "Our Via branch toward the call process."
    forwarded: bytes = b""
    to_tag: str = ""
    credit_bytes: int | None = None
    """How much may still be sent to a source that has not shown that it is where it says: three
    times what came from there. None: it has, and gets whatever the RFC asks for."""
    repeats: int = 0
    "Of a final, by a timer of ours."
    undelivered: bool = False
    "No way is left to whoever sent the request, so no response is sent any more."
    timers: list[Timer] = field(default_factory=list)

    @property
    def is_invite(self) -> bool:
        return self.request.method == "INVITE"

    @property
    def is_stateless(self) -> bool:
        """Tell whether nothing need be kept once it is answered (RFC 3261 section 8.2.7).

        Whoever heard nothing repeats the INVITE, and is answered alike, with the same tag.
        """
        is_ours = self.is_invite and not self.forwarded and self.code >= 300
        return is_ours and self.credit_bytes is not None

    @property
    def is_enough(self) -> bool:
        """Tell whether a source that has shown nothing was told its 2xx often enough.

        Responses of any other code are held to its credit.
        """
        is_unproven = self.credit_bytes is not None and self.code < 300
        return is_unproven and self.repeats >= UNPROVEN_REPEATS

    @property
    def is_reliable(self) -> bool:
        return self.flow.is_reliable


def transaction_key(message: Received, method: str = "") -> Key:
    """Return what makes two requests the same (section 17.2.3), old clients without branch too."""
    method = method or message.method
    # The ACK of a failure belongs to the transaction of its INVITE.
    method = "INVITE" if method == "ACK" else method
    host = message.flow.host
    sent_by = f"{message.via.host.lower()}:{message.via.port or 5060}"
    if message.via.has_rfc3261_branch:
        return (message.via.branch, sent_by, host, method)
    return (
        message.call_id,
        message.from_tag,
        str(message.cseq),
        message.uri,
        sent_by,
        host,
        method,
    )


def _merge_key(message: Received) -> Key:
    return (message.call_id, message.from_tag, str(message.cseq), message.method)


class ServerTransactions:
    """All requests of peers that are being answered or were lately."""

    def __init__(
        self,
        *,
        send: Respond,
        later: Later,
        limit: int,
        on_removed: Callable[[ServerTransaction], None] = lambda _: None,
        on_repeated: Callable[[ServerTransaction], None] = lambda _: None,
        is_proven: Callable[[Received], bool] = lambda _: True,
        on_unanswerable: Callable[[ServerTransaction], None] = lambda _: None,
    ) -> None:
        """`is_proven` tells whether a request's source has shown that it is where it says."""
        self._is_proven = is_proven
        self._on_unanswerable = on_unanswerable
        self._send = send
        self._later = later
        self._limit = limit
        self._on_removed = on_removed
        self._on_repeated = on_repeated
        self._table: OrderedDict[Key, ServerTransaction] = OrderedDict()
        self._bytes = 0
        self._ongoing: dict[Key, ServerTransaction] = {}

    def __len__(self) -> int:
        return len(self._table)

    def find(self, message: Received, method: str = "") -> ServerTransaction | None:
        """Return the transaction of a retransmission, or the one an ACK or CANCEL belongs to."""
        return self._table.get(transaction_key(message, method))

    def is_merged(self, message: Received) -> bool:
        """Tell whether this request came before by another path (section 8.2.2.2)."""
        return not message.to_tag and _merge_key(message) in self._ongoing

    def add(self, message: Received) -> ServerTransaction:
        """Open a transaction; above the bounds the oldest is forgotten."""
        while self._table and self._is_full:
            self.remove(self._least_missed())
        transaction = ServerTransaction(transaction_key(message), message, reply_flow(message))
        if not self._is_proven(message):
            transaction.credit_bytes = MAX_FACTOR * len(message.raw)
        if (same := self._table.get(transaction.key)) is not None:
            self.remove(same)
        self._table[transaction.key] = transaction
        self._bytes += len(message.raw)
        if not message.to_tag:
            self._ongoing.setdefault(_merge_key(message), transaction)
        guard_s = INVITE_GUARD_S if transaction.is_invite else REQUEST_GUARD_S
        self._forget_after(transaction, guard_s)
        return transaction

    @property
    def _is_full(self) -> bool:
        return len(self._table) >= self._limit or self._bytes > MAX_REQUEST_BYTES

    def _least_missed(self) -> ServerTransaction:
        """Return the oldest, but not a call's INVITE as long as there is another."""
        # A flood of junk must not cost those whose call is ringing their answer.
        others = (
            item
            for item in self._table.values()
            if item.state is not State.PROCEEDING or not (item.is_invite and item.token)
        )
        return next(others, None) or next(iter(self._table.values()))

    def respond(self, transaction: ServerTransaction, code: int, data: bytes) -> bytes:
        """Send a response and keep it for retransmissions; a second final is not sent.

        A final answer to an INVITE is repeated here until its ACK, whoever gave it. Returns what
        was sent: less than `data` if the source may not have so much, nothing if no way is left.
        """
        if transaction.state is not State.PROCEEDING:
            return b""
        is_first = not transaction.last
        sent = self._fitting(transaction, code, data)
        if sent:
            transaction.last, transaction.code = sent, code
            self._send(transaction, sent)
        if code >= 200:
            transaction.code = code
            self._complete(transaction, is_first=is_first)
            if not sent:
                self._on_unanswerable(transaction)
        return b"" if transaction.undelivered else sent

    def _fitting(self, transaction: ServerTransaction, code: int, data: bytes) -> bytes:
        """Return what of a response may be sent; nothing if the source has had enough."""
        credit = transaction.credit_bytes
        if credit is None or (transaction.is_invite and 200 <= code < 300):
            return data
        kept = FINAL_BYTES if code < 200 else 0
        fitting = shortened(data, credit - kept) or b""
        transaction.credit_bytes = credit - len(fitting)
        return fitting

    def _complete(self, transaction: ServerTransaction, *, is_first: bool) -> None:
        transaction.state = State.COMPLETED
        self._end_merging(transaction)
        self._stop_timers(transaction)
        if (is_first and transaction.is_stateless) or (
            not transaction.is_invite and transaction.is_reliable
        ):
            self.remove(transaction)  # timer J is 0 over a reliable transport (17.2.2)
            return
        self._forget_after(transaction, TIMEOUT_S)  # timer H or J; L of RFC 6026 for a 2xx
        # A 2xx may get lost behind the first hop, so it is repeated over TCP too (13.3.1.4).
        if transaction.is_invite and (transaction.code < 300 or not transaction.is_reliable):
            self._repeat_later(transaction, T1_S)

    def _repeat_later(self, transaction: ServerTransaction, delay_s: float) -> None:
        """Repeat a final: timer G (17.2.1), and the same for a 2xx (13.3.1.4)."""

        def again() -> None:
            is_over = transaction.is_enough or transaction.undelivered
            if transaction.state is State.COMPLETED and not is_over:
                transaction.repeats += 1
                self._send_again(transaction)
                self._repeat_later(transaction, min(2 * delay_s, T2_S))

        # The first timer is H; only one G is kept beside it.
        transaction.timers[1:] = [self._later(delay_s, again)]

    def acknowledge(self, transaction: ServerTransaction) -> None:
        """Take the ACK of a final answer."""
        if transaction.state is State.COMPLETED:
            transaction.state = State.CONFIRMED
            self._stop_timers(transaction)
            # Timer I; and an INVITE that comes late must still find its 2xx (RFC 6026, timer L).
            forget_s = CONFIRMED_S if transaction.code >= 300 else TIMEOUT_S
            self._forget_after(transaction, forget_s)

    def absorb(self, transaction: ServerTransaction) -> None:
        """Answer a retransmission with the last response, if there is one."""
        if transaction.credit_bytes is not None:
            transaction.credit_bytes += MAX_FACTOR * len(transaction.request.raw)
        if transaction.last and transaction.state is not State.CONFIRMED:
            self._send_again(transaction)

    def _send_again(self, transaction: ServerTransaction) -> None:
        if self._fitting(transaction, transaction.code, transaction.last) != transaction.last:
            return
        self._send(transaction, transaction.last)
        if not transaction.undelivered:
            self._on_repeated(transaction)

    def remove(self, transaction: ServerTransaction) -> None:
        transaction.state = State.GONE
        self._stop_timers(transaction)
        self._end_merging(transaction)
        if self._table.get(transaction.key) is transaction:
            del self._table[transaction.key]
            self._bytes -= len(transaction.request.raw)
            self._on_removed(transaction)

    def clear(self) -> None:
        """Forget everything, with its timers."""
        for transaction in list(self._table.values()):
            self.remove(transaction)

    def _end_merging(self, transaction: ServerTransaction) -> None:
        # A challenged client may try again with the same CSeq: that is no loop.
        key = _merge_key(transaction.request)
        if self._ongoing.get(key) is transaction:
            del self._ongoing[key]

    def _forget_after(self, transaction: ServerTransaction, delay_s: float) -> None:
        transaction.timers.append(self._later(delay_s, lambda: self.remove(transaction)))

    def _stop_timers(self, transaction: ServerTransaction) -> None:
        for timer in transaction.timers:
            timer.cancel()
        transaction.timers.clear()
