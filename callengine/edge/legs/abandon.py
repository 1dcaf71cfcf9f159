"""What a call process leaves unfinished, by its last word or by its death, the edge finishes.

A call process must not wait for peers to end a call: pjsip would keep one of its few slots. So its
BYE or CANCEL is answered at once, and the edge sees to the peer.
"""

from functools import partial

from callengine.edge.legs.own_requests import OwnRequests
from callengine.edge.legs.sending import PeerSender
from callengine.edge.legs.standin import StandIn
from callengine.edge.legs.table import AnchoredLeg, Dialog, LegState, LegTable, PeerRequest
from callengine.edge.messages.message import Headers
from callengine.edge.messages.received import Received
from callengine.edge.timers import later
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.server import ServerTransaction, ServerTransactions

ACK_WAIT_S = 0.5
"How long a BYE waits for the ACK of the 2xx it follows when the call process has died."


class Abandoner:
    """Ends dialogs, transactions and legs without a call process."""

    def __init__(
        self,
        legs: LegTable,
        transactions: ServerTransactions,
        *,
        identity: EdgeIdentity,
        responder: Responder,
        standin: StandIn,
        sender: PeerSender,
        own: OwnRequests,
        linger_s: float,
    ) -> None:
        """`linger_s`: how long a leg absorbs what still arrives once its call is over."""
        self._legs = legs
        self._transactions = transactions
        self._identity = identity
        self._responder = responder
        self._standin = standin
        self._sender = sender
        self._own = own
        self._linger_s = linger_s

    def abandon(self, call: str, *, code: int, reason: str) -> None:
        """End every leg of a call: final response, CANCEL or BYE, as each needs.

        `reason` is the value of a Reason header (RFC 3326).
        """
        headers: Headers = [("reason", reason)] if reason else []
        for leg in self._legs.of_call(call):
            if leg.state is not LegState.ABANDONED:
                self._end_leg(leg, code, headers)

    def _end_leg(self, leg: AnchoredLeg, code: int, headers: Headers) -> None:
        leg.state = LegState.ABANDONED
        for transaction in list(leg.transactions):
            self._answer(leg, transaction, code, headers)
        leg.transactions.clear()
        for dialog in leg.dialogs.values():
            self._end_dialog(leg, dialog, headers)
        for request in list(leg.requests.values()):
            is_first = request.method == "INVITE" and not request.message.to_tag
            if is_first and request.code < 200:
                self.cancel(leg, request, [])

    def cancel(self, leg: AnchoredLeg, request: PeerRequest, headers: Headers) -> None:
        """Take an INVITE over that is to be cancelled, once the peer has answered at all.

        Until then it may not have arrived, and is repeated (RFC 3261 section 9.1).
        """
        if request.orphaned:
            return
        request.orphaned = request.cancel_wanted = True
        request.cancel_headers = headers
        if request.code >= 100:
            self._own.cancel(leg, request)

    def take_over(self, leg: AnchoredLeg, dialog: Dialog, bye: PeerRequest) -> None:
        """Take a dialog over that a call process ends: nothing in it is its business any more."""
        dialog.ended = bye.orphaned = True
        for transaction in list(leg.transactions):
            if leg.dialog(transaction.request.from_tag) is dialog:
                leg.transactions.discard(transaction)
                self._answer(leg, transaction, 487, [])
        for request in leg.requests.values():
            is_inside = request.message.to_tag == bye.message.to_tag
            if is_inside and request.method == "INVITE" and not request.orphaned:
                request.orphaned = True
                if request.code < 200:
                    self._sender.hush(request.key)
                    self._standin.answer(request.message, request.worker, 487)

    def let_go(self, call: str) -> None:
        """Acknowledge what a call process waits for, in its peers' place, so that it can end.

        pjsip sends no BYE before the ACK of its 2xx. The peer's own is still waited for here.
        """
        for leg in self._legs.of_call(call):
            for dialog in leg.dialogs.values():
                if dialog.answer is not None and not dialog.acknowledged and not dialog.ended:
                    branch = self._identity.branch("let-go", leg.token)
                    worker, token = leg.anchor.worker, leg.token
                    self._standin.acknowledge(dialog.answer, worker, branch=branch, token=token)

    def clear(self, call: str) -> None:
        """Forget the legs of a call whose process did not take it; peers it rang are cancelled."""
        for leg in self._legs.of_call(call):
            if leg.invite is None:
                self._end_leg(leg, 487, [])
                later(self._linger_s, partial(self.remove, leg))
                continue
            self._legs.forwarded.pop((leg.invite.branch, "INVITE"), None)
            leg.transactions.discard(leg.invite)
            self.remove(leg)

    def linger(self, call: str) -> None:
        """Forget a call's legs once nothing more of them can be under way."""
        for leg in self._legs.of_call(call):
            if leg.closing is None:
                leg.closing = later(self._linger_s, partial(self.remove, leg))

    def remove(self, leg: AnchoredLeg) -> None:
        """Forget a leg and everything that hangs on it."""
        for transaction in list(leg.transactions):
            self._transactions.remove(transaction)
        for key in (*leg.requests, *leg.edge_requests):
            self._sender.forget(key)
        self._legs.remove(leg)

    def _answer(
        self, leg: AnchoredLeg, transaction: ServerTransaction, code: int, headers: Headers
    ) -> None:
        method = transaction.request.method
        if method in ("BYE", "CANCEL"):
            dialog = leg.dialog(transaction.request.from_tag)
            if dialog is not None and method == "BYE":
                dialog.ended = True
            self._responder.reply(transaction, 200)
        elif method == "INVITE" and transaction is not leg.invite:
            self._responder.reply(transaction, 487)  # RFC 3261 section 15.1.2
        elif transaction is leg.invite:
            transaction.to_tag = leg.local_tag
            self._responder.reply(transaction, code, headers=headers)
        else:
            self._responder.reply(transaction, 481)

    def _end_dialog(self, leg: AnchoredLeg, dialog: Dialog, headers: Headers) -> None:
        if not dialog.confirmed or dialog.ended:
            return
        if leg.invite is None and not dialog.acknowledged:
            self._own.ack(leg, dialog)
        if leg.invite is not None and not dialog.acknowledged:
            # RFC 3261 section 15: the callee sends no BYE before the ACK of its 2xx.
            later(ACK_WAIT_S, lambda: self._own.bye(leg, dialog, headers))
        else:
            self._own.bye(leg, dialog, headers)

    def acknowledged(self, leg: AnchoredLeg, dialog: Dialog) -> None:
        """Take the ACK that a BYE was waiting for."""
        self._own.bye(leg, dialog, [])

    def response(self, leg: AnchoredLeg, request: PeerRequest, message: Received) -> None:
        """Take a peer's response to an INVITE that no call process waits for any more."""
        if request.method != "INVITE":
            return
        if message.code < 200:
            if request.cancel_wanted:
                self._own.cancel(leg, request)
            return
        dialog = leg.dialog(message.to_tag)
        if message.code < 300 and dialog is not None:
            self._own.ack(leg, dialog)
            self._own.bye(leg, dialog, request.cancel_headers)
