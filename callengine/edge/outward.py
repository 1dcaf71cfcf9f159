"""From call processes to peers: the edge is the user agent that peers see."""

import time

from callengine.edge import standin
from callengine.edge.abandon import Abandoner
from callengine.edge.addresses import UnresolvableError, literal_flow, resolve
from callengine.edge.context import EdgeContext
from callengine.edge.digest import readdress
from callengine.edge.flows import split_flow
from callengine.edge.hops import next_hop
from callengine.edge.legs import MAX_REQUESTS, Dialog, Leg, LegState, PeerRequest
from callengine.edge.parse import SipMessage, clean, parse_uri
from callengine.edge.reach import without_connection
from callengine.edge.rewrite import Headers, aim, reply_vias, to_peer, with_tag
from callengine.edge.settings import TIMEOUT_S
from callengine.edge.transactions import ServerTransaction, State

_WITH_CONTACT = ("INVITE", "UPDATE")
_LAST_WORDS = ("BYE", "CANCEL")
_ANSWERED_AT_ONCE = {"INVITE": 100, "BYE": 200}
"""What a call process is told before its peer has said anything. The edge repeats these requests
itself: pjsip keeps one of its four slots until an INVITE or a BYE is answered, 32 s if it is not,
and cancels no INVITE that nobody has answered yet."""


class Outward:
    """Forwards what call processes send."""

    def __init__(self, context: EdgeContext, abandoner: Abandoner) -> None:
        self._context = context
        self._abandoner = abandoner

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
            return  # the edge repeats finals itself
        if transaction is leg.invite and not context.engine.has_taken(leg.anchor.call):
            return  # what a process says that did not take the call is not the call's answer
        self._learn(leg, transaction, message)
        data = self._peer_copy(leg, transaction, message)
        if message.code >= 200:
            leg.transactions.discard(transaction)
        if sent := context.transactions.respond(transaction, message.code, data):
            context.show(leg.token, "out", transaction.flow, sent)
        if transaction.is_invite and message.code >= 300:  # the peer's own ACK ends at the edge
            branch = transaction.branch
            standin.acknowledge(context, message, worker, branch=branch, token=leg.token)

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
        if transaction.is_invite and message.code >= 200:
            dialog.answered, dialog.answer = transaction, message

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
            standin.answer(self._context, message, worker, 481)
            return
        if leg.state is LegState.ABANDONED:
            standin.answer(
                self._context, message, worker, 200 if message.method in _LAST_WORDS else 481
            )
            return
        branch = context.branch("p", leg.token, message.via.branch)
        known = leg.requests.get((branch, message.method))
        if message.method == "CANCEL":
            self._cancel(leg, message, worker, branch)
        elif known is not None:
            self._repeat(leg, known)
        elif (branch, "INVITE") not in leg.requests:  # else it is the ACK of a failure: ours went
            self._new(leg, message, worker, branch)

    def _repeat(self, leg: Leg, known: PeerRequest) -> None:
        if known.method == "BYE":
            standin.answer(self._context, known.message, known.worker, 200)
        elif known.method == "INVITE":
            standin.answer(self._context, known.message, known.worker, 100)
        elif known.data and known.flow.startswith("udp:"):
            self._context.send(known.flow, known.data)
            self._context.show(leg.token, "out", known.flow, known.data)

    def _cancel(self, leg: Leg, message: SipMessage, worker: tuple[str, int], branch: str) -> None:
        """Let the call process go, and end the INVITE in its place, however long that takes."""
        invite = leg.requests.get((branch, "INVITE"))
        standin.answer(self._context, message, worker, 481 if invite is None else 200)
        if invite is None or invite.code >= 200 or invite.orphaned:
            return
        standin.answer(self._context, invite.message, worker, 487)
        reasons: Headers = [("reason", value) for value in message.headers.get("reason", ())]
        self._abandoner.cancel(leg, invite, reasons)

    def _new(self, leg: Leg, message: SipMessage, worker: tuple[str, int], branch: str) -> None:
        request = PeerRequest(message.method, message.cseq, branch, message, worker)
        dialog = leg.inner_dialog(message.to_tag) if message.to_tag else None
        if message.to_tag and dialog is None:
            standin.answer(self._context, message, worker, 481)
            return
        if message.method in _ANSWERED_AT_ONCE:
            standin.answer(self._context, message, worker, _ANSWERED_AT_ONCE[message.method])
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
        if request.method == "BYE" and dialog is not None:
            self._abandoner.take_over(leg, dialog, request)
            if dialog.answered is not None and not dialog.acknowledged:
                dialog.farewell = lambda: self._put_out(leg, request, dialog)
                return
        self._put_out(leg, request, dialog)

    def _put_out(self, leg: Leg, request: PeerRequest, dialog: Dialog | None) -> None:
        context, message = self._context, request.message
        extra: Headers = [("max-forwards", str(leg.anchor.max_forwards))]
        extra += [("route", route) for route in request.routes]
        extra += _credentials(leg, request)
        if leg.anchor.diversion and request.method == "INVITE" and dialog is None:
            extra.append(("diversion", leg.anchor.diversion))
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
        if request.method in _ANSWERED_AT_ONCE:
            context.requests.start(
                branch=request.branch,
                method=request.method,
                flow=request.flow,
                data=request.data,
                repeats=dialog is None or dialog.is_proven,
            )
        else:
            context.send(request.flow, request.data)
        context.show(leg.token, "out", request.flow, request.data)
        if request.method == "INVITE" and dialog is None and leg.anchor.is_configured:
            context.guard.welcome_trunk(split_flow(request.flow)[1], time.monotonic())
        if request.method == "INVITE":
            patience_s = leg.anchor.response_timeout_s if dialog is None else TIMEOUT_S
            context.later(patience_s, lambda: self._silent(leg, request, patience_s))

    def _silent(self, leg: Leg, request: PeerRequest, patience_s: float) -> None:
        """Give up a peer that has said nothing; should it wake up, the edge itself cancels."""
        if request.code or request.orphaned or leg.state is not LegState.OPEN:
            return
        found = f"no response from {request.flow} within {patience_s:g} s"
        standin.answer(self._context, request.message, request.worker, 408, _found(408, found))
        self._abandoner.cancel(leg, request, [])

    def unreachable(self, flow: str) -> None:
        """Tell call processes that a TCP connection could not be opened."""
        for leg in self._context.legs:
            for request in list(leg.requests.values()):
                if request.flow == flow and request.code < 200:
                    request.code = 503
                    self._context.requests.finish(request.branch, request.method)
                    self._unreachable(request, f"cannot connect to {flow}")

    def _unreachable(self, request: PeerRequest, why: str) -> None:
        if request.method not in ("ACK", "BYE") and not request.orphaned:
            standin.answer(self._context, request.message, request.worker, 503, _found(503, why))


def _found(code: int, why: str) -> Headers:
    """Return what the call process is told; a peer's own Reason never gets there."""
    text = clean(why, 160).replace('"', "'").replace("\\", "/")
    return [("reason", f'SIP;cause={code};text="{text}"')]


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
