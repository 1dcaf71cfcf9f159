"""Legs of calls as the edge anchors them: which peer, which call process, which dialogs."""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from callengine.edge.flow import NOWHERE, Flow
from callengine.edge.interface import LegAnchor
from callengine.edge.messages.branches import RequestKey, branch_in
from callengine.edge.messages.descriptions import Profiles
from callengine.edge.messages.families import OurAddress, nowhere
from callengine.edge.messages.message import Message
from callengine.edge.messages.received import Received
from callengine.edge.messages.values import is_address, with_tag
from callengine.edge.settings import METHODS
from callengine.edge.timers import Timer
from callengine.edge.transactions.server import ServerTransaction, State

MAX_DIALOGS = 10
MAX_REQUESTS = 200
MAX_INVITES = 8
"Of one dialog, whose numbers are kept for their ACK, and whose ACK is kept for being repeated."

_Key = TypeVar("_Key")
MAX_DEAD_CALLS = 200

_REQUEST_TOKEN = re.compile(rb"[A-Z]{1,16} sips?:([A-Za-z0-9_-]{1,64})@", re.IGNORECASE)


class LegState(Enum):
    """Who answers for a leg."""

    OPEN = "open"
    CLOSED = "closed"
    "The call ended; the edge absorbs what still arrives."
    ABANDONED = "abandoned"
    "The call process died, or is done with the call; the edge itself ends what is left."


@dataclass(slots=True, eq=False)
class Dialog:
    """One dialog with a peer; header values are raw, ours in `local`, the peer's in `remote`."""

    local: str
    remote: str
    flow: Flow
    "Where the peer was heard."
    target: str = ""
    routes: tuple[str, ...] = ()
    is_direct: bool = False
    "No proxy stands between the peer and us, or it registered from `flow`."
    is_proven: bool = True
    "Whether the peer has shown that it is where it says, by its ACK if by nothing else."
    confirmed: bool = False
    acknowledged: bool = False
    invite_cseq: int = 0
    last_cseq: int = 0
    "The highest CSeq number sent to the peer."
    ahead: int = 0
    "How many requests of the edge's own its numbers are ahead of the call process's."
    invites: dict[int, int] = field(default_factory=dict)
    "CSeq numbers of the last re-INVITEs: the call process's, and what the peer was sent."
    ended: bool = False
    moved: bool = False
    "Another leg has taken it over; whatever is said of it is meant for that."
    left: bool = False
    "The peer has said BYE; nothing of it but that is taken any more (RFC 3261 section 15.1.2)."
    acks: dict[int, tuple[Message, Flow]] = field(default_factory=dict)
    "Ours of the peer's last 2xx, as they were sent and where, by their CSeq number."
    answered: ServerTransaction | None = None
    "The peer's INVITE that was answered last, and the call process's 2xx to it."
    answer: Received | None = None
    farewell: Callable[[], None] | None = None
    "Sends the BYE that waits for the ACK of the first 2xx (RFC 3261 section 15)."

    def outer_cseq(self, method: str, number: int) -> int:
        """Return the CSeq number of a call process's request, as the peer is to see it."""
        if method == "ACK":
            return self.invites.get(number, number)
        outer = number + self.ahead
        if method == "INVITE":
            self.invites[number] = outer
            while len(self.invites) > MAX_INVITES:
                del self.invites[next(iter(self.invites))]
        return outer

    def outer_rack(self, rack: str) -> str:
        """Return a call process's RAck (RFC 3262 section 7.2) by the numbers the peer knows."""
        response, number, method = rack.split()
        return f"{response} {self.invites.get(int(number), int(number))} {method}"

    def next_own_cseq(self) -> int:
        """Return the CSeq number of a request of the edge's own; the call process's follow it."""
        self.last_cseq += 1
        self.ahead += 1
        return self.last_cseq

    def keep_ack(self, cseq: int, ack: Message, flow: Flow) -> None:
        """Keep an ACK as it was sent: a 2xx may come again, also after that of a later INVITE."""
        self.acks[cseq] = ack, flow
        while len(self.acks) > MAX_INVITES:
            del self.acks[next(iter(self.acks))]

    def part(self) -> None:
        """Send the BYE that waited, once."""
        farewell, self.farewell = self.farewell, None
        if farewell is not None:
            farewell()


@dataclass(slots=True, eq=False)
class PeerRequest:
    """A call process's request as it went to the peer."""

    method: str
    cseq: int
    branch: str
    message: Received
    "As the call process sent it."
    worker: tuple[str, int]
    parties: tuple[str, str] = ("", "")
    "Values of From and To as the peer sees them."
    uri: str = ""
    routes: tuple[str, ...] = ()
    flow: Flow = NOWHERE
    "NOWHERE while the next hop is still being looked up."
    sent: Message | None = None
    "As it went to the peer, with our Via; None while the next hop is being looked up."
    code: int = 0
    "The last response's."
    cancel_wanted: bool = False
    cancel_headers: list[tuple[str, str]] = field(default_factory=list)
    sent_anew: bool = False
    "Over another connection, as the first was closed."
    answers: dict[str, str] = field(default_factory=dict)
    "To tag -> RSeq of the response that brought a usable description; empty: it was not reliable."
    told: bool = False
    "An attempt at a gateway whose end has been reported."
    orphaned: bool = False
    "The call process has its answer already; the edge itself brings this to its end."

    @property
    def key(self) -> RequestKey:
        """Return what its responses name it by."""
        return self.branch, self.method


