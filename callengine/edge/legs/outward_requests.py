"""Requests of call processes, sent to peers: the edge is the user agent that peers see."""

from collections.abc import Awaitable, Callable

from callengine.edge.flow import Flow
from callengine.edge.legs import takeover
from callengine.edge.legs.abandon import Abandoner
from callengine.edge.legs.attempting import AttemptReports
from callengine.edge.legs.outer import to_peer
from callengine.edge.legs.outward_responses import WITH_CONTACT
from callengine.edge.legs.own_requests import OwnRequests
from callengine.edge.legs.parting import parting_headers
from callengine.edge.legs.routing import Routing, Target
from callengine.edge.legs.sending import PeerSender
from callengine.edge.legs.standin import StandIn
from callengine.edge.legs.table import (
    MAX_REQUESTS,
    AnchoredLeg,
    Dialog,
    LegState,
    LegTable,
    PeerRequest,
)
from callengine.edge.legs.takeover import TakeoverError
from callengine.edge.messages.branches import RequestKey
from callengine.edge.messages.digest import readdress
from callengine.edge.messages.message import Headers, Message
from callengine.edge.messages.received import Received
from callengine.edge.messages.replies import reason_value
from callengine.edge.settings import TIMEOUT_S
from callengine.edge.tasks import EdgeTasks
from callengine.edge.timers import later
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transport.addresses import UnresolvableError
from callengine.edge.transport.loopback import Worker

_LAST_WORDS = ("BYE", "CANCEL")
_ANSWERED_AT_ONCE = {"INVITE": 100, "BYE": 200}
"""What a call process is told before its peer has said anything. The edge repeats these requests
itself: pjsip keeps one of its four slots until an INVITE or a BYE is answered, 32 s if it is not,
and cancels no INVITE that nobody has answered yet."""


