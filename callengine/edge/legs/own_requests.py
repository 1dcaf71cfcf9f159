"""ACK, BYE, CANCEL, NOTIFY and REFER that the edge sends to peers where no call process does."""

from functools import partial

from callengine.edge.legs import challenged
from callengine.edge.legs.routing import Routing, Target
from callengine.edge.legs.sending import PeerSender
from callengine.edge.legs.table import AnchoredLeg, Dialog, PeerRequest
from callengine.edge.messages.message import Headers, Message
from callengine.edge.messages.received import Received
from callengine.edge.transactions.client import OnResponse, cancellation
from callengine.edge.transactions.identity import EdgeIdentity


class OwnRequests:
    """Builds them from what a leg's dialogs and requests hold, and sees to their answers."""

    def __init__(self, *, identity: EdgeIdentity, routing: Routing, sender: PeerSender) -> None:
        self._identity = identity
        self._routing = routing
        self._sender = sender

    def bye(self, leg: AnchoredLeg, dialog: Dialog, headers: Headers) -> None:
        """End a dialog, once; a challenge to it is answered."""
        if dialog.ended:
            return
        dialog.ended = True
        self._send_bye(leg, dialog, headers, on_final=partial(self.bye_answered, leg, dialog))

    def bye_answered(self, leg: AnchoredLeg, dialog: Dialog, response: Message) -> None:
        """Take the answer to a BYE: challenged, it goes once more, with the leg's credentials."""
        target, _ = self._routing.by_any_means(leg, dialog)
        header = challenged.credentials(
            response,
            username=leg.anchor.username,
            password=leg.anchor.password,
            method="BYE",
            uri=target.uri,
        )
        if header is not None:
            # RFC 3261 section 22.2; a second challenge says that they are wrong.
            self._send_bye(leg, dialog, [header], on_final=_ignore)

    def _send_bye(
        self, leg: AnchoredLeg, dialog: Dialog, headers: Headers, *, on_final: OnResponse
    ) -> None:
        target, flow = self._routing.by_any_means(leg, dialog)
        dialog.last_cseq += 1
        if not flow:
            return
        branch = self._branch(leg, dialog, "BYE", dialog.last_cseq)
        leg.edge_requests.append((branch, "BYE"))
        self._sender.start(
            leg,
            self._in_dialog(leg, dialog, target, cseq=f"{dialog.last_cseq} BYE", more=headers),
            flow,
            branch=branch,
            repeats=dialog.is_proven,
            on_final=on_final,
        )

    def notify(
        self,
        leg: AnchoredLeg,
        dialog: Dialog,
        headers: Headers,
        body: str,
        *,
        on_final: OnResponse,
    ) -> None:
        """Send a NOTIFY whose body is a fragment of SIP (RFC 3420)."""
        more: Headers = [*headers, ("content-type", "message/sipfrag;version=2.0")]
        self._ask(leg, dialog, "NOTIFY", more, body.encode(), on_final=on_final)

    def refer(
        self, leg: AnchoredLeg, dialog: Dialog, headers: Headers, *, by: str, on_final: OnResponse
    ) -> bool:
        """Send a REFER; `by` is the user part of its Referred-By. False: it has nowhere to go."""
        _, flow = self._routing.by_any_means(leg, dialog)
        more: Headers = [*headers]
        if flow:
            more.append(("referred-by", f"<{self._identity.contact(flow, by)}>"))
        return self._ask(leg, dialog, "REFER", more, b"", on_final=on_final)

    def target(self, leg: AnchoredLeg, dialog: Dialog) -> str:
        """Return the Request-URI of requests inside a dialog."""
        return self._routing.by_any_means(leg, dialog)[0].uri

    def _ask(
        self,
        leg: AnchoredLeg,
        dialog: Dialog,
        method: str,
        headers: Headers,
        body: bytes,
        *,
        on_final: OnResponse,
    ) -> bool:
        """Send a request of ours among those of the call process; False: it has nowhere to go."""
        target, flow = self._routing.by_any_means(leg, dialog)
        if not flow:
            return False
        number = dialog.next_own_cseq()
        branch = self._branch(leg, dialog, method, number)
        leg.edge_requests.append((branch, method))
        contact = ("contact", f"<{self._identity.contact(flow, leg.token)}>")
        request = self._in_dialog(
            leg, dialog, target, cseq=f"{number} {method}", more=[contact, *headers]
        )
        request.body = body
        self._sender.start(leg, request, flow, branch=branch, on_final=on_final)
        return True

    def ack(self, leg: AnchoredLeg, dialog: Dialog) -> None:
        """Acknowledge a peer's 2xx, each time alike (RFC 3261 section 13.2.2.4)."""
        dialog.acknowledged = True
        if self._acknowledged_again(leg, dialog, dialog.invite_cseq):
            return
        target, flow = self._routing.by_any_means(leg, dialog)
        if not flow:
            return
        branch = self._branch(leg, dialog, "ACK", dialog.invite_cseq)
        ack = self._in_dialog(leg, dialog, target, cseq=f"{dialog.invite_cseq} ACK")
        sent = self._sender.once(leg, ack, flow, branch=branch)
        dialog.keep_ack(dialog.invite_cseq, sent, flow)

    def is_acknowledged(self, leg: AnchoredLeg, request: PeerRequest, message: Received) -> bool:
        """Acknowledge a 2xx again if it was before; return whether it was."""
        dialog = leg.dialog(message.to_tag)
        return dialog is not None and self._acknowledged_again(leg, dialog, request.cseq)

    def _acknowledged_again(self, leg: AnchoredLeg, dialog: Dialog, cseq: int) -> bool:
        kept = dialog.acks.get(cseq)
        if kept is not None:
            self._sender.again(leg, *kept)
        return kept is not None

    def cancel(self, leg: AnchoredLeg, request: PeerRequest) -> None:
        """Cancel an INVITE whose peer has answered provisionally (RFC 3261 section 9.1)."""
        request.cancel_wanted = False
        if request.sent is None:
            return
        leg.edge_requests.append((request.branch, "CANCEL"))
        cancel = cancellation(request.sent, request.cancel_headers)
        self._sender.start(leg, cancel, request.flow, branch=request.branch)

    def _branch(self, leg: AnchoredLeg, dialog: Dialog, method: str, cseq: int) -> str:
        return self._identity.branch("edge", leg.token, method, dialog.remote, str(cseq))

    def _in_dialog(
        self,
        leg: AnchoredLeg,
        dialog: Dialog,
        target: Target,
        *,
        cseq: str,
        more: Headers | None = None,
    ) -> Message:
        """Return a request as RFC 3261 section 12.2.1.1 builds it; `cseq` names its method."""
        lines: Headers = [
            ("max-forwards", "70"),
            *(("route", route) for route in target.routes),
            ("from", dialog.local),
            ("to", dialog.remote),
            ("call-id", leg.call_id),
            ("cseq", cseq),
            ("user-agent", self._identity.user_agent),
        ]
        return Message.request(cseq.partition(" ")[2], target.uri, lines + (more or []))


def _ignore(_: Message) -> None:
    """Nothing more can be done about it."""
