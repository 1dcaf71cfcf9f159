"""The SIP parties of one call, and the accounts and slots of pjsua2 they take."""

import logging
from collections.abc import Sequence
from typing import Any

import pjsua2 as pj

from callengine.core.orders import CallOrder, LegOrder
from callengine.worker.legs.party import Invite, Post
from callengine.worker.pjsua import slots
from callengine.worker.pjsua.endpoint import Endpoint
from callengine.worker.rtpguard.guard import RtpGuard
from callengine.worker.sip.leg import SipLeg
from callengine.worker.sip.surroundings import Surroundings
from sip.srtp import Srtp

logger = logging.getLogger(__name__)


class SipParties:
    """Makes legs on one endpoint (see `Parties`)."""

    def __init__(self, endpoint: Endpoint, order: CallOrder) -> None:
        self._endpoint = endpoint
        self._order = order
        self._legs: list[SipLeg] = []
        self._accounts: dict[str, Any] = {}
        "Accounts of legs that answer challenges, by leg name."

    def obstacle(self, invite: Invite) -> str:
        """Return that slots of earlier calls are taken, if so: legs would lack them."""
        others = slots.held() - {invite.slot}
        return f"{len(others)} of its call slots were not free" if others else ""

    def caller(
        self, order: LegOrder, invite: Invite, *, allowed: Sequence[str], post: Post
    ) -> SipLeg:
        """Return who sent the INVITE."""
        leg = self._leg(order, self._common_account(order), allowed, post, slot=invite.slot)
        leg.read_message(invite.message)
        if self._order.offered is not None:
            leg.offered = self._order.offered
        return leg

    def callee(self, order: LegOrder, *, allowed: Sequence[str], post: Post) -> SipLeg:
        """Return somebody to dial."""
        account = self._account_of(order) if order.username else self._common_account(order)
        return self._leg(order, account, allowed, post)

    def refuse(self, invite: Invite) -> None:
        """Decline a second INVITE with 486."""
        call = pj.Call(self._endpoint.account, invite.slot)
        answer = pj.CallOpParam()
        answer.statusCode = 486
        try:
            call.hangup(answer)
        except pj.Error as error:
            logger.info("a second INVITE could not be refused: %s", error.reason)

    def release(self) -> None:
        """Give back accounts, and let go of the legs."""
        # Ports of the bridge, which every leg with media has, are given back as its clock ticks.
        self._endpoint.run_bridge()
        self._legs.clear()
        for name in list(self._accounts):
            self._close_account(name)

    def _leg(
        self,
        order: LegOrder,
        account: Any,
        allowed: Sequence[str],
        post: Post,
        *,
        slot: int = pj.PJSUA_INVALID_ID,
    ) -> SipLeg:
        guard = RtpGuard(
            order.name,
            (*self._order.media_also_from, *order.media_also_from),
            is_proven=order.is_proven,
            is_trunk=bool(order.trunk),
        )
        endpoint = self._endpoint
        around = Surroundings(
            account=account,
            bridge_rate_hz=endpoint.config.bridge_rate_hz,
            edge=self._order.edge,
            wake=endpoint.wake,
            run_bridge=endpoint.run_bridge,
            lend_media=endpoint.lend_media,
            read_media=endpoint.read_media,
        )
        leg = SipLeg(order, around, allowed=allowed, guard=guard, post=post, slot=slot)
        self._legs.append(leg)
        return leg

    def _account_of(self, order: LegOrder) -> Any:
        """Return an account with the leg's credentials; those of legs that are gone make room.

        pjsua2 holds eight and aborts the process at the ninth.
        """
        for leg in self._legs:
            if leg.name in self._accounts and leg.is_gone:
                self._close_account(leg.name)
        encrypts = order.srtp is not Srtp.OFF
        account = self._endpoint.new_account(is_challenged=True, encrypts=encrypts)
        self._accounts[order.name] = account
        return account

    def _common_account(self, order: LegOrder) -> Any:
        endpoint = self._endpoint
        return endpoint.account if order.srtp is Srtp.OFF else endpoint.secure

    def _close_account(self, name: str) -> None:
        try:
            self._accounts.pop(name).shutdown()
        except pj.Error as error:
            logger.info("the account of leg %s could not be closed: %s", name, error.reason)
