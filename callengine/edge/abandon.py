"""When a call process is gone, the edge itself ends what it left open, toward both parties."""

from callengine.edge.addresses import UnresolvableError
from callengine.edge.context import EdgeContext
from callengine.edge.hops import next_hop
from callengine.edge.legs import Dialog, Leg, LegState, PeerRequest
from callengine.edge.parse import SipMessage, render
from callengine.edge.rewrite import Headers, aim, route_uri
from callengine.edge.transactions import ServerTransaction

ACK_WAIT_S = 0.5
"How long a BYE waits for the ACK of the 2xx it follows (RFC 3261 section 15)."
LATE_ANSWER_S = 0.5
"How long a closed call's process may take to acknowledge a late 2xx before the edge does."


class Abandoner:
    """Ends dialogs and transactions without a call process."""

    def __init__(self, context: EdgeContext) -> None:
        self._context = context

    def abandon(self, call: str, *, code: int, reason: str) -> None:
        """End every leg of a call: final response, CANCEL or BYE, as each needs.

        `reason` is the value of a Reason header (RFC 3326).
        """
        headers: Headers = [("reason", reason)] if reason else []
        self._context.note_dead(call)
        for leg in self._context.legs.of_call(call):
            if leg.state is LegState.ABANDONED:
                continue
            leg.state = LegState.ABANDONED
            for transaction in list(leg.transactions):
                self._answer(leg, transaction, code, headers)
            leg.transactions.clear()
            for dialog in leg.dialogs.values():
                self._end_dialog(leg, dialog, headers)
            for sent in list(leg.requests.values()):
                if sent.method == "INVITE" and sent.code < 200 and not sent.message.to_tag:
                    sent.cancel_wanted = True
                    if sent.code >= 100:
                        self._cancel(leg, sent)

    def _answer(
        self, leg: Leg, transaction: ServerTransaction, code: int, headers: Headers
    ) -> None:
        method = transaction.request.method
        if method in ("BYE", "CANCEL"):
            dialog = leg.dialog(transaction.request.from_tag)
            if dialog is not None and method == "BYE":
                dialog.ended = True
            self._context.reply(transaction, 200)
        elif transaction is leg.invite:
            transaction.to_tag = leg.local_tag
            self._context.reply(transaction, code, headers=headers)
        else:
            self._context.reply(transaction, 481)

    def _end_dialog(self, leg: Leg, dialog: Dialog, headers: Headers) -> None:
        if not dialog.confirmed or dialog.ended:
            return
        if leg.invite is None and not dialog.acknowledged:
            self._send_ack(leg, dialog)
        if leg.invite is not None and not dialog.acknowledged:
            self._context.later(ACK_WAIT_S, lambda: self._bye(leg, dialog, headers))
        else:
            self._bye(leg, dialog, headers)

    def acknowledged(self, leg: Leg, dialog: Dialog) -> None:
        """Take the ACK that a BYE was waiting for."""
        self._bye(leg, dialog, [])

    def response(self, leg: Leg, sent: PeerRequest, message: SipMessage) -> None:
        """Take a peer's response to a request of the call process that is gone."""
        if sent.method != "INVITE":
            return
        if message.code < 200:
            if sent.cancel_wanted:
                self._cancel(leg, sent)
            return
        if message.code >= 300:
            self._ack_failure(leg, sent, message)
            return
        dialog = leg.dialog(message.to_tag)
        if dialog is not None:
            self._send_ack(leg, dialog)
            self._bye(leg, dialog, [])

    def late_response(self, leg: Leg, sent: PeerRequest, message: SipMessage) -> None:
        """Take a response on a leg whose call has ended: a 2xx that nobody acknowledges hangs."""
        dialog = leg.dialog(message.to_tag)
        if sent.method != "INVITE" or not 200 <= message.code < 300 or dialog is None:
            return
        if dialog.ack:
            self._context.send(dialog.ack_flow, dialog.ack)
            self._context.show(leg.token, "out", dialog.ack_flow, dialog.ack)
            return

        def check() -> None:
            if not dialog.acknowledged:
                self._send_ack(leg, dialog)
                self._bye(leg, dialog, [])

        self._context.later(LATE_ANSWER_S, check)

    def _flow(self, leg: Leg, dialog: Dialog) -> tuple[str, str, tuple[str, ...]]:
        """Return flow, Request-URI and Route values; no flow if the peer cannot be reached."""
        context = self._context
        uri, routes = aim(dialog.target, dialog.routes)
        try:
            flow = next_hop(
                context.transports,
                dialog,
                route_uri(routes[0]) if routes else uri,
                hosts=leg.anchor.hosts,
                is_ours=context.addresses.is_local_host,
            )
        except UnresolvableError:
            return "", uri, routes
        return flow or dialog.flow, uri, routes

    def _bye(self, leg: Leg, dialog: Dialog, headers: Headers) -> None:
        if dialog.ended:
            return
        dialog.ended = True
        dialog.last_cseq += 1
        self._request(leg, dialog, "BYE", dialog.last_cseq, headers)

    def _send_ack(self, leg: Leg, dialog: Dialog) -> None:
        if not dialog.ack:
            self._request(leg, dialog, "ACK", dialog.invite_cseq, [])
        else:
            self._context.send(dialog.ack_flow, dialog.ack)
            self._context.show(leg.token, "out", dialog.ack_flow, dialog.ack)
        dialog.acknowledged = True

    def _request(self, leg: Leg, dialog: Dialog, method: str, cseq: int, headers: Headers) -> None:
        context = self._context
        flow, uri, routes = self._flow(leg, dialog)
        if not flow:
            return
        branch = context.branch("edge", leg.token, method, dialog.remote, str(cseq))
        lines: Headers = [("via", context.peer_via(flow, branch)), ("max-forwards", "70")]
        lines += [("route", route) for route in routes]
        lines += [
            ("from", dialog.local),
            ("to", dialog.remote),
            ("call-id", leg.call_id),
            ("cseq", f"{cseq} {method}"),
            ("user-agent", context.settings.user_agent),
        ]
        data = render(f"{method} {uri} SIP/2.0", lines + headers)
        if method == "ACK":
            dialog.ack, dialog.ack_flow = data, flow
            context.send(flow, data)
        else:
            context.to_peer[branch, method] = leg
            leg.edge_requests.append((branch, method))
            context.requests.start(branch=branch, method=method, flow=flow, data=data)
        context.show(leg.token, "out", flow, data)

    def _cancel(self, leg: Leg, sent: PeerRequest) -> None:
        sent.cancel_wanted = False
        context = self._context
        data = self._hop_by_hop(leg, sent, "CANCEL", sent.parties[1])
        context.to_peer[sent.branch, "CANCEL"] = leg
        leg.edge_requests.append((sent.branch, "CANCEL"))
        context.requests.start(branch=sent.branch, method="CANCEL", flow=sent.flow, data=data)
        context.show(leg.token, "out", sent.flow, data)

    def _ack_failure(self, leg: Leg, sent: PeerRequest, message: SipMessage) -> None:
        data = self._hop_by_hop(leg, sent, "ACK", message.get("to"))
        self._context.send(sent.flow, data)
        self._context.show(leg.token, "out", sent.flow, data)

    def _hop_by_hop(self, leg: Leg, sent: PeerRequest, method: str, to_header: str) -> bytes:
        context = self._context
        lines: Headers = [
            ("via", context.peer_via(sent.flow, sent.branch)),
            ("max-forwards", "70"),
            *(("route", route) for route in sent.routes),
            ("from", sent.parties[0]),
            ("to", to_header),
            ("call-id", leg.call_id),
            ("cseq", f"{sent.cseq} {method}"),
            ("user-agent", context.settings.user_agent),
        ]
        return render(f"{method} {sent.uri} SIP/2.0", lines)
