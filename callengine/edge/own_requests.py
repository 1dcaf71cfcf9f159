"""ACK, BYE and CANCEL that the edge sends to peers where no call process does."""

from callengine.edge import challenged
from callengine.edge.flow import Flow
from callengine.edge.identity import Identity
from callengine.edge.legs import Dialog, Leg, PeerRequest, answered_to
from callengine.edge.message import Headers, Message, render
from callengine.edge.received import Received
from callengine.edge.routing import Routing, Target
from callengine.edge.sending import PeerSender


class OwnRequests:
    """Builds them from what a leg's dialogs and requests hold, and sees to their answers."""

    def __init__(self, *, identity: Identity, routing: Routing, sender: PeerSender) -> None:
        self._identity = identity
        self._routing = routing
        self._sender = sender

    def bye(self, leg: Leg, dialog: Dialog, headers: Headers) -> None:
        """End a dialog, once."""
        if dialog.ended:
            return
        dialog.ended = True
        dialog.last_cseq += 1
        self._request(leg, dialog, "BYE", headers)

    def answer_challenge(self, leg: Leg, message: Received) -> None:
        """Send a BYE that was challenged again, once, with the leg's credentials."""
        dialog = leg.dialog(message.to_tag)
        if dialog is None or dialog.proved:
            return
        target, _ = self._routing.by_any_means(leg, dialog)
        header = challenged.credentials(
            message,
            username=leg.anchor.username,
            password=leg.anchor.password,
            method="BYE",
            uri=target.uri,
        )
        if header is not None:
            dialog.proved = True
            dialog.last_cseq += 1
            self._request(leg, dialog, "BYE", [header])

    def _request(self, leg: Leg, dialog: Dialog, method: str, headers: Headers) -> None:
        target, flow = self._routing.by_any_means(leg, dialog)
        if not flow:
            return
        cseq = dialog.last_cseq
        branch = self._identity.branch("edge", leg.token, method, dialog.remote, str(cseq))
        data = self._in_dialog(
            leg, dialog, target, method=method, cseq=cseq, flow=flow, branch=branch, more=headers
        )
        leg.edge_requests.append((branch, method))
        self._sender.start(leg, (branch, method), flow, data, repeats=dialog.is_proven)

    def ack(self, leg: Leg, dialog: Dialog) -> None:
        """Acknowledge a peer's 2xx, each time alike (RFC 3261 section 13.2.2.4)."""
        dialog.acknowledged = True
        if not dialog.ack:
            target, flow = self._routing.by_any_means(leg, dialog)
            if not flow:
                return
            cseq = dialog.invite_cseq
            branch = self._identity.branch("edge", leg.token, "ACK", dialog.remote, str(cseq))
            dialog.ack_flow = flow
            dialog.ack = self._in_dialog(
                leg, dialog, target, method="ACK", cseq=cseq, flow=flow, branch=branch, more=[]
            )
        self._sender.once(leg, dialog.ack_flow, dialog.ack)

    def is_acknowledged(self, leg: Leg, message: Received) -> bool:
        """Acknowledge a 2xx again if it was before; return whether it was."""
        dialog = leg.dialog(message.to_tag)
        if dialog is None or not dialog.ack:
            return False
        self.ack(leg, dialog)
        return True

    def _in_dialog(
        self,
        leg: Leg,
        dialog: Dialog,
        target: Target,
        *,
        method: str,
        cseq: int,
        flow: Flow,
        branch: str,
        more: Headers,
    ) -> bytes:
        """Return a request as RFC 3261 section 12.2.1.1 builds it."""
        lines: Headers = [
            ("via", self._identity.via(flow, branch)),
            ("max-forwards", "70"),
            *(("route", route) for route in target.routes),
            ("from", dialog.local),
            ("to", dialog.remote),
            ("call-id", leg.call_id),
            ("cseq", f"{cseq} {method}"),
            ("user-agent", self._identity.user_agent),
        ]
        return render(Message.request(method, target.uri, lines + more))

    def cancel(self, leg: Leg, request: PeerRequest) -> None:
        """Cancel an INVITE whose peer has answered provisionally (RFC 3261 section 9.1)."""
        request.cancel_wanted = False
        data = self._hop_by_hop(request, leg, "CANCEL", request.parties[1], request.cancel_headers)
        leg.edge_requests.append((request.branch, "CANCEL"))
        self._sender.start(leg, (request.branch, "CANCEL"), request.flow, data)

    def ack_failure(self, leg: Leg, request: PeerRequest, message: Received) -> None:
        """Acknowledge a peer's failure, each time it comes (RFC 3261 section 17.1.1.3)."""
        data = self._hop_by_hop(request, leg, "ACK", answered_to(request, message), [])
        self._sender.once(leg, request.flow, data)

    def _hop_by_hop(
        self, request: PeerRequest, leg: Leg, method: str, to_header: str, more: Headers
    ) -> bytes:
        lines: Headers = [
            ("via", self._identity.via(request.flow, request.branch)),
            ("max-forwards", "70"),
            *(("route", route) for route in request.routes),
            ("from", request.parties[0]),
            ("to", to_header),
            ("call-id", leg.call_id),
            ("cseq", f"{request.cseq} {method}"),
            ("user-agent", self._identity.user_agent),
        ]
        return render(Message.request(method, request.uri, lines + more))
