"""From peers to call processes: requests inside dialogs, ACK, CANCEL, and responses."""

from callengine.edge import inner, keys
from callengine.edge.abandon import Abandoner
from callengine.edge.context import EdgeContext, describe
from callengine.edge.interface import LegAnchor
from callengine.edge.legs import Dialog, Leg, LegState, PeerRequest, answered_to
from callengine.edge.parse import SipMessage
from callengine.edge.rewrite import (
    BadSdpError,
    caller_target,
    compact_body,
    contact_target,
    recorded_routes,
)
from callengine.edge.settings import METHODS
from callengine.edge.transactions import ServerTransaction

MALFORMED_SDP = "malformed-sdp"
_OFFERS = ("INVITE", "UPDATE", "PRACK", "ACK")
"Whose body may be a session description."


class Inward:
    """Forwards what peers send."""

    def __init__(self, context: EdgeContext, abandoner: Abandoner) -> None:
        self._context = context
        self._abandoner = abandoner

    def invite(self, transaction: ServerTransaction, anchor: LegAnchor, body: bytes) -> None:
        """Give a new call's INVITE to its call process; `body` is compact already."""
        context, request = self._context, transaction.request
        leg = context.legs.by_token[anchor.token]
        context.legs.name_call_id(leg, request.call_id)
        leg.invite, leg.invite_body = transaction, body
        leg.add_dialog(
            request.from_tag,
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

    def request(self, transaction: ServerTransaction) -> None:
        """Forward a request inside a dialog, or answer it where there is none (any more)."""
        context, request = self._context, transaction.request
        found = context.legs.of_dialog(request)
        if found is None:
            context.reply(transaction, 481)
            return
        leg, dialog = found
        transaction.token = leg.token
        if leg.state is not LegState.OPEN or dialog.ended:
            dialog.ended = dialog.ended or request.method == "BYE"
            context.reply(transaction, 200 if request.method == "BYE" else 481)
            return
        if dialog.left and request.method != "BYE":
            context.reply(transaction, 481)
            return
        if request.method == "OPTIONS":
            context.reply(transaction, 200)
            return
        if request.method == "INFO" and not _body(request):
            # Without a body it asks whether we are there; a call process would answer 500.
            accept = [("accept", ", ".join(keys.TYPES))]
            code, headers = (415, accept) if request.body.strip() else (200, [])
            context.reply(transaction, code, headers=headers)
            return
        dialog.flow = request.flow
        if request.method in ("INVITE", "UPDATE"):
            dialog.target = contact_target(request) or dialog.target
        try:
            self._forward(leg, transaction, None)
        except BadSdpError as error:
            advice = f"The session description cannot be read: {error}"
            context.refuse(transaction, 400, MALFORMED_SDP, advice)

    def _forward(self, leg: Leg, transaction: ServerTransaction, body: bytes | None) -> None:
        """Raises BadSdpError."""
        context, request = self._context, transaction.request
        body = _body(request) if body is None else body
        dialog = leg.dialog(request.from_tag)
        if request.method == "BYE" and dialog is not None:
            dialog.left = True
        transaction.token = leg.token
        transaction.branch = branch = context.branch("w", *transaction.key)
        data = inner.request(context, leg, request, branch=branch, body=body)
        transaction.forwarded = data
        leg.transactions.add(transaction)
        context.to_worker[branch, request.method] = transaction
        context.send_to_worker(leg.anchor.worker, data)

    def again(self, transaction: ServerTransaction) -> None:
        """Take a retransmission: the last response again, or another try at the call process."""
        leg = self._context.legs.by_token.get(transaction.token)
        if transaction.last or leg is None or not transaction.forwarded:
            self._context.transactions.absorb(transaction)
        elif leg.state is LegState.OPEN:
            self._context.send_to_worker(leg.anchor.worker, transaction.forwarded)

    def ack(self, message: SipMessage) -> str | None:
        """Take an ACK: of a failure it ends the transaction, of a 2xx it goes to the call.

        Returns the token of its leg, if it has one.
        """
        context = self._context
        transaction = context.transactions.find(message, "INVITE")
        if transaction is not None and transaction.code >= 300:
            context.transactions.acknowledge(transaction)
            return transaction.token or None  # the call process was told at once
        if (found := context.legs.of_dialog(message)) is None:
            return None
        leg, dialog = found
        dialog.acknowledged = dialog.is_proven = True
        if dialog.answered is not None and dialog.answered.request.cseq == message.cseq:
            context.transactions.acknowledge(dialog.answered)
        dialog.part()
        if leg.state is LegState.ABANDONED:
            self._abandoner.acknowledged(leg, dialog)
        elif not dialog.ended:
            branch = context.branch("ack", message.via.branch, message.call_id, str(message.cseq))
            self._send_ack(leg, message, branch)
        return leg.token

    def _send_ack(self, leg: Leg, message: SipMessage, branch: str) -> None:
        try:
            body = _body(message)
        except BadSdpError as error:
            advice = f"The answer in the ACK cannot be read: {error}"
            self._context.store(describe(message, 400, MALFORMED_SDP, advice))
            body = b""
        data = inner.request(self._context, leg, message, branch=branch, body=body)
        self._context.send_to_worker(leg.anchor.worker, data)

    def cancel(self, transaction: ServerTransaction, invite: ServerTransaction) -> None:
        """Forward a CANCEL of an INVITE that a call process has."""
        context = self._context
        leg = context.legs.by_token.get(invite.token)
        if leg is None or leg.state is not LegState.OPEN or invite.code >= 200:
            context.reply(transaction, 200)
            return
        invite.cancelled = True
        transaction.token, transaction.branch = leg.token, invite.branch
        data = inner.request(context, leg, transaction.request, branch=invite.branch, body=b"")
        transaction.forwarded = data
        leg.transactions.add(transaction)
        context.to_worker[invite.branch, "CANCEL"] = transaction
        context.send_to_worker(leg.anchor.worker, data)

    def response(self, message: SipMessage) -> str | None:
        """Take a peer's response; return the token of its leg, if it has one."""
        context = self._context
        key = self._answered(message)
        leg = context.to_peer.get(key)
        if leg is None or message.call_id not in (leg.call_id, ""):
            return None
        is_invite = key[1] == "INVITE"
        if is_invite or message.code >= 200:
            context.requests.finish(*key)
        if message.cseq_method == "BYE" and message.code in (401, 407):
            self._abandoner.answer_challenge(leg, message)
        sent = leg.requests.get(key)
        if sent is None:
            return leg.token
        before, sent.code = sent.code, max(sent.code, message.code)
        _learn(leg, sent, message)
        if is_invite and message.code >= 300:
            self._abandoner.ack_failure(leg, sent, message)
            if before >= 200:
                return leg.token
        if sent.orphaned or leg.state is LegState.ABANDONED:
            self._abandoner.response(leg, sent, message)
        elif not (is_invite and before >= 200 and self._abandoner.is_acknowledged(leg, message)):
            self._respond(leg, sent, message)
        return leg.token

    def _answered(self, message: SipMessage) -> tuple[str, str]:
        """Return branch and method of the request a response is for.

        A CSeq that cannot be read does no harm unless a CANCEL shares its INVITE's branch: the
        branch is ours, and nobody guesses it.
        """
        branch, method = message.via.branch, message.cseq_method
        if (branch, method) not in self._context.to_peer:
            asked = [known for known in METHODS if (branch, known) in self._context.to_peer]
            method = asked[0] if len(asked) == 1 and method not in METHODS else method
        return branch, method

    def _respond(self, leg: Leg, sent: PeerRequest, message: SipMessage) -> None:
        try:
            body = compact_body(message)
        except BadSdpError:
            # Without a description the call process ends the call as it ends any unusable answer.
            body = b""
        data = inner.response(self._context, leg, sent, message, body=body)
        self._context.send_to_worker(sent.worker, data)


def _body(request: SipMessage) -> bytes:
    """Return what of a request's body a call process is to read. Raises BadSdpError."""
    if request.method == "INFO":
        return keys.relayed_key(request.get("content-type"), request.body)
    return compact_body(request) if request.method in _OFFERS else b""


def _learn(leg: Leg, sent: PeerRequest, message: SipMessage) -> None:
    """Note what a response says about its dialog."""
    if sent.method == "BYE" and message.code >= 200:
        if (ended := leg.dialog(message.to_tag)) is not None:
            ended.ended = True
        return
    is_success = 200 <= message.code < 300
    if sent.method == "UPDATE" and is_success:
        if (dialog := leg.dialog(message.to_tag)) is not None:
            dialog.target = contact_target(message) or dialog.target
        return
    if sent.method != "INVITE" or not 100 < message.code < 300:
        return
    if not message.to_tag and not is_success:
        return
    dialog = leg.dialog(message.to_tag)
    if dialog is None:
        dialog = Dialog(
            local=sent.parties[0],
            remote=answered_to(sent, message),
            flow=message.flow,
            routes=_routes_back(message),
            is_direct=bool(leg.anchor.flow),
        )
        leg.add_dialog(message.to_tag, dialog)
    dialog.target = contact_target(message) or dialog.target
    dialog.flow = message.flow
    dialog.last_cseq = max(dialog.last_cseq, sent.cseq)
    if is_success:
        dialog.confirmed = True
        if dialog.invite_cseq != sent.cseq:
            dialog.invite_cseq, dialog.acknowledged, dialog.ack = sent.cseq, False, b""


def _routes_back(message: SipMessage) -> tuple[str, ...]:
    """Return a response's route set; one that cannot be used is as good as none."""
    try:
        return recorded_routes(message)[::-1]
    except ValueError:
        return ()
