"""REFER that we send inside a call (RFC 3515): its peer calls the target, and says how it goes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from callengine.edge.legs import challenged
from callengine.edge.legs.own_requests import OwnRequests
from callengine.edge.legs.table import AnchoredLeg, Dialog, LegState, LegTable
from callengine.edge.messages.message import Headers, Message
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.server import ServerTransaction

EVENT = "refer"
UNSAID = 487
"Stands for a subscription that ended without a word about the call."
_FRAGMENT = re.compile(rb"SIP/2\.0 ([1-6]\d\d)(?![0-9])")
_MOST_READ = 40

Heard = Callable[[int], None]
"Takes how far it has come, as a SIP status code; one of 200 or more is the last."


@dataclass(slots=True)
class _Referred:
    leg: AnchoredLeg
    dialog: Dialog
    target: str
    by: str
    heard: Heard
    is_proved: bool = False
    "Whether our credentials were presented."


class OnwardRefers:
    """Refers peers, one at a time each, and takes their NOTIFY."""

    def __init__(self, legs: LegTable, *, own: OwnRequests, responder: Responder) -> None:
        self._legs = legs
        self._own = own
        self._responder = responder
        self._sent: dict[str, _Referred] = {}
        "By the token of the leg."

    def send(self, token: str, *, target: str, by: str, heard: Heard) -> bool:
        """Refer a leg's peer to a SIP URI; `by` is the user part of who wants it (RFC 3892).

        Returns False, and sends nothing, if the leg has no dialog whose parties talk.
        """
        leg = self._legs.by_token.get(token)
        named = leg.talking() if leg is not None and leg.state is LegState.OPEN else None
        if leg is None or named is None or token in self._sent:
            return False
        self._forget_gone()
        self._sent[token] = sent = _Referred(leg, named[1], target, by, heard)
        return self._ask(sent)

    def forget(self, token: str) -> None:
        """Hear no more of it."""
        self._sent.pop(token, None)

    def _forget_gone(self) -> None:
        for token in [token for token in self._sent if token not in self._legs.by_token]:
            del self._sent[token]

    def _ask(self, sent: _Referred, *proof: tuple[str, str]) -> bool:
        headers: Headers = [("refer-to", f"<{sent.target}>"), *proof]
        answered = partial(self._answered, sent)
        is_sent = self._own.refer(sent.leg, sent.dialog, headers, by=sent.by, on_final=answered)
        if not is_sent:
            self.forget(sent.leg.token)
        return is_sent

    def _answered(self, sent: _Referred, response: Message) -> None:
        if self._sent.get(sent.leg.token) is not sent or 200 <= response.code < 300:
            return
        anchor = sent.leg.anchor
        proof = challenged.credentials(
            response,
            username=anchor.username,
            password=anchor.password,
            method="REFER",
            uri=self._own.target(sent.leg, sent.dialog),
        )
        if proof is not None and not sent.is_proved:
            sent.is_proved = True
            self._ask(sent, proof)
            return
        self.forget(sent.leg.token)
        sent.heard(response.code)

    def take(self, leg: AnchoredLeg, transaction: ServerTransaction) -> None:
        """Take a NOTIFY inside a dialog: how a REFER of ours fares (section 2.4.5)."""
        request = transaction.request
        if request.get("event").partition(";")[0].strip().lower() != EVENT:
            self._responder.reply(transaction, 489, headers=[("allow-events", EVENT)])
            return
        sent = self._sent.get(leg.token)
        if sent is None:
            self._responder.reply(transaction, 481)
            return
        self._responder.reply(transaction, 200)
        said = _FRAGMENT.match(request.body[:_MOST_READ])
        code = int(said[1]) if said else 0
        state = request.get("subscription-state").partition(";")[0].strip().lower()
        if code < 200 and state == "terminated":
            code = UNSAID
        if code >= 200:
            self.forget(leg.token)
        if code:
            sent.heard(code)
