"""The parties of one call: SIP legs, voice agents, browsers and test destinations."""

from collections.abc import Sequence

from callengine.core.orders import CallOrder, LegOrder
from callengine.worker.agent.leg import AgentLeg
from callengine.worker.browser.leg import BrowserLeg
from callengine.worker.legs.party import Invite, Party, Post
from callengine.worker.pjsua.endpoint import Endpoint
from callengine.worker.selftest.leg import SelfTestLeg
from callengine.worker.sip.parties import SipParties


class CallParties:
    """Makes each leg what its order says (see `Parties`)."""

    def __init__(self, endpoint: Endpoint, order: CallOrder) -> None:
        self._endpoint, self._call = endpoint, order.call
        self._sip = SipParties(endpoint, order)
        self._others: list[AgentLeg | SelfTestLeg | BrowserLeg] = []

    def obstacle(self, invite: Invite) -> str:
        """Return why this process cannot take the call, or an empty string."""
        return self._sip.obstacle(invite)

    def caller(
        self, order: LegOrder, invite: Invite, *, allowed: Sequence[str], post: Post
    ) -> Party:
        """Return who sent the INVITE, or the browser that calls without one."""
        if order.browser is not None:
            return self._kept(self._browser(order, post))
        return self._sip.caller(order, invite, allowed=allowed, post=post)

    def callee(self, order: LegOrder, *, allowed: Sequence[str], post: Post) -> Party:
        """Return somebody to dial."""
        if order.agent is not None:
            return self._kept(self._agent(order, post))
        if order.selftest is not None:
            return self._kept(self._selftest(order, post))
        if order.browser is not None:
            return self._kept(self._browser(order, post))
        return self._sip.callee(order, allowed=allowed, post=post)

    def _kept(self, leg: AgentLeg | SelfTestLeg | BrowserLeg) -> Party:
        self._others.append(leg)
        return leg

    def _browser(self, order: LegOrder, post: Post) -> BrowserLeg:
        endpoint = self._endpoint
        return BrowserLeg(order, run_bridge=endpoint.run_bridge, wake=endpoint.wake, post=post)

    def _agent(self, order: LegOrder, post: Post) -> AgentLeg:
        return AgentLeg(order, call_uuid=self._call, wake=self._endpoint.wake, post=post)

    def _selftest(self, order: LegOrder, post: Post) -> SelfTestLeg:
        return SelfTestLeg(
            order,
            bridge_rate_hz=self._endpoint.config.bridge_rate_hz,
            run_bridge=self._endpoint.run_bridge,
            wake=self._endpoint.wake,
            post=post,
        )

    def refuse(self, invite: Invite) -> None:
        """Decline a second INVITE."""
        self._sip.refuse(invite)

    def release(self) -> None:
        """End the agents' threads, and give back what the legs held."""
        for leg in self._others:
            leg.release()
        self._others.clear()
        self._sip.release()
