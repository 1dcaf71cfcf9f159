"""Requests on legs, on their way to peers: noted under their leg, and shown."""

from collections.abc import Callable

from callengine.edge.flow import Flow
from callengine.edge.legs.table import AnchoredLeg, LegTable
from callengine.edge.messages.branches import RequestKey
from callengine.edge.messages.message import Message, render
from callengine.edge.tap import Tap
from callengine.edge.transactions.client import ClientTransactions, OnResponse, with_via
from callengine.edge.transactions.identity import EdgeIdentity


class PeerSender:
    """Sends what belongs to a leg to its peer, our Via on top."""

    def __init__(
        self,
        send: Callable[[Flow, bytes], None],
        *,
        client: ClientTransactions,
        legs: LegTable,
        identity: EdgeIdentity,
        tap: Tap,
    ) -> None:
        self._send = send
        self._client = client
        self._legs = legs
        self._identity = identity
        self._tap = tap

    def start(
        self,
        leg: AnchoredLeg,
        request: Message,
        flow: Flow,
        *,
        branch: str,
        repeats: bool = True,
        on_final: OnResponse = lambda _: None,
    ) -> Message:
        """Send a request that the edge itself sees answered; return it as it was sent."""
        self._legs.of_request[branch, request.method] = leg
        return self._client.start(
            request, flow, branch=branch, token=leg.token, repeats=repeats, on_final=on_final
        )

    def once(self, leg: AnchoredLeg, request: Message, flow: Flow, *, branch: str) -> Message:
        """Send a request that nobody here repeats; return it as it was sent."""
        request = with_via(request, self._identity.via(flow, branch))
        self.again(leg, request, flow)
        return request

    def again(self, leg: AnchoredLeg, sent: Message, flow: Flow) -> None:
        """Send the very same once more."""
        data = render(sent)
        self._send(flow, data)
        self._tap.show(leg.token, "out", flow, data)

    def hush(self, key: RequestKey) -> None:
        """Repeat a request no more."""
        self._client.hush(key)

    def forget(self, key: RequestKey) -> None:
        """Forget a request whose answer nobody waits for any more."""
        self._client.forget(key)
        self._legs.of_request.pop(key, None)
