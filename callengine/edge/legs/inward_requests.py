"""Requests of peers, given to call processes: what makes a dialog, what is inside, ACK, CANCEL."""

from collections.abc import Callable

from callengine.core.reasons import Rule
from callengine.edge.interface import LegAnchor
from callengine.edge.legs import inner
from callengine.edge.legs.abandon import Abandoner
from callengine.edge.legs.onward_refer import OnwardRefers
from callengine.edge.legs.parting import Parting
from callengine.edge.legs.refer import ReferDesk
from callengine.edge.legs.table import AnchoredLeg, Dialog, LegState, LegTable
from callengine.edge.messages import keys
from callengine.edge.messages.descriptions import BadSdpError
from callengine.edge.messages.message import Headers
from callengine.edge.messages.received import Received
from callengine.edge.messages.targets import caller_target, contact_target, recorded_routes
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transactions.rejections import Rejections, describe
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.server import ServerTransaction, ServerTransactions
from callengine.edge.transport.loopback import Loopback

MALFORMED_SDP = Rule.MALFORMED_SDP
_OFFERS = ("INVITE", "UPDATE", "PRACK", "ACK")
"Whose body may be a session description."


class InwardRequests:
    """Forwards what peers ask; answers what no call process need see."""

    def __init__(
        self,
        legs: LegTable,
        transactions: ServerTransactions,
        *,
        identity: EdgeIdentity,
        loopback: Loopback,
        responder: Responder,
        rejections: Rejections,
        abandoner: Abandoner,
        refer_desk: ReferDesk,
        onward_refers: OnwardRefers,
        parting: Parting,
        acknowledged: Callable[[LegAnchor], None],
    ) -> None:
        self._legs = legs
        self._transactions = transactions
        self._identity = identity
        self._loopback = loopback
        self._responder = responder
        self._rejections = rejections
        self._abandoner = abandoner
        self._refer_desk = refer_desk
        self._onward_refers = onward_refers
        self._parting = parting
        self._acknowledged = acknowledged

    def invite(self, transaction: ServerTransaction, anchor: LegAnchor, body: bytes) -> None:
        """Give a new call's INVITE to its call process; `body` is compact already."""
        request = transaction.request
        leg = self._legs.by_token[anchor.token]
        self._legs.name_call_id(leg, request.call_id)
        if body:
            body = leg.profiles.inward(request)
        leg.invite, leg.invite_body = transaction, body
        leg.add_dialog(
            request.from_tag,
            # RFC 3261 section 12.1.1: the dialog as the callee's side keeps it.
            Dialog(
                local=request.get("to"),
                remote=request.get("from"),
                flow=request.flow,
                target=caller_target(request),
                routes=recorded_routes(request),
                is_direct=len(request.vias) == 1,
                is_proven=transaction.credit_bytes is None,
            ),
        )
        self._forward(leg, transaction, body)

    def take(self, transaction: ServerTransaction) -> None:
        """Forward a request inside a dialog, or answer it where there is none (any more)."""
        request = transaction.request
        named = self._legs.of_dialog(request)
        if named is None:
            self._responder.reply(transaction, 481)
            return
        leg, dialog = named
        transaction.token = leg.token
        if (answer := _answer_at_once(leg, dialog, request)) is not None:
            code, headers = answer
            self._responder.reply(transaction, code, headers=headers)
            return
        dialog.flow = request.flow
        self._parting.hear(leg, request)
        if request.method == "REFER":
            self._refer_desk.take(leg, dialog, transaction)
            return
        if request.method == "NOTIFY":
            self._onward_refers.take(leg, transaction)
            return
        if request.method in ("INVITE", "UPDATE"):
            dialog.target = contact_target(request) or dialog.target
        try:
            self._forward(leg, transaction, None)
        except BadSdpError as error:
            advice = f"The session description cannot be read: {error}"
            self._responder.refuse(transaction, 400, MALFORMED_SDP, advice)

    def _forward(
        self, leg: AnchoredLeg, transaction: ServerTransaction, body: bytes | None
    ) -> None:
        """Raises BadSdpError."""
        request = transaction.request
        body = _body(leg, request) if body is None else body
        dialog = leg.dialog(request.from_tag)
        if request.method == "BYE" and dialog is not None:
            dialog.left = True
        self._give(leg, transaction, self._identity.branch("w", *transaction.key), body)

    def _give(
        self, leg: AnchoredLeg, transaction: ServerTransaction, branch: str, body: bytes = b""
    ) -> None:
        """Send a request to the leg's call process, and keep it until that answers."""
        request = transaction.request
        transaction.token, transaction.branch = leg.token, branch
        data = inner.request(self._identity, leg, request, branch=branch, body=body)
        transaction.forwarded = data
        leg.transactions.add(transaction)
        self._legs.forwarded[branch, request.method] = transaction
        self._loopback.send(leg.anchor.worker, data)

    def again(self, transaction: ServerTransaction) -> None:
        """Take a retransmission: the last response again, or another try at the call process."""
        leg = self._legs.by_token.get(transaction.token)
        if transaction.last or leg is None or not transaction.forwarded:
            self._transactions.absorb(transaction)
        elif leg.state is LegState.OPEN:
            self._loopback.send(leg.anchor.worker, transaction.forwarded)

    def ack(self, message: Received) -> str | None:
        """Take an ACK: of a failure it ends the transaction, of a 2xx it goes to the call.

        Returns the token of its leg, if it has one.
        """
        transaction = self._transactions.find(message, "INVITE")
        if transaction is not None and transaction.code >= 300:
            self._transactions.acknowledge(transaction)
            return transaction.token or None  # the call process was told at once
        if (named := self._legs.of_dialog(message)) is None:
            return None
        leg, dialog = named
        dialog.acknowledged = dialog.is_proven = True
        if dialog.answered is not None and dialog.answered.request.cseq == message.cseq:
            self._transactions.acknowledge(dialog.answered)
        dialog.part()
        self._acknowledged(leg.anchor)
        if leg.state is LegState.ABANDONED:
            self._abandoner.acknowledged(leg, dialog)
        elif not dialog.ended:
            self._give_ack(leg, message)
        return leg.token

    def _give_ack(self, leg: AnchoredLeg, message: Received) -> None:
        try:
            body = _body(leg, message)
        except BadSdpError as error:
            advice = f"The answer in the ACK cannot be read: {error}"
            self._rejections.store(describe(message, 400, MALFORMED_SDP, advice))
            body = b""
        branch = self._identity.branch(
            "ack", message.via.branch, message.call_id, str(message.cseq)
        )
        data = inner.request(self._identity, leg, message, branch=branch, body=body)
        self._loopback.send(leg.anchor.worker, data)

    def cancel(self, transaction: ServerTransaction, invite: ServerTransaction) -> None:
        """Forward a CANCEL of an INVITE that a call process has."""
        leg = self._legs.by_token.get(invite.token)
        if leg is None or leg.state is not LegState.OPEN or invite.code >= 200:
            # RFC 3261 section 9.2: it changes nothing then, but is answered all the same; a peer
            # may take the tag for its dialog's.
            transaction.to_tag = leg.local_tag if leg is not None else invite.to_tag
            self._responder.reply(transaction, 200)
            return
        invite.cancelled = True
        self._parting.hear(leg, transaction.request)
        self._give(leg, transaction, invite.branch)


