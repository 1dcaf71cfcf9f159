"""Where a request on a leg is sent: which flow, under which Request-URI, by which routes."""

from dataclasses import dataclass

from callengine.edge.flow import Flow
from callengine.edge.interface import LegAnchor
from callengine.edge.legs.hops import next_hop
from callengine.edge.legs.table import AnchoredLeg, Dialog
from callengine.edge.messages.targets import aim, route_uri
from callengine.edge.messages.uris import parse_uri
from callengine.edge.transport.addresses import Addresses, UnresolvableError, literal_flow
from callengine.edge.transport.layer import Transports
from callengine.edge.transport.reach import without_connection


@dataclass(frozen=True, slots=True)
class Target:
    """What a request's first line and Route headers say."""

    uri: str
    routes: tuple[str, ...] = ()

    @property
    def first_uri(self) -> str:
        """Return the URI of the next hop: the first route, else the Request-URI."""
        return (route_uri(self.routes[0]) if self.routes else "") or self.uri


class Routing:
    """Decides by what peers said, what was heard of them, and which connections are up."""

    def __init__(self, transports: Transports, addresses: Addresses) -> None:
        self._transports = transports
        self._is_ours = addresses.is_local_host

    def first_flow(self, anchor: LegAnchor) -> Flow | None:
        """Return the flow of the INVITE that begins a leg, or None if a name must be looked up.

        Raises:
            UnresolvableError: it leads nowhere.
            ValueError: the Request-URI is none.
        """
        if not anchor.flow:
            return literal_flow(parse_uri(anchor.request_uri))
        flow = Flow.parse(anchor.flow)
        is_up = not flow.is_reliable or self._transports.has_connection(flow)
        if is_up or anchor.is_configured:
            return flow
        target = Target(anchor.request_uri, anchor.routes)
        return without_connection(parse_uri(target.first_uri), heard=flow, is_ours=self._is_ours)

    def in_dialog(self, leg: AnchoredLeg, dialog: Dialog) -> tuple[Target, Flow | None]:
        """Return target and flow of a request in a dialog; no flow: a name must be looked up.

        Raises:
            UnresolvableError: the peer cannot be reached at all.
        """
        target = Target(*aim(dialog.target, dialog.routes))
        flow = next_hop(
            self._transports,
            dialog,
            target.first_uri,
            hosts=leg.anchor.hosts,
            is_ours=self._is_ours,
        )
        return target, flow

    def by_any_means(self, leg: AnchoredLeg, dialog: Dialog) -> tuple[Target, Flow | None]:
        """Return the same without a look-up: where the peer was heard then; None: nowhere."""
        try:
            target, flow = self.in_dialog(leg, dialog)
        except UnresolvableError:
            return Target(*aim(dialog.target, dialog.routes)), None
        return target, flow or dialog.flow
