"""Responses of peers, given to call processes, or to the edge itself where none waits."""

from dataclasses import replace

from callengine.core.sdp import is_usable_answer
from callengine.edge.legs import inner, takeover
from callengine.edge.legs.abandon import Abandoner
from callengine.edge.legs.attempting import AttemptReports
from callengine.edge.legs.own_requests import OwnRequests
from callengine.edge.legs.table import (
    AnchoredLeg,
    Dialog,
    LegState,
    LegTable,
    PeerRequest,
    answered_to,
)
from callengine.edge.legs.takeover import NO_DIALOG
from callengine.edge.messages.branches import RequestKey
from callengine.edge.messages.descriptions import BadSdpError
from callengine.edge.messages.received import Received
from callengine.edge.messages.targets import contact_target, recorded_routes
from callengine.edge.settings import METHODS
from callengine.edge.transactions.client import ClientTransactions
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transport.loopback import Loopback
from sip.phrases import phrase_of

MAX_ANSWERS = 16
"Of dialogs that one INVITE makes."


class InwardResponses:
    """Takes what peers answer."""

    def __init__(
        self,
        legs: LegTable,
        *,
        identity: EdgeIdentity,
        client: ClientTransactions,
        loopback: Loopback,
        abandoner: Abandoner,
        own: OwnRequests,
        attempts: AttemptReports,
    ) -> None:
        self._legs = legs
        self._identity = identity
        self._client = client
        self._loopback = loopback
        self._abandoner = abandoner
        self._own = own
        self._attempts = attempts

    def take(self, message: Received) -> str | None:
        """Take a peer's response; return the token of its leg, if it has one."""
        key = self._answered(message)
        leg = self._legs.of_request.get(key)
        if leg is not None and message.call_id not in (leg.call_id, ""):
            return None
        self._client.take(key, message)
        if leg is None:
            return None
        request = leg.requests.get(key)
        if request is None:
            return leg.token
        is_invite = request.method == "INVITE"
        before, request.code = request.code, max(request.code, message.code)
        if is_invite and message.code < 200 <= before:
            return leg.token  # overtaken: what it says of the dialog is older than the answer
        takes_over = is_invite and leg.anchor.takes_over and 200 <= message.code < 300
        is_over = takes_over and not takeover.learn(self._legs, leg, request, message)
        _learn(leg, request, message)
        if is_over:
            message = self._too_late(leg, message)
        self._attempts.answered(leg, request, message)
        if is_invite and message.code >= 300 and before >= 200:
            return leg.token  # a repetition, acknowledged already
        if request.orphaned or leg.state is LegState.ABANDONED:
            self._abandoner.response(leg, request, message)
        elif not (is_invite and before >= 200 and self._own.is_acknowledged(leg, request, message)):
            self._forward(leg, request, message)
        return leg.token

    def _too_late(self, leg: AnchoredLeg, message: Received) -> Received:
        """Acknowledge a 2xx to an INVITE whose dialog has ended; return what it comes to."""
        if (dialog := leg.dialog(message.to_tag)) is not None:
            self._own.ack(leg, dialog)
            dialog.ended = True
        return replace(message, code=NO_DIALOG, phrase=phrase_of(NO_DIALOG), body=b"")

    def _answered(self, message: Received) -> tuple[str, str]:
        """Return branch and method of the request a response is for (section 17.1.3).

        A CSeq that cannot be read does no harm unless a CANCEL shares its INVITE's branch: the
        branch is ours, and nobody guesses it.
        """
        branch, method = message.via.branch, message.cseq_method
        if method not in METHODS:
            asked = [sent for sent in METHODS if self._is_ours((branch, sent))]
            method = asked[0] if len(asked) == 1 else method
        return branch, method

    def _is_ours(self, key: RequestKey) -> bool:
        return key in self._legs.of_request or key in self._client

    def _forward(self, leg: AnchoredLeg, request: PeerRequest, message: Received) -> None:
        try:
            begins = request.method == "INVITE" and not request.message.to_tag
            body = leg.profiles.inward(message, begins=begins)
        except BadSdpError:
            # Without a description the call process ends the call as it ends any unusable answer.
            body = b""
        if body and request.method == "INVITE":
            body = _answering(request, message, body)
        data = inner.response(self._identity, leg, request, message, body=body)
        self._loopback.send(request.worker, data)


def _answering(request: PeerRequest, message: Received, body: bytes) -> bytes:
    """Return the description of a response to an INVITE, unless one before it holds.

    The first is the answer, and those after it are to be ignored (RFC 3261 section 13.2.1). One
    that was sent reliably is treated so (RFC 3262 section 5). One that was not is often a ringback
    server's, and the 2xx names the device that talks: of two that can be used the later one is
    followed, or one party would not be heard. One that cannot be used never is: pjsip would cancel
    or end the call for it, who answers so early may say better later, and who did before has.
    """
    before, number = request.answers.get(message.to_tag), message.get("rseq")
    if before and before != number:
        return b""
    if not _is_usable(request, body):
        return b"" if message.code < 200 or before is not None else body
    if message.to_tag in request.answers or len(request.answers) < MAX_ANSWERS:
        request.answers[message.to_tag] = number if message.code < 200 else before or ""
    return body


def _is_usable(request: PeerRequest, body: bytes) -> bool:
    """Tell whether a description in a response answers the call process's offer."""
    offer = request.message.body
    return not offer or is_usable_answer(offer.decode(), body.decode())


def _learn(leg: AnchoredLeg, request: PeerRequest, message: Received) -> None:
    """Note what a response says about its dialog."""
    if request.method == "BYE" and message.code >= 200:
        # RFC 3261 section 15.1.1: whatever the answer, the session is over.
        if (dialog := leg.dialog(message.to_tag)) is not None:
            dialog.ended = True
    elif request.method == "UPDATE" and 200 <= message.code < 300:
        if (dialog := leg.dialog(message.to_tag)) is not None:
            dialog.target = contact_target(message) or dialog.target
    elif request.method == "INVITE" and 100 < message.code < 300:
        _learn_of_invite(leg, request, message)


def _learn_of_invite(leg: AnchoredLeg, request: PeerRequest, message: Received) -> None:
    """Make or refresh a dialog (RFC 3261 sections 12.1.2 and 12.2.1.2)."""
    is_success = message.code >= 200
    if not is_success and (not message.to_tag or leg.anchor.takes_over):
        return
    dialog = leg.dialog(message.to_tag)
    if dialog is None:
        dialog = Dialog(
            local=request.parties[0],
            remote=answered_to(request, message),
            flow=message.flow,
            # Without a Contact, which RFC 2543 did not ask for, where the INVITE went.
            target=request.uri,
            routes=_routes_back(message),
            is_direct=bool(leg.anchor.flow),
        )
        leg.add_dialog(message.to_tag, dialog)
    elif request.cseq < dialog.invite_cseq:
        return  # it came again, after the answer to a later one
    dialog.target = contact_target(message) or dialog.target
    dialog.flow = message.flow
    dialog.last_cseq = max(dialog.last_cseq, request.cseq)
    if is_success:
        dialog.confirmed = True
        if dialog.invite_cseq < request.cseq:
            dialog.invite_cseq, dialog.acknowledged = request.cseq, False


def _routes_back(message: Received) -> tuple[str, ...]:
    """Return a response's route set, reversed; one that cannot be used is as good as none."""
    try:
        return recorded_routes(message)[::-1]
    except ValueError:
        return ()