@dataclass(slots=True, eq=False)
class AnchoredLeg:
    """One leg between a peer and a call process."""

    anchor: LegAnchor
    our_ipv6: OurAddress = nowhere
    call_id: str = ""
    local_tag: str = ""
    own_call_id: str = ""
    own_tag: str = ""
    """What its call process calls itself where the peer knows it by other names: it has taken a
    dialog over."""
    taking: str = ""
    "The peer's tag in that dialog."
    origin: tuple[bytes, int] | None = None
    "User name and session of the descriptions that its own go on, and what to add to a version."
    described: bytes = b""
    "The session description that the peer was sent last."
    state: LegState = LegState.OPEN
    profiles: Profiles = field(init=False)
    invite: ServerTransaction | None = None
    "Leg A: the INVITE that made it."
    invite_body: bytes = b""
    "Its session description as call processes read it."
    dialogs: dict[str, Dialog] = field(default_factory=dict)
    "By the peer's tag."
    requests: dict[tuple[str, str], PeerRequest] = field(default_factory=dict)
    "Call process to peer, by our branch and method."
    edge_requests: list[tuple[str, str]] = field(default_factory=list)
    "The edge's own; same key."
    transactions: set[ServerTransaction] = field(default_factory=set)
    "Peer to call process, not finally answered yet."
    reliable: set[tuple[int, int]] = field(default_factory=set)
    "RSeq and CSeq of provisionals the peer was sent and has not acknowledged (RFC 3262)."
    parting: tuple[float, list[tuple[str, str]]] = field(default_factory=lambda: (0.0, []))
    "Until when (monotonic), and by what headers, the peer is told why the other party has left."
    closing: Timer | None = None

    def __post_init__(self) -> None:
        self.profiles = Profiles(self.anchor.srtp, self.our_ipv6)

    @property
    def token(self) -> str:
        """Return the edge's handle of the leg."""
        return self.anchor.token

    @property
    def inner_call_id(self) -> str:
        """Return the Call-ID between edge and call process: the peer's may be of any form."""
        return self.token if self.invite is not None else self.own_call_id or self.call_id

    @property
    def inner_local_tag(self) -> str:
        """Return our tag between edge and call process."""
        return self.own_tag or self.local_tag

    @property
    def is_waiting(self) -> bool:
        """Tell whether the peer still waits for the answer to its INVITE."""
        invite = self.invite
        return invite is not None and invite.state is State.PROCEEDING and not invite.cancelled

    def dialog(self, tag: str) -> Dialog | None:
        """Return the dialog with the peer's tag."""
        return self.dialogs.get(tag)

    def talking(self) -> tuple[str, Dialog] | None:
        """Return the peer's tag and the one dialog whose parties talk, if they do."""
        dialogs = [
            (tag, dialog)
            for tag, dialog in self.dialogs.items()
            if dialog.confirmed and dialog.acknowledged and not (dialog.ended or dialog.left)
        ]
        return dialogs[0] if len(dialogs) == 1 else None

    def inner_tag(self, tag: str) -> str:
        """Return what a call process knows a peer's tag as: its own may be of any form."""
        data = f"{self.token}\0{tag}".encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, digest_size=12).hexdigest()

    def inner_dialog(self, inner_tag: str) -> Dialog | None:
        """Return the dialog whose peer a call process knows by this tag."""
        dialogs = (
            dialog for tag, dialog in self.dialogs.items() if self.inner_tag(tag) == inner_tag
        )
        return next(dialogs, None)

    def add_dialog(self, tag: str, dialog: Dialog) -> None:
        """Keep a dialog; above the bound (a forking storm) it is not kept."""
        if len(self.dialogs) < MAX_DIALOGS:
            self.dialogs[tag] = dialog


