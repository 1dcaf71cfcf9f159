"""Messages as peers read them: what a call process sent, with nothing of loopback in it."""

from collections.abc import Sequence

from callengine.edge.messages.message import Headers, Message
from callengine.edge.messages.received import Received
from callengine.edge.settings import ALLOW, EXTENSIONS

_TO_PEER = (
    "content-disposition",
    "session-expires",
    "min-se",
    "rack",
    "rseq",
    "reason",
    "retry-after",
    "privacy",
)
_OPTION_LISTS = ("supported", "require", "unsupported")


def to_peer(
    message: Received,
    *,
    uri: str = "",
    vias: Sequence[str] = (),
    contact: str,
    user_agent: str,
    parties: tuple[str, str],
    call_id: str,
    cseq: int | None = None,
    body: bytes,
    extra: Headers | None = None,
) -> Message:
    """Return a call process's message as a peer may see it: nothing of loopback in it.

    A request goes to `uri`. `parties` are the values of From and To as the peer knows them, strict
    peers compare them whole (RFC 3261 section 8.2.6.2), `call_id` is the peer's too, and so is
    `cseq`, where its number is another.
    """
    headers: Headers = [("via", via) for via in vias]
    headers += [("from", parties[0]), ("to", parties[1]), ("call-id", call_id)]
    number = message.cseq if cseq is None else cseq
    headers.append(("cseq", f"{number} {message.cseq_method}"))
    headers += [(name, value) for name in _TO_PEER for value in message.headers.get(name, ())]
    headers += option_lists(message)
    if contact:  # RFC 3261 sections 12.1.1 and 12.2.1.1: where the peer reaches us
        headers.append(("contact", f"<{contact}>"))
    if "allow" in message.headers:
        headers.append(("allow", ALLOW))
    headers.append(("user-agent" if message.method else "server", user_agent))
    headers += extra or []
    if body:
        headers.append(("content-type", message.get("content-type") or "application/sdp"))
    if message.method:
        return Message.request(message.method, uri, headers, body)
    return Message.response(message.code, message.phrase, headers, body)


def option_lists(message: Received) -> Headers:
    """Return the option tags that both sides understand, each once."""
    lists: Headers = []
    for name in _OPTION_LISTS:
        if name not in message.headers:
            continue
        asked = set(message.tokens(name))
        tokens = [token for token in EXTENSIONS if token in asked]
        if tokens or name == "supported":
            lists.append((name, ", ".join(tokens)))
    return lists
