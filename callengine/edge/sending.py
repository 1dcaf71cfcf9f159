"""Requests on legs, on their way to peers: noted under their leg, repeated, and shown."""

from callengine.edge.flow import Flow
from callengine.edge.legs import Leg, LegTable, RequestKey
from callengine.edge.tap import Tap
from callengine.edge.transactions import ClientTransactions, Send


class PeerSender:
    """Sends what belongs to a leg to its peer."""

    def __init__(
        self, send: Send, *, legs: LegTable, requests: ClientTransactions, tap: Tap
    ) -> None:
        self._send = send
        self._legs = legs
        self._requests = requests
        self._tap = tap

    def start(
        self, leg: Leg, key: RequestKey, flow: Flow, data: bytes, *, repeats: bool = True
    ) -> None:
        """Send a request that the edge itself repeats until it is answered."""
        self._legs.of_request[key] = leg
        branch, method = key
        self._requests.start(branch=branch, method=method, flow=flow, data=data, repeats=repeats)
        self._tap.show(leg.token, "out", flow, data)

    def once(self, leg: Leg, flow: Flow, data: bytes) -> None:
        """Send a message that nobody here repeats."""
        self._send(flow, data)
        self._tap.show(leg.token, "out", flow, data)

    def finish(self, key: RequestKey) -> None:
        """Repeat a request no more."""
        self._requests.finish(*key)

    def repeated(self, key: RequestKey, flow: Flow, data: bytes) -> None:
        """Show a request that was sent again."""
        if (leg := self._legs.of_request.get(key)) is not None:
            self._tap.show(leg.token, "out", flow, data)
