"""Responses of call processes, sent to peers as the edge's own."""

from collections.abc import Callable

from callengine.edge.legs.outer import to_peer
from callengine.edge.legs.standin import StandIn
from callengine.edge.legs.table import AnchoredLeg, LegState, LegTable
from callengine.edge.legs.takeover import continued
from callengine.edge.messages.grammar import read_number
from callengine.edge.messages.message import Headers, render
from callengine.edge.messages.received import Received
from callengine.edge.messages.replies import reply_vias
from callengine.edge.messages.values import with_tag
from callengine.edge.tap import Tap
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transactions.server import ServerTransaction, ServerTransactions, State
from callengine.edge.transport.loopback import Worker

WITH_CONTACT = ("INVITE", "UPDATE")
"Whose requests and 2xx refresh a dialog's target (RFC 3261 section 12.2, RFC 3311)."


class OutwardResponses:
    """Takes what call processes answer."""

    def __init__(
        self,
        legs: LegTable,
        transactions: ServerTransactions,
        *,
        identity: EdgeIdentity,
        standin: StandIn,
        tap: Tap,
        has_taken: Callable[[str], bool],
    ) -> None:
        """`has_taken(call)` tells whether a call's process has taken it, and so speaks for it."""
        self._legs = legs
        self._transactions = transactions
        self._identity = identity
        self._standin = standin
        self._tap = tap
        self._has_taken = has_taken

    def take(self, message: Received, worker: Worker) -> None:
        """Forward a call process's response; its 100 Trying ends here, ours was sent before."""
        transaction = self._legs.forwarded.get((message.via.branch, message.cseq_method))
        if transaction is None or message.code == 100:
            return
        leg = self._legs.by_token.get(transaction.token)
        if leg is None or leg.anchor.worker != worker or leg.state is LegState.ABANDONED:
            return
        if transaction.state is not State.PROCEEDING:
            return  # the edge repeats finals itself
        if transaction is leg.invite and not self._has_taken(leg.anchor.call):
            return  # what a process says that did not take the call is not the call's answer
        _learn(leg, transaction, message)
        data = self._peer_copy(leg, transaction, message)
        if message.code >= 200:
            leg.transactions.discard(transaction)
        if sent := self._transactions.respond(transaction, message.code, data):
            self._tap.show(leg.token, "out", transaction.flow, sent)
        if transaction.is_invite and message.code >= 300:  # the peer's own ACK ends at the edge
            branch = transaction.branch
            self._standin.acknowledge(message, worker, branch=branch, token=leg.token)

    def _peer_copy(
        self, leg: AnchoredLeg, transaction: ServerTransaction, message: Received
    ) -> bytes:
        request, identity = transaction.request, self._identity
        extra: Headers = []
        if transaction is leg.invite and message.code < 300:
            # RFC 3261 section 12.1.1: what makes a dialog carries the whole route set back.
            extra = [("record-route", value) for value in request.headers.get("record-route", ())]
        wants_contact = request.method in WITH_CONTACT and message.code < 300
        response = to_peer(
            message,
            vias=reply_vias(request),
            contact=(
                identity.contact(request.flow, leg.token, wanted=request.uri)
                if wants_contact
                else ""
            ),
            user_agent=identity.user_agent,
            parties=(request.get("from"), with_tag(request.get("to"), message.to_tag)),
            call_id=request.call_id,
            body=leg.profiles.outward(
                continued(leg, _body(message)), request.flow, is_answer=bool(request.body.strip())
            ),
            extra=extra,
        )
        return render(response)


def _body(message: Received) -> bytes:
    """Return what of a call process's description a peer is to see.

    Early media begins with a 183. pjsip has a description in whatever follows a 181, and a caller
    would listen to it instead of ringing; one that is sent reliably is the answer (RFC 3262).
    """
    is_plain = message.code in (180, 181, 182) and "rseq" not in message.headers
    return b"" if is_plain else message.body


def _learn(leg: AnchoredLeg, transaction: ServerTransaction, message: Received) -> None:
    """Note what a call process's response says about its dialog."""
    request = transaction.request
    if (
        transaction.is_invite
        and message.code < 200
        and (number := read_number(message.get("rseq")))
    ):
        leg.reliable.add((number, request.cseq))
    dialog = leg.dialog(request.from_tag)
    if dialog is None or message.code >= 300:
        return
    if request.method == "BYE":
        dialog.ended = True
    if transaction is leg.invite and message.to_tag:
        leg.local_tag = message.to_tag
        dialog.local = with_tag(request.get("to"), message.to_tag)
        dialog.confirmed = dialog.confirmed or message.code >= 200
    if transaction.is_invite and message.code >= 200:
        dialog.answered, dialog.answer = transaction, message