def _answer_at_once(
    leg: AnchoredLeg, dialog: Dialog, request: Received
) -> tuple[int, Headers] | None:
    """Return code and headers of what no call process need see, or None; notes a late BYE."""
    is_bye = request.method == "BYE"
    if leg.state is not LegState.OPEN or dialog.ended:
        dialog.ended = dialog.ended or is_bye
        return 200 if is_bye else 481, []
    if dialog.left and not is_bye:
        return 481, []
    if request.method == "OPTIONS":
        return 200, []
    if request.method == "PRACK" and not _is_awaited(leg, request):
        return 481, []  # RFC 3262 section 3; pjsip takes any
    if request.method == "INFO" and not _body(leg, request):
        # Without a body it asks whether we are there; a call process would answer 500.
        return (415, [("accept", ", ".join(keys.TYPES))]) if request.body.strip() else (200, [])
    return None


def _is_awaited(leg: AnchoredLeg, prack: Received) -> bool:
    """Tell, once, whether a PRACK is for a provisional response that waits for it."""
    number, cseq, _ = inner.rack(prack.get("rack")).split() or ("0", "0", "")
    key = (int(number), int(cseq))
    is_awaited = key in leg.reliable
    leg.reliable.discard(key)
    return is_awaited


def _body(leg: AnchoredLeg, request: Received) -> bytes:
    """Return what of a request's body a call process is to read. Raises BadSdpError."""
    if request.method == "INFO":
        return keys.relayed_key(request.get("content-type"), request.body)
    return leg.profiles.inward(request) if request.method in _OFFERS else b""