class OutwardRequests:
    """Forwards what call processes ask; answers in the peer's place what they need not wait for."""

    def __init__(
        self,
        legs: LegTable,
        *,
        identity: EdgeIdentity,
        routing: Routing,
        find: Callable[[str], Awaitable[Flow]],
        sender: PeerSender,
        standin: StandIn,
        own: OwnRequests,
        attempts: AttemptReports,
        abandoner: Abandoner,
        tasks: EdgeTasks,
        welcome_trunk: Callable[[str], None],
    ) -> None:
        """`find(uri)` looks up where a SIP URI leads.

        `welcome_trunk(host)` is told of each gateway that an INVITE went to.
        """
        self._legs = legs
        self._identity = identity
        self._routing = routing
        self._find = find
        self._sender = sender
        self._standin = standin
        self._own = own
        self._attempts = attempts
        self._abandoner = abandoner
        self._tasks = tasks
        self._welcome_trunk = welcome_trunk

    def take(self, message: Received, worker: Worker, token: str) -> None:
        """Forward a call process's request on the leg its Request-URI names."""
        leg = self._legs.by_token.get(token)
        if leg is None or leg.anchor.worker != worker:
            self._standin.answer(message, worker, 481)
            return
        if leg.state is LegState.ABANDONED:
            code = 200 if message.method in _LAST_WORDS else 481
            self._standin.answer(message, worker, code)
            return
        branch = self._identity.branch("p", leg.token, message.via.branch)
        request = leg.requests.get((branch, message.method))
        if message.method == "CANCEL":
            self._cancel(leg, message, worker, branch)
        elif request is not None:
            self._repeat(leg, request)
        elif (branch, "INVITE") not in leg.requests:  # else it is the ACK of a failure: ours went
            self._new(leg, message, worker, branch)

    def _repeat(self, leg: AnchoredLeg, request: PeerRequest) -> None:
        if request.method in _ANSWERED_AT_ONCE:
            self._answer_at_once(request)
        elif request.sent is not None and not request.flow.is_reliable:
            self._sender.again(leg, request.sent, request.flow)

    def _cancel(self, leg: AnchoredLeg, message: Received, worker: Worker, branch: str) -> None:
        """Let the call process go, and end the INVITE in its place, however long that takes."""
        invite = leg.requests.get((branch, "INVITE"))
        self._standin.answer(message, worker, 481 if invite is None else 200)
        if invite is None or invite.code >= 200 or invite.orphaned:
            return
        self._standin.answer(invite.message, worker, 487)
        reasons: Headers = [("reason", value) for value in message.headers.get("reason", ())]
        told = parting_headers(leg)
        if any(name == "reason" for name, _ in told):
            reasons = []
        reasons += told
        self._abandoner.cancel(leg, invite, reasons)

    def _new(self, leg: AnchoredLeg, message: Received, worker: Worker, branch: str) -> None:
        request = PeerRequest(message.method, message.cseq, branch, message, worker)
        dialog = leg.inner_dialog(message.to_tag) if message.to_tag else None
        if message.to_tag and dialog is None:
            self._standin.answer(message, worker, 481)
            return
        if dialog is not None and dialog.moved:
            self._standin.answer(message, worker, _ANSWERED_AT_ONCE.get(message.method, 481))
            return
        if message.method == "BYE":
            self._answer_at_once(request)
        try:
            flow = self._aim(leg, dialog, request)
        except TakeoverError as error:
            self._standin.answer(message, worker, error.code)
            return
        except (ValueError, UnresolvableError) as error:
            self._unreachable(request, str(error))
            return
        if flow is None:
            leg.requests[request.key] = request
            self._tasks.start(self._look_up(leg, request, dialog))
        else:
            request.flow = flow
            self._send(leg, request, dialog)
        if message.method == "INVITE":
            # Once it has gone: who is called need not wait for this, which has the process run.
            self._answer_at_once(request)

    def _answer_at_once(self, request: PeerRequest) -> None:
        code = _ANSWERED_AT_ONCE[request.method]
        self._standin.answer(request.message, request.worker, code)

    def _aim(self, leg: AnchoredLeg, dialog: Dialog | None, request: PeerRequest) -> Flow | None:
        """Say in a request where it goes; return its flow, or None if that must be looked up."""
        message, anchor = request.message, leg.anchor
        if dialog is None and anchor.takes_over:
            old, dialog = takeover.begin(self._legs, leg, request)
            target, flow = self._routing.in_dialog(old, dialog)
            request.uri, request.routes = target.uri, target.routes
            return flow
        if dialog is None:
            self._legs.name_call_id(leg, message.call_id)
            leg.local_tag = message.from_tag
            request.uri, request.routes = anchor.request_uri, anchor.routes
            request.parties = (message.get("from"), message.get("to"))
            return self._routing.first_flow(anchor)
        target, flow = self._routing.in_dialog(leg, dialog)
        request.uri, request.routes = target.uri, target.routes
        request.parties = (dialog.local, dialog.remote)
        request.cseq = dialog.outer_cseq(request.method, message.cseq)
        if message.method == "PRACK":
            message.headers["rack"] = [dialog.outer_rack(message.get("rack"))]
        dialog.last_cseq = max(dialog.last_cseq, request.cseq)
        return flow

    async def _look_up(self, leg: AnchoredLeg, request: PeerRequest, dialog: Dialog | None) -> None:
        try:
            flow = await self._find(Target(request.uri, request.routes).first_uri)
        except OSError as error:
            if not request.cancel_wanted:
                self._unreachable(request, str(error))
            return
        if not request.cancel_wanted and leg.state is not LegState.ABANDONED:
            request.flow = flow
            self._send(leg, request, dialog)

    def _send(self, leg: AnchoredLeg, request: PeerRequest, dialog: Dialog | None) -> None:
        if request.method == "BYE" and dialog is not None:
            self._abandoner.take_over(leg, dialog, request)
            if dialog.answered is not None and not dialog.acknowledged:
                # RFC 3261 section 15: the callee sends no BYE before the ACK of its 2xx.
                dialog.farewell = lambda: self._put_out(leg, request, dialog)
                return
        self._put_out(leg, request, dialog)

    def _put_out(self, leg: AnchoredLeg, request: PeerRequest, dialog: Dialog | None) -> None:
        message = self._peer_copy(leg, request, is_first=dialog is None)
        self._remember(leg, request)
        if request.method in _ANSWERED_AT_ONCE:
            request.sent = self._sender.start(
                leg,
                message,
                request.flow,
                branch=request.branch,
                repeats=dialog is None or dialog.is_proven,
                on_final=lambda response: self._answered(leg, request, dialog, response),
            )
        else:
            request.sent = self._sender.once(leg, message, request.flow, branch=request.branch)
        if dialog is not None and request.method == "ACK":
            dialog.acknowledged = True
            dialog.keep_ack(request.cseq, request.sent, request.flow)
        if request.method != "INVITE":
            return
        self._attempts.sent(leg, request)
        if dialog is None and leg.anchor.is_configured:
            self._welcome_trunk(request.flow.host)
        patience_s = leg.anchor.response_timeout_s if dialog is None else TIMEOUT_S
        later(patience_s, lambda: self._silent(leg, request, patience_s))

    def _answered(
        self, leg: AnchoredLeg, request: PeerRequest, dialog: Dialog | None, response: Message
    ) -> None:
        """Take the answer to a request whose call process does not wait for it."""
        if request.method == "BYE" and dialog is not None:
            self._own.bye_answered(leg, dialog, response)

    def _peer_copy(self, leg: AnchoredLeg, request: PeerRequest, *, is_first: bool) -> Message:
        message, identity = request.message, self._identity
        extra: Headers = [("max-forwards", str(leg.anchor.max_forwards))]
        extra += [("route", route) for route in request.routes]
        ours, is_answer = takeover.continued(leg, message.body), request.method == "ACK"
        body = leg.profiles.outward(ours, request.flow, is_answer=is_answer)
        extra += _credentials(leg, request, body)
        if request.method == "INVITE" and is_first:
            extra += leg.anchor.headers
        if request.method == "BYE":
            told = parting_headers(leg)
            extra += told
            if any(name == "reason" for name, _ in told):
                message.headers.pop("reason", None)
        has_contact = request.method in WITH_CONTACT
        return to_peer(
            message,
            uri=request.uri,
            contact=(
                identity.contact(request.flow, leg.token, wanted=request.uri) if has_contact else ""
            ),
            user_agent=identity.user_agent,
            parties=request.parties,
            call_id=leg.call_id,
            cseq=request.cseq,
            body=body,
            extra=extra,
        )

    def _remember(self, leg: AnchoredLeg, request: PeerRequest) -> None:
        while len(leg.requests) >= MAX_REQUESTS:
            oldest = next(iter(leg.requests))
            del leg.requests[oldest]
            self._sender.forget(oldest)
        leg.requests[request.key] = request
        self._legs.of_request[request.key] = leg

    def _silent(self, leg: AnchoredLeg, request: PeerRequest, patience_s: float) -> None:
        """Give up a peer that has said nothing; should it wake up, the edge itself cancels."""
        if request.code or request.orphaned or leg.state is not LegState.OPEN:
            return
        self._give_up(leg, request, 408, f"no response from {request.flow} within {patience_s:g} s")

    def undelivered(self, key: RequestKey, flow: Flow, why: str) -> None:
        """Give up a peer whom a first INVITE did not reach, unless it has said something."""
        leg = self._legs.of_request.get(key)
        request = leg.requests.get(key) if leg is not None else None
        if leg is None or request is None or request.message.to_tag or request.flow != flow:
            return
        is_waiting = request.method == "INVITE" and not request.code and not request.orphaned
        if is_waiting and leg.state is LegState.OPEN:
            self._give_up(leg, request, 503, why)

    def _give_up(self, leg: AnchoredLeg, request: PeerRequest, code: int, why: str) -> None:
        self._attempts.over(leg, request, code, why)
        self._standin.answer(request.message, request.worker, code, _reason(code, why))
        self._abandoner.cancel(leg, request, [])

    def unreachable(self, flow: Flow, why: str) -> None:
        """Tell call processes that a connection could not be opened."""
        for leg in self._legs:
            for request in list(leg.requests.values()):
                if request.flow == flow and request.code < 200:
                    request.code = 503
                    self._sender.forget(request.key)
                    self._attempts.over(leg, request, 503, why)
                    self._unreachable(request, why)

    def lost(self, flow: Flow, *, was_used: bool) -> None:
        """Take that a connection to a peer was closed with requests on it that nobody answered.

        One that was used before may have been closed as idle just then: they go out once more, over
        a new one. From one that never brought anything nothing is to be hoped for.
        """
        for leg in self._legs:
            for request in list(leg.requests.values()):
                if request.flow != flow or request.code or request.sent is None:
                    continue
                is_given_up = request.method == "INVITE" and request.orphaned
                if request.method == "ACK" or is_given_up:
                    continue
                if was_used and not request.sent_anew:
                    request.sent_anew = True
                    self._sender.again(leg, request.sent, flow)
                elif request.method == "INVITE":
                    why = f"{flow} closed the connection without an answer"
                    self._give_up(leg, request, 503, why)

    def _unreachable(self, request: PeerRequest, why: str) -> None:
        if request.method not in ("ACK", "BYE") and not request.orphaned:
            # RFC 3261 section 8.1.3.1: a transport error counts as 503.
            headers = _reason(503, why)
            self._standin.answer(request.message, request.worker, 503, headers)


def _reason(code: int, why: str) -> Headers:
    """Return what the call process is told; a peer's own Reason never gets there."""
    return [("reason", reason_value(code, why))]


def _credentials(leg: AnchoredLeg, request: PeerRequest, body: bytes) -> Headers:
    """A digest over a loopback URI must not leave, and no gateway would take it."""
    headers: Headers = []
    for name in ("authorization", "proxy-authorization"):
        for value in request.message.headers.get(name, ()):
            moved = readdress(
                value,
                username=leg.anchor.username,
                password=leg.anchor.password,
                method=request.method,
                uri=request.uri,
                body=body,
            )
            if moved:
                headers.append((name, moved))
    return headers
