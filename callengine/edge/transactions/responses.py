"""Which way responses take, also when the connection they should take is gone."""

from collections.abc import Callable
from functools import partial

from callengine.edge.flow import Flow, host_port
from callengine.edge.messages.received import Received
from callengine.edge.messages.replies import reply_flow
from callengine.edge.transactions.server import ServerTransaction
from callengine.edge.transport.layer import Transports
from callengine.edge.transport.reach import IsOurs


class ResponseSender:
    """Sends responses as RFC 3261 section 18.2.2 has it."""

    def __init__(
        self,
        transports: Transports,
        *,
        is_in_use: Callable[[Flow], bool],
        is_ours: IsOurs,
        on_lost: Callable[[Received, str], None],
    ) -> None:
        """Take whom to ask and to tell.

        `is_in_use(flow)` tells whether a registration, a trunk or a call hangs on a flow;
        `on_lost(request, why)` is called, now or later, if a response reaches nobody.
        """
        self._transports = transports
        self._is_in_use = is_in_use
        self._is_ours = is_ours
        self._on_lost = on_lost

    def once(self, request: Received, data: bytes) -> None:
        """Send a response that nobody repeats."""
        self._send(request, data, partial(self._on_lost, request))

    def respond(self, transaction: ServerTransaction, data: bytes) -> None:
        """Send a response of a transaction, which no other follows if it reaches nobody."""

        def lost(why: str) -> None:
            if not transaction.undelivered:
                transaction.undelivered = True
                self._on_lost(transaction.request, why)

        if not transaction.undelivered:
            flow = self._send(transaction.request, data, lost)
            transaction.flow = flow or transaction.flow

    def _send(self, request: Received, data: bytes, lost: Callable[[str], None]) -> Flow | None:
        """Send a response; return the flow it takes, or None if there is none."""
        flow = reply_flow(request)
        # A reliable transport's response takes the connection its request came over.
        if not flow.is_reliable or self._transports.has_connection(flow):
            self._transports.send(flow, data)
            return flow
        # "If that connection is no longer open, the server SHOULD open a connection to the IP
        # address in the 'received' parameter, using the port in the 'sent-by' value".
        flow = flow._replace(port=request.via.port or flow.transport.default_port)
        if why := self._objection(request, flow):
            lost(why)
            return None
        where = host_port(flow.host, flow.port)
        self._transports.send(flow, data, lambda _: lost(f"none could be opened to {where}"))
        return flow

    def _objection(self, request: Received, flow: Flow) -> str:
        """Return why no connection may be opened toward whoever sent a request, or ''.

        The host is where the request was heard, so that nobody has us connect to another's; but a
        stranger could have us try its ports, or hold any number of connections with it.
        """
        if self._transports.has_connection(flow):
            return ""
        if flow.is_secure:
            return "who connected over TLS has no certificate to be connected to with"
        if not self._is_in_use(request.flow):
            return "none is opened to a device that has not shown who it is"
        if self._is_ours(flow.host, flow.port):
            return "its Via names this server itself"
        if not self._transports.has_room_for(flow.host):
            return f"there are too many with {flow.host} already"
        return ""