class LegTable:
    """Every anchored leg, by token, call, Call-ID and what was sent on it; who serves it."""

    def __init__(self, our_ipv6: OurAddress = nowhere) -> None:
        self._our_ipv6 = our_ipv6
        self.by_token: dict[str, AnchoredLeg] = {}
        self.of_request: dict[RequestKey, AnchoredLeg] = {}
        "Legs on which a request went to a peer, by our branch and method."
        self.forwarded: dict[RequestKey, ServerTransaction] = {}
        "Peer requests given to a call process, by our branch and method."
        self._dead_calls: deque[str] = deque(maxlen=MAX_DEAD_CALLS)
        self._by_call: dict[str, list[AnchoredLeg]] = {}
        self._by_call_id: dict[str, list[AnchoredLeg]] = {}
        self._by_worker: dict[tuple[str, int], list[AnchoredLeg]] = {}

    def __len__(self) -> int:
        return len(self.by_token)

    def open(self, anchor: LegAnchor) -> AnchoredLeg:
        """Anchor a leg; a token names one leg only."""
        if anchor.token in self.by_token:
            raise ValueError(f"leg token {anchor.token} is in use")
        leg = self.by_token[anchor.token] = AnchoredLeg(anchor, self._our_ipv6)
        self._by_call.setdefault(anchor.call, []).append(leg)
        self._by_worker.setdefault(anchor.worker, []).append(leg)
        return leg

    def name_call_id(self, leg: AnchoredLeg, call_id: str) -> None:
        """Note the Call-ID of a leg's dialogs."""
        if not leg.call_id:
            leg.call_id = call_id
            self._by_call_id.setdefault(call_id, []).append(leg)

    def of_call(self, call: str) -> list[AnchoredLeg]:
        return list(self._by_call.get(call, ()))

    def is_worker(self, address: tuple[str, int]) -> bool:
        """Tell whether a call process with an anchored leg has this address."""
        return address in self._by_worker

    def note_dead(self, call: str) -> None:
        """Remember a call whose process is gone, perhaps before its legs were opened."""
        self._dead_calls.append(call)

    def is_dead(self, call: str) -> bool:
        """Tell whether a call's process died lately."""
        return call in self._dead_calls

    def use_flow(self, flow: Flow) -> bool:
        """Tell whether a dialog's peer was heard on a flow."""
        return any(dialog.flow == flow for leg in self for dialog in leg.dialogs.values())

    def transaction_gone(self, transaction: ServerTransaction) -> None:
        """Take that a peer's request is forgotten."""
        self.forwarded.pop((transaction.branch, transaction.request.method), None)
        if (leg := self.by_token.get(transaction.token)) is None:
            return
        leg.transactions.discard(transaction)
        dialog = leg.dialog(transaction.request.from_tag)
        if dialog is not None and dialog.answered is transaction:
            # No ACK came in 32 s (RFC 3261 section 13.3.1.4): a BYE need not wait any more.
            dialog.answered = None
            dialog.part()

    def remove(self, leg: AnchoredLeg) -> None:
        if self.by_token.pop(leg.token, None) is None:
            return
        _drop(self._by_call, leg.anchor.call, leg)
        _drop(self._by_call_id, leg.call_id, leg)
        _drop(self._by_worker, leg.anchor.worker, leg)
        if leg.closing is not None:
            leg.closing.cancel()

    def of_dialog(self, message: Received) -> tuple[AnchoredLeg, Dialog] | None:
        """Return the leg and dialog of a peer's request inside a dialog (RFC 3261 section 12.2.2).

        Our token in the Request-URI comes first, Call-ID and tags must agree in any case.
        """
        token = uri_user(message.uri)
        first = self.by_token.get(token)
        for leg in (first, *self._by_call_id.get(message.call_id, ())):
            if leg is None or leg.call_id != message.call_id or leg.local_tag != message.to_tag:
                continue
            dialog = leg.dialog(message.from_tag)
            if dialog is not None and not dialog.moved:
                return leg, dialog
        return None

    def named(self, call_id: str, *, ours: str, theirs: str) -> tuple[AnchoredLeg, Dialog] | None:
        """Return the leg and dialog with this Call-ID and these tags (RFC 3891 section 3)."""
        for leg in self._by_call_id.get(call_id, ()):
            dialog = leg.dialog(theirs) if leg.local_tag == ours else None
            if dialog is not None and not dialog.moved:
                return leg, dialog
        return None

    def named_in(self, data: bytes) -> str:
        """Return the token of the leg that a message's first bytes name; empty: none.

        A request does by our token in its Request-URI, a response by a branch of ours.
        """
        if data.startswith(b"SIP/2.0 "):
            branch = branch_in(data)
            legs = (self.of_request.get((branch, method)) for method in METHODS)
            return next((leg.token for leg in legs if leg is not None), "")
        match = _REQUEST_TOKEN.match(data)
        token = match.group(1).decode() if match else ""
        return token if token in self.by_token else ""

    def __iter__(self) -> Iterator[AnchoredLeg]:
        return iter(list(self.by_token.values()))


def _drop(table: dict[_Key, list[AnchoredLeg]], key: _Key, leg: AnchoredLeg) -> None:
    rest = [other for other in table.pop(key, ()) if other is not leg]
    if rest:
        table[key] = rest


def answered_to(sent: PeerRequest, message: Received) -> str:
    """Return To of a dialog that a response makes; ours with its tag if theirs cannot be read."""
    to = message.get("to")
    return to if is_address(to) else with_tag(sent.parties[1], message.to_tag)


def uri_user(uri: str) -> str:
    """Return the user part of a URI without reading the rest of it."""
    before, at, _ = uri.partition("@")
    return before.partition(":")[2].partition(":")[0].partition(";")[0] if at else ""
