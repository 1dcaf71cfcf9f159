"""The parties of one call: SIP legs and voice agents."""

from collections.abc import Sequence

from callengine.core.orders import CallOrder, LegOrder
from callengine.worker.agent.leg import AgentLeg
from callengine.worker.endpoint import Endpoint
from callengine.worker.party import Invite, Party, Post
from callengine.worker.sipparties import SipParties


class CallParties:
    """Makes each leg what its order says (see `Parties`)."""

    def __init__(self, endpoint: Endpoint, order: CallOrder) -> None:
        self._endpoint, self._call = endpoint, order.call
        self._sip = SipParties(endpoint, order)
        self._agents: list[AgentLeg] = []

    def obstacle(self, invite: Invite) -> str:
        """Return why this process cannot take the call, or an empty string."""
        return self._sip.obstacle(invite)

    def caller(
        self, order: LegOrder, invite: Invite, *, allowed: Sequence[str], post: Post
    ) -> Party:
        """Return who sent the INVITE."""
        return self._sip.caller(order, invite, allowed=allowed, post=post)

    def callee(self, order: LegOrder, *, allowed: Sequence[str], post: Post) -> Party:
        """Return somebody to dial."""
        if order.agent is None:
            return self._sip.callee(order, allowed=allowed, post=post)
        agent = AgentLeg(order, call_uuid=self._call, wake=self._endpoint.wake, post=post)
        self._agents.append(agent)
        return agent

    def refuse(self, invite: Invite) -> None:
        """Decline a second INVITE."""
        self._sip.refuse(invite)

    def release(self) -> None:
        """End the agents' threads, and give back what the legs held."""
        for agent in self._agents:
            agent.release()
        self._agents.clear()
        self._sip.release()
