"""REFER inside a call (RFC 3515, RFC 5589): the engine is asked, its peer told by NOTIFY.

No call process sees either: whom to ring is the engine's to decide, and pjsip would dial by itself.
"""

import logging
from dataclasses import dataclass
from functools import partial

from callengine.core.reasons import Rule
from callengine.edge.interface import Engine, Referral
from callengine.edge.legs.own_requests import OwnRequests
from callengine.edge.legs.parting import kept_headers
from callengine.edge.legs.table import AnchoredLeg, Dialog, LegTable
from callengine.edge.messages.message import Headers, Message
from callengine.edge.messages.received import Received
from callengine.edge.messages.targets import contact_target
from callengine.edge.messages.text import clean
from callengine.edge.messages.uris import without_headers
from callengine.edge.messages.values import parse_address
from callengine.edge.tasks import EdgeTasks
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.server import ServerTransaction
from sip.phrases import phrase_of

logger = logging.getLogger(__name__)

LIFETIME_S = 300
"What a subscription is said to last: longer than anybody rings."
MAX_REPORTS = 200
"Of all calls; the oldest are forgotten."
_FORGOTTEN = (481, 489)
"Answers of a peer that wants to hear no more (RFC 6665 section 4.2.2)."


@dataclass(slots=True)
class _Report:
    """Who is told how a REFER fares (RFC 3515 section 2.4.4)."""

    leg: AnchoredLeg
    dialog: Dialog
    event: str


class ReferDesk:
    """Takes REFER of peers, and tells them what comes of it."""

    def __init__(
        self,
        engine: Engine,
        legs: LegTable,
        *,
        identity: EdgeIdentity,
        responder: Responder,
        own: OwnRequests,
        tasks: EdgeTasks,
    ) -> None:
        self._engine = engine
        self._legs = legs
        self._identity = identity
        self._responder = responder
        self._own = own
        self._tasks = tasks
        self._reports: dict[str, _Report] = {}

    def take(self, leg: AnchoredLeg, dialog: Dialog, transaction: ServerTransaction) -> None:
        """Take a REFER: answered at once, or once the engine has decided."""
        request = transaction.request
        dialog.target = contact_target(request) or dialog.target
        try:
            referral = _read(leg, request, is_answered=dialog.confirmed)
        except ValueError as error:
            self._responder.refuse(transaction, 400, Rule.MALFORMED_SIP, str(error))
            return
        if not self._tasks.start(self._ask(leg, dialog, transaction, referral)):
            self._responder.reply(transaction, 503)

    async def _ask(
        self,
        leg: AnchoredLeg,
        dialog: Dialog,
        transaction: ServerTransaction,
        referral: Referral,
    ) -> None:
        try:
            code = await self._engine.referred(referral)
        except Exception:
            logger.exception("a REFER could not be handled")
            code = 500
        if code != 202:
            self._responder.reply(transaction, code)
            return
        request = transaction.request
        is_quiet = request.get("refer-sub").strip().lower().startswith("false")
        contact = self._identity.contact(request.flow, leg.token)
        headers: Headers = [("contact", f"<{contact}>")]
        headers += [("refer-sub", "false")] if is_quiet else []  # RFC 4488
        self._responder.reply(transaction, 202, headers=headers)
        if not is_quiet:
            while len(self._reports) >= MAX_REPORTS:
                del self._reports[next(iter(self._reports))]
            self._reports[referral.handle] = _Report(leg, dialog, f"refer;id={request.cseq}")
        self.tell(referral.handle, 100)
        self._engine.begin_referral(referral)

    def tell(self, handle: str, code: int) -> None:
        """Tell who referred how far that has come; a final code is the last it hears."""
        report = self._reports.get(handle)
        if report is None:
            return
        is_over = code >= 200
        if is_over or self._legs.by_token.get(report.leg.token) is not report.leg:
            del self._reports[handle]
        state = "terminated;reason=noresource" if is_over else f"active;expires={LIFETIME_S}"
        self._own.notify(
            report.leg,
            report.dialog,
            [("event", report.event), ("subscription-state", state)],
            f"SIP/2.0 {code} {phrase_of(code)}\r\n",
            on_final=partial(self._answered, handle),
        )

    def _answered(self, handle: str, response: Message) -> None:
        if response.code in _FORGOTTEN:
            self._reports.pop(handle, None)


def _read(leg: AnchoredLeg, request: Received, *, is_answered: bool) -> Referral:
    """Return what a REFER asks for. Raises ValueError saying what cannot be read."""
    values = request.values("refer-to")
    if len(values) != 1:
        raise ValueError(f"A REFER names one target in Refer-To; this one has {len(values)}.")
    target = values[0]
    if "?" in target and "<" not in target:
        # RFC 3261 section 20 wants brackets there, which baresip leaves out: without them the ?
        # would belong to a parameter, and an attended transfer would ring its target anew.
        target = f"<{target}>"
    try:
        address = parse_address(target)
    except ValueError as error:
        raise ValueError(f"The Refer-To of a REFER cannot be read: {error}.") from error
    method = (address.uri.parameters.get("method") or "INVITE").upper()
    if method != "INVITE":
        raise ValueError("The Refer-To of a REFER asks for another method than INVITE.")
    return Referral(
        call=leg.anchor.call,
        leg=leg.anchor.name,
        handle=f"{leg.token}-{request.cseq}",
        target=clean(without_headers(address.uri_text), 255),
        headers=address.uri.headers,
        passed=tuple(kept_headers(leg, request)),
        is_answered=is_answered,
    )
