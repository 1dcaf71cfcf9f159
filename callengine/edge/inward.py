"""From peers to call processes: requests inside dialogs, ACK, CANCEL, and responses."""

from callengine.edge.abandon import Abandoner
from callengine.edge.context import EdgeContext, describe
from callengine.edge.interface import LegAnchor
from callengine.edge.legs import Dialog, Leg, LegState, PeerRequest
from callengine.edge.parse import SipMessage
from callengine.edge.rewrite import BadSdpError, contact_target, first_items, to_worker
from callengine.edge.transactions import ServerTransaction

MALFORMED_SDP = "malformed-sdp"
DTMF_RELAY = "application/dtmf-relay"
TOO_LARGE = (
    "message-too-large",
    "The request has more header text than a call can use; shorten From and To.",
)
TOKEN_CHARACTERS = 24


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
        leg.invite = transaction
        leg.add_dialog(
            request.from_tag,
            Dialog(
                local=request.get("to"),
                remote=request.get("from"),
                flow=request.flow,
                target=contact_target(request),
                routes=first_items(request, "record-route"),
                is_direct=len(request.vias) == 1,
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
        if request.method == "OPTIONS":
            context.reply(transaction, 200)
            return
        if request.method == "INFO" and not _brings_digit(request):
            # Without a body it asks whether we are there; a call process would answer 500.
            code, headers = (415, [("accept", DTMF_RELAY)]) if request.body.strip() else (200, [])
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

    def fits(self, request: SipMessage, body: bytes) -> bool:
        """Tell whether a call process could read a new call's INVITE."""
        context, token = self._context, "t" * TOKEN_CHARACTERS
        copy = to_worker(
            request,
            start=f"INVITE sip:{token}@127.0.0.1:65535 SIP/2.0",
            vias=[context.worker_via(context.branch())],
            contact=f"sip:{token}@{context.internal_address}",
            max_forwards=255,
            body=body,
        )
        return len(copy) <= context.settings.max_worker_message_bytes

    def _forward(self, leg: Leg, transaction: ServerTransaction, body: bytes | None) -> None:
        """Raises BadSdpError."""
        context, request = self._context, transaction.request
        transaction.token = leg.token
        transaction.branch = context.branch("w", *transaction.key)
        data = self._worker_copy(leg, request, transaction.branch, body)
        if len(data) > context.settings.max_worker_message_bytes:
            context.refuse(transaction, 513, *TOO_LARGE)
            return
        transaction.forwarded = data
        leg.transactions.add(transaction)
        context.to_worker[transaction.branch, request.method] = transaction
        context.send_to_worker(leg.anchor.worker, data)

    def _worker_copy(
        self, leg: Leg, request: SipMessage, branch: str, body: bytes | None = None
    ) -> bytes:
        context = self._context
        host, port = leg.anchor.worker
        return to_worker(
            request,
            start=f"{request.method} sip:{leg.token}@{host}:{port} SIP/2.0",
            vias=[context.worker_via(branch)],
            contact=f"sip:{leg.token}@{context.internal_address}",
            max_forwards=_max_forwards(request) - 1,
            body=body,
        )

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
            leg = context.legs.by_token.get(transaction.token)
            if leg is not None and not transaction.by_edge and leg.state is not LegState.ABANDONED:
                self._send_ack(leg, message, transaction.branch)
            return transaction.token or None
        if (found := context.legs.of_dialog(message)) is None:
            return None
        leg, dialog = found
        dialog.acknowledged = True
        if leg.state is LegState.ABANDONED:
            self._abandoner.acknowledged(leg, dialog)
        else:
            branch = context.branch("ack", message.via.branch, message.call_id, str(message.cseq))
            self._send_ack(leg, message, branch)
        return leg.token

    def _send_ack(self, leg: Leg, message: SipMessage, branch: str) -> None:
        try:
            data = self._worker_copy(leg, message, branch)
        except BadSdpError as error:
            advice = f"The answer in the ACK cannot be read: {error}"
            self._context.store(describe(message, 400, MALFORMED_SDP, advice))
            data = self._worker_copy(leg, message, branch, b"")
        self._context.send_to_worker(leg.anchor.worker, data)

    def cancel(self, transaction: ServerTransaction, invite: ServerTransaction) -> None:
        """Forward a CANCEL of an INVITE that a call process has."""
        context = self._context
        leg = context.legs.by_token.get(invite.token)
        if leg is None or leg.state is not LegState.OPEN or invite.code >= 200:
            context.reply(transaction, 200)
            return
        transaction.token, transaction.branch = leg.token, invite.branch
        data = self._worker_copy(leg, transaction.request, invite.branch, b"")
        transaction.forwarded = data
        leg.transactions.add(transaction)
        context.to_worker[invite.branch, "CANCEL"] = transaction
        context.send_to_worker(leg.anchor.worker, data)

    def response(self, message: SipMessage) -> str | None:
        """Take a peer's response; return the token of its leg, if it has one."""
        context = self._context
        key = (message.via.branch, message.cseq_method)
        leg = context.to_peer.get(key)
        if leg is None or leg.call_id != message.call_id:
            return None
        if message.code >= 200 and context.requests.finish(*key):
            return leg.token
        sent = leg.requests.get(key)
        if sent is None:
            return leg.token
        sent.code = max(sent.code, message.code)
        _learn(leg, sent, message)
        if leg.state is LegState.ABANDONED:
            self._abandoner.response(leg, sent, message)
            return leg.token
        if leg.state is LegState.CLOSED:
            self._abandoner.late_response(leg, sent, message)
        self._respond(leg, sent, message)
        return leg.token

    def _respond(self, leg: Leg, sent: PeerRequest, message: SipMessage) -> None:
        context = self._context
        start = f"SIP/2.0 {message.code} {message.phrase[:64]}"
        contact = f"sip:{leg.token}@{context.internal_address}"
        vias = sent.message.vias
        try:
            data = to_worker(message, start=start, vias=vias, contact=contact)
        except BadSdpError:
            # Without a description the call process ends the call as it ends any unusable answer.
            data = to_worker(message, start=start, vias=vias, contact=contact, body=b"")
        if len(data) > context.settings.max_worker_message_bytes:
            message.headers.pop("allow", None)
            message.headers.pop("server", None)
            data = to_worker(message, start=start, vias=vias, contact=contact, body=b"")
        context.send_to_worker(sent.worker, data)


def _brings_digit(request: SipMessage) -> bool:
    kind = request.get("content-type").partition(";")[0].strip().lower()
    return kind == DTMF_RELAY and bool(request.body.strip())


def _max_forwards(request: SipMessage) -> int:
    text = request.get("max-forwards")
    return min(int(text), 255) if text.isascii() and text.isdigit() and len(text) < 4 else 70


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
    if sent.method != "INVITE" or not 100 < message.code < 300 or not message.to_tag:
        return
    dialog = leg.dialog(message.to_tag)
    if dialog is None:
        dialog = Dialog(
            local=message.get("from"),
            remote=message.get("to"),
            flow=message.flow,
            routes=first_items(message, "record-route")[::-1],
            is_direct=bool(leg.anchor.flow),
        )
        leg.add_dialog(message.to_tag, dialog)
    dialog.target = contact_target(message) or dialog.target
    dialog.flow = message.flow
    dialog.last_cseq = max(dialog.last_cseq, message.cseq)
    if is_success:
        dialog.confirmed = True
        if dialog.invite_cseq != message.cseq:
            dialog.invite_cseq, dialog.acknowledged, dialog.ack = message.cseq, False, b""
