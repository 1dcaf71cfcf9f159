"""What the edge tells a call process in a peer's place, so that it need not wait for the peer."""

from callengine.edge.context import EdgeContext
from callengine.edge.parse import SipMessage, render
from callengine.edge.rewrite import Headers, build_reply

Worker = tuple[str, int]


def answer(
    context: EdgeContext,
    request: SipMessage,
    worker: Worker,
    code: int,
    headers: Headers | None = None,
) -> None:
    """Answer a call process's request; an ACK gets no answer."""
    if request.method == "ACK":
        return
    tag = context.sign(request.call_id, request.from_tag)[:16]
    data = build_reply(
        request, code, server=context.settings.user_agent, to_tag=tag, headers=headers
    )
    context.send_to_worker(worker, data)


def acknowledge(
    context: EdgeContext, response: SipMessage, worker: Worker, *, branch: str, token: str
) -> None:
    """Send a call process the ACK of its final answer to an INVITE."""
    host, port = worker
    lines: Headers = [
        ("via", context.worker_via(branch)),
        ("max-forwards", "70"),
        ("from", response.get("from")),
        ("to", response.get("to")),
        ("call-id", response.call_id),
        ("cseq", f"{response.cseq} ACK"),
    ]
    context.send_to_worker(worker, render(f"ACK sip:{token}@{host}:{port} SIP/2.0", lines))
