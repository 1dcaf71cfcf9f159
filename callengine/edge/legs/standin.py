"""What the edge tells a call process in a peer's place, so that it need not wait for the peer."""

from callengine.edge.messages.message import Headers, Message, render
from callengine.edge.messages.received import Received
from callengine.edge.messages.replies import build_reply
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transport.loopback import Loopback, Worker


class StandIn:
    """Speaks to call processes as their peer."""

    def __init__(self, loopback: Loopback, identity: EdgeIdentity) -> None:
        self._loopback = loopback
        self._identity = identity

    def answer(
        self, request: Received, worker: Worker, code: int, headers: Headers | None = None
    ) -> None:
        """Answer a call process's request; an ACK gets no answer (RFC 3261 section 17)."""
        if request.method == "ACK":
            return
        data = build_reply(
            request,
            code,
            server=self._identity.user_agent,
            to_tag=self._identity.tag(request.call_id, request.from_tag),
            headers=headers,
        )
        self._loopback.send(worker, data)

    def acknowledge(self, response: Received, worker: Worker, *, branch: str, token: str) -> None:
        """Send a call process the ACK of its final answer to an INVITE."""
        host, port = worker
        lines: Headers = [
            ("via", self._identity.inner_via(branch)),
            ("max-forwards", "70"),
            ("from", response.get("from")),
            ("to", response.get("to")),
            ("call-id", response.call_id),
            ("cseq", f"{response.cseq} ACK"),
        ]
        self._loopback.send(
            worker, render(Message.request("ACK", f"sip:{token}@{host}:{port}", lines))
        )
