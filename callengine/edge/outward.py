"""From call processes to peers: the edge is the user agent that peers see."""

from callengine.edge.addresses import UnresolvableError, literal_flow, resolve
from callengine.edge.context import EdgeContext
from callengine.edge.digest import readdress
from callengine.edge.hops import next_hop
from callengine.edge.legs import MAX_REQUESTS, Dialog, Leg, LegState, PeerRequest
from callengine.edge.parse import SipMessage, parse_uri
from callengine.edge.reach import without_connection
from callengine.edge.rewrite import Headers, aim, build_reply, reply_vias, to_peer, with_tag
from callengine.edge.transactions import ServerTransaction, State

_WITH_CONTACT = ("INVITE", "UPDATE")


class Outward:
    """Forwards what call processes send."""

    def __init__(self, context: EdgeContext) -> None:
        self._context = context

    def response(self, message: SipMessage, worker: tuple[str, int]) -> None:
        """Forward a call process's response; its 100 Trying ends here, ours was sent before."""
        context = self._context
        transaction = context.to_worker.get((message.via.branch, message.cseq_method))
        if transaction is None or message.code == 100:
            return
        leg = context.legs.by_token.get(transaction.token)
        if leg is None or leg.anchor.worker != worker or leg.state is LegState.ABANDONED:
            return
        if transaction.state is not State.PROCEEDING:
            context.transactions.respond(transaction, message.code, b"", by_edge=False)
            return
        self._learn(leg, transaction, message)
        data = self._peer_copy(leg, transaction, message)
        if message.code >= 200:
            leg.transactions.discard(transaction)
        if sent := context.transactions.respond(transaction, message.code, data, by_edge=False):
            context.show(leg.token, "out", transaction.flow, sent)

    def _learn(self, leg: Leg, transaction: ServerTransaction, message: SipMessage) -> None:
        request = transaction.request
        dialog = leg.dialog(request.from_tag)
        if dialog is None or message.code >= 300:
            return
        if request.method == "BYE":
            dialog.ended = True
        if transaction is leg.invite and message.to_tag:
            leg.local_tag = message.to_tag
            dialog.local = with_tag(request.get("to"), message.to_tag)
            dialog.confirmed = dialog.confirmed or message.code >= 200

    def _peer_copy(self, leg: Leg, transaction: ServerTransaction, message: SipMessage) -> bytes:
        context, request = self._context, transaction.request
        extra: Headers = []
        if transaction is leg.invite and message.code < 300:
            extra = [("record-route", value) for value in request.headers.get("record-route", ())]
        wants_contact = request.method in _WITH_CONTACT and message.code < 300
        return to_peer(
            message,
            start=f"SIP/2.0 {message.code} {message.phrase}",
            vias=reply_vias(request),
            contact=context.contact(request.flow, leg.token) if wants_contact else "",
            user_agent=context.settings.user_agent,
            parties=(request.get("from"), with_tag(request.get("to"), message.to_tag)),
            call_id=request.call_id,
            extra=extra,
        )

    def request(self, message: SipMessage, worker: tuple[str, int], token: str) -> None:
        """Forward a call process's request on the leg its Request-URI names."""
        context = self._context
        leg = context.legs.by_token.get(token)
        if leg is None or leg.anchor.worker != worker:
            self._answer_worker(message, worker, 481)
            return
        if leg.state is LegState.ABANDONED:
            return
        branch = context.branch("p", leg.token, message.via.branch)
        if (known := leg.requests.get((branch, message.method))) is not None:
            self._repeat(leg, known)
        elif message.method == "CANCEL" or (branch, "INVITE") in leg.requests:
            self._hop_by_hop(leg, message, worker, branch)
        else:
            self._new(leg, message, worker, branch)

    def _repeat(self, leg: Leg, known: PeerRequest) -> None:
        if known.data and known.flow.startswith("udp:"):
            self._context.send(known.flow, known.data)
            self._context.show(leg.token, "out", known.flow, known.data)

    def _hop_by_hop(
        self, leg: Leg, message: SipMessage, worker: tuple[str, int], branch: str
    ) -> None:
        """CANCEL, and ACK of a failure: same branch, URI, route and flow as the INVITE."""
        invite = leg.requests.get((branch, "INVITE"))
        if invite is None or message.method not in ("CANCEL", "ACK"):
            if message.method != "ACK":
                self._answer_worker(message, worker, 481)
            return
        if not invite.flow:
            invite.cancel_wanted = True
            self._answer_worker(message, worker, 200)
            self._answer_worker(invite.message, worker, 487)
            return
        request = PeerRequest(message.method, message.cseq, branch, message, worker)
        request.uri, request.routes, request.flow = invite.uri, invite.routes, invite.flow
        request.parties = invite.parties
        if message.method == "ACK" and invite.answered_to:
            request.parties = (invite.parties[0], invite.answered_to)
        self._send(leg, request)

    def _new(self, leg: Leg, message: SipMessage, worker: tuple[str, int], branch: str) -> None:
        request = PeerRequest(message.method, message.cseq, branch, message, worker)
        dialog = leg.inner_dialog(message.to_tag) if message.to_tag else None
        if message.to_tag and dialog is None:
            self._answer_worker(message, worker, 481)
            return
        try:
            if dialog is None:
                self._context.legs.name_call_id(leg, message.call_id)
                leg.local_tag = message.from_tag
                flow = self._first_hop(leg, request)
            else:
                flow = self._dialog_hop(leg, dialog, request)
        except (ValueError, UnresolvableError) as error:
            self._unreachable(request, str(error))
            return
        if flow is None:
            leg.requests[branch, message.method] = request
            self._context.start_task(self._look_up(leg, request, dialog))
        else:
            request.flow = flow
            self._send(leg, request, dialog)

    def _first_hop(self, leg: Leg, request: PeerRequest) -> str | None:
        context, anchor = self._context, leg.anchor
        request.uri, request.routes = anchor.request_uri, anchor.routes
        request.parties = (request.message.get("from"), request.message.get("to"))
        flow = anchor.flow
        if not flow:
            return literal_flow(parse_uri(request.uri))
        is_up = flow.startswith("udp:") or context.transports.has_connection(flow)
        if is_up or anchor.is_configured:
            return flow
        return without_connection(
            parse_uri(first_uri(request.uri, request.routes)),
            heard=flow,
            is_ours=context.addresses.is_local_host,
        )

    def _dialog_hop(self, leg: Leg, dialog: Dialog, request: PeerRequest) -> str | None:
        context = self._context
        request.uri, request.routes = aim(dialog.target, dialog.routes)
        request.parties = (dialog.local, dialog.remote)
        dialog.last_cseq = max(dialog.last_cseq, request.cseq)
        return next_hop(
            context.transports,
            dialog,
            first_uri(request.uri, request.routes),
            hosts=leg.anchor.hosts,
            is_ours=context.addresses.is_local_host,
        )

    async def _look_up(self, leg: Leg, request: PeerRequest, dialog: Dialog | None) -> None:
        try:
            flow = await resolve(first_uri(request.uri, request.routes))
        except OSError as error:
            if not request.cancel_wanted:
                self._unreachable(request, str(error))
            return
        if not request.cancel_wanted and leg.state is not LegState.ABANDONED:
            request.flow = flow
            self._send(leg, request, dialog)

    def _send(self, leg: Leg, request: PeerRequest, dialog: Dialog | None = None) -> None:
        context, message = self._context, request.message
        extra: Headers = [("max-forwards", str(leg.anchor.max_forwards))]
        extra += [("route", route) for route in request.routes]
        extra += _credentials(leg, request)
        has_contact = request.method in _WITH_CONTACT
        request.data = to_peer(
            message,
            start=f"{message.method} {request.uri} SIP/2.0",
            vias=[context.peer_via(request.flow, request.branch)],
            contact=context.contact(request.flow, leg.token) if has_contact else "",
            user_agent=context.settings.user_agent,
            parties=request.parties,
            call_id=leg.call_id,
            extra=extra,
        )
        while len(leg.requests) >= MAX_REQUESTS:
            oldest = next(iter(leg.requests))
            del leg.requests[oldest]
            context.to_peer.pop(oldest, None)
        leg.requests[request.branch, request.method] = request
        context.to_peer[request.branch, request.method] = leg
        if dialog is not None and request.method == "ACK":
            dialog.acknowledged = True
            dialog.ack, dialog.ack_flow = request.data, request.flow
        context.send(request.flow, request.data)
        context.show(leg.token, "out", request.flow, request.data)
        if request.method == "INVITE" and dialog is None:
            context.later(leg.anchor.response_timeout_s, lambda: self._silent(leg, request))

    def _silent(self, leg: Leg, request: PeerRequest) -> None:
        """Give up a peer that has said nothing; should it wake up, the edge itself cancels."""
        if request.code or leg.state is not LegState.OPEN:
            return
        leg.state = LegState.ABANDONED
        request.cancel_wanted = True
        text = f"no response within {leg.anchor.response_timeout_s:g} s"
        reason = f'SIP;cause=408;text="{text}"'
        self._answer_worker(request.message, request.worker, 408, [("reason", reason)])

    def unreachable(self, flow: str) -> None:
        """Tell call processes that a TCP connection could not be opened."""
        for leg in self._context.legs:
            for request in list(leg.requests.values()):
                if request.flow == flow and request.code < 200:
                    request.code = 503
                    self._unreachable(request, f"cannot connect to {flow}")

    def _unreachable(self, request: PeerRequest, why: str) -> None:
        if request.method != "ACK":
            text = why.replace('"', "'").replace("\\", "/")[:120]
            reason = f'SIP;cause=503;text="{text}"'
            self._answer_worker(request.message, request.worker, 503, [("reason", reason)])

    def _answer_worker(
        self,
        message: SipMessage,
        worker: tuple[str, int],
        code: int,
        headers: Headers | None = None,
    ) -> None:
        if message.method == "ACK":
            return
        context = self._context
        tag = context.sign(message.call_id, message.from_tag)[:16]
        data = build_reply(
            message, code, server=context.settings.user_agent, to_tag=tag, headers=headers
        )
        context.send_to_worker(worker, data)


def first_uri(uri: str, routes: tuple[str, ...]) -> str:
    """Return the URI of the next hop: the first route, else the Request-URI."""
    if not routes:
        return uri
    return routes[0].partition("<")[2].partition(">")[0] or uri


def _credentials(leg: Leg, request: PeerRequest) -> Headers:
    """A digest over a loopback URI must not leave, and no gateway would take it."""
    found: Headers = []
    for name in ("authorization", "proxy-authorization"):
        for value in request.message.headers.get(name, ()):
            moved = readdress(
                value, password=leg.anchor.password, method=request.method, uri=request.uri
            )
            if moved:
                found.append((name, moved))
    return found
