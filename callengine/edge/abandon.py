"""What a call process leaves unfinished, by its last word or by its death, the edge finishes.

A call process must not wait for peers to end a call: pjsip would keep one of its few slots. So its
BYE or CANCEL is answered at once, and the edge sees to the peer.
"""

from functools import partial

from callengine.edge import challenged, standin
from callengine.edge.addresses import UnresolvableError
from callengine.edge.context import EdgeContext
from callengine.edge.hops import next_hop
from callengine.edge.legs import Dialog, Leg, LegState, PeerRequest, answered_to
from callengine.edge.parse import SipMessage, render
from callengine.edge.rewrite import Headers, aim, route_uri
from callengine.edge.transactions import ServerTransaction

ACK_WAIT_S = 0.5
"How long a BYE waits for the ACK of the 2xx it follows when the call process has died."


class Abandoner:
    """Ends dialogs and transactions without a call process."""

    def __init__(self, context: EdgeContext) -> None:
        self._context = context

    def abandon(self, call: str, *, code: int, reason: str) -> None:
        """End every leg of a call: final response, CANCEL or BYE, as each needs.

        `reason` is the value of a Reason header (RFC 3326).
        """
        headers: Headers = [("reason", reason)] if reason else []
        for leg in self._context.legs.of_call(call):
            if leg.state is not LegState.ABANDONED:
                self._end_leg(leg, code, headers)

    def _end_leg(self, leg: Leg, code: int, headers: Headers) -> None:
        leg.state = LegState.ABANDONED
        for transaction in list(leg.transactions):
            self._answer(leg, transaction, code, headers)
        leg.transactions.clear()
        for dialog in leg.dialogs.values():
            self._end_dialog(leg, dialog, headers)
        for sent in list(leg.requests.values()):
            if sent.method == "INVITE" and sent.code < 200 and not sent.message.to_tag:
                self.cancel(leg, sent, [])

    def cancel(self, leg: Leg, sent: PeerRequest, headers: Headers) -> None:
        """Take an INVITE over that is to be cancelled, once the peer has answered at all.

        Until then it may not have arrived, and is repeated (RFC 3261 section 9.1).
        """
        if sent.orphaned:
            return
        sent.orphaned = sent.cancel_wanted = True
        sent.cancel_headers = headers
        if sent.code >= 100:
            self._cancel(leg, sent)

    def take_over(self, leg: Leg, dialog: Dialog, bye: PeerRequest) -> None:
        """Take a dialog over that a call process ends: nothing in it is its business any more."""
        dialog.ended = bye.orphaned = True
        for transaction in list(leg.transactions):
            if leg.dialog(transaction.request.from_tag) is dialog:
                leg.transactions.discard(transaction)
                self._answer(leg, transaction, 487, [])
        for sent in leg.requests.values():
            is_inside = sent.message.to_tag == bye.message.to_tag
            if is_inside and sent.method == "INVITE" and not sent.orphaned:
                sent.orphaned = True
                if sent.code < 200:
                    self._context.requests.finish(sent.branch, sent.method)
                    standin.answer(self._context, sent.message, sent.worker, 487)

    def let_go(self, call: str) -> None:
        """Acknowledge what a call process waits for, in its peers' place, so that it can end.

        pjsip sends no BYE before the ACK of its 2xx. The peer's own is still waited for here.
        """
        context = self._context
        for leg in context.legs.of_call(call):
            for dialog in leg.dialogs.values():
                if dialog.answer is not None and not dialog.acknowledged and not dialog.ended:
                    branch = context.branch("let-go", leg.token)
                    worker, token = leg.anchor.worker, leg.token
                    standin.acknowledge(context, dialog.answer, worker, branch=branch, token=token)

    def clear(self, call: str) -> None:
        """Forget the legs of a call whose process did not take it; peers it rang are cancelled."""
        context = self._context
        for leg in context.legs.of_call(call):
            if leg.invite is None:
                self._end_leg(leg, 487, [])
                context.later(context.settings.linger_s, partial(context.remove_leg, leg))
                continue
            context.to_worker.pop((leg.invite.branch, "INVITE"), None)
            leg.transactions.discard(leg.invite)
            context.remove_leg(leg)

    def _answer(
        self, leg: Leg, transaction: ServerTransaction, code: int, headers: Headers
    ) -> None:
        method = transaction.request.method
        if method in ("BYE", "CANCEL"):
            dialog = leg.dialog(transaction.request.from_tag)
            if dialog is not None and method == "BYE":
                dialog.ended = True
            self._context.reply(transaction, 200)
        elif method == "INVITE" and transaction is not leg.invite:
            self._context.reply(transaction, 487)  # RFC 3261 section 15.1.2
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
        """Take a peer's response to an INVITE that no call process waits for any more."""
        if sent.method != "INVITE":
            return
        if message.code < 200:
            if sent.cancel_wanted:
                self._cancel(leg, sent)
            return
        dialog = leg.dialog(message.to_tag)
        if message.code < 300 and dialog is not None:
            self._send_ack(leg, dialog)
            self._bye(leg, dialog, sent.cancel_headers)

    def answer_challenge(self, leg: Leg, message: SipMessage) -> None:
        """Send a BYE that was challenged again, once, with the leg's credentials."""
        dialog = leg.dialog(message.to_tag)
        if dialog is None or dialog.proved:
            return
        header = challenged.credentials(
            message,
            username=leg.anchor.username,
            password=leg.anchor.password,
            method="BYE",
            uri=self._flow(leg, dialog)[1],
        )
        if header is not None:
            dialog.proved = True
            dialog.last_cseq += 1
            self._request(leg, dialog, "BYE", dialog.last_cseq, [header])

    def is_acknowledged(self, leg: Leg, message: SipMessage) -> bool:
        """Acknowledge a 2xx again if it was before; return whether it was."""
        dialog = leg.dialog(message.to_tag)
        if dialog is None or not dialog.ack:
            return False
        self._send_ack(leg, dialog)
        return True

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
            context.requests.start(
                branch=branch, method=method, flow=flow, data=data, repeats=dialog.is_proven
            )
        context.show(leg.token, "out", flow, data)

    def _cancel(self, leg: Leg, sent: PeerRequest) -> None:
        sent.cancel_wanted = False
        context = self._context
        data = self._hop_by_hop(leg, sent, "CANCEL", sent.parties[1], sent.cancel_headers)
        context.to_peer[sent.branch, "CANCEL"] = leg
        leg.edge_requests.append((sent.branch, "CANCEL"))
        context.requests.start(branch=sent.branch, method="CANCEL", flow=sent.flow, data=data)
        context.show(leg.token, "out", sent.flow, data)

    def ack_failure(self, leg: Leg, sent: PeerRequest, message: SipMessage) -> None:
        """Acknowledge a peer's failure, each time it comes (RFC 3261 section 17.1.1.2)."""
        data = self._hop_by_hop(leg, sent, "ACK", answered_to(sent, message), [])
        self._context.send(sent.flow, data)
        self._context.show(leg.token, "out", sent.flow, data)

    def _hop_by_hop(
        self, leg: Leg, sent: PeerRequest, method: str, to_header: str, headers: Headers
    ) -> bytes:
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
        return render(f"{method} {sent.uri} SIP/2.0", lines + headers)
