"""Building messages: responses of our own, and what passes between a peer and a call process."""

import re
from collections.abc import Sequence

from callengine.core.obstacles import obstacle
from callengine.core.sdp import SdpError, compact
from callengine.edge.bodies import Found, find_sdp
from callengine.edge.flow import Flow
from callengine.edge.message import Headers, Message, render
from callengine.edge.received import Received
from callengine.edge.settings import ALLOW, EXTENSIONS
from callengine.edge.uris import without_headers
from callengine.edge.values import parse_address, tag_of
from sip.phrases import phrase_of

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
_RPORT = re.compile(r";[ \t]*(?:rport|received)[ \t]*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)


class BadSdpError(ValueError):
    """A peer's session description cannot be read; the message says what is wrong."""


def reply_flow(request: Received) -> Flow:
    """Return where responses go (RFC 3261 section 18.2.2, RFC 3581 section 4)."""
    if request.flow.is_reliable or "rport" in request.via.params:
        return request.flow
    return request.flow._replace(port=request.via.port or request.flow.transport.default_port)


def reply_vias(request: Received) -> list[str]:
    """Return the request's Via values as its responses carry them (`received`, `rport`)."""
    _, host, port = request.flow
    top = _RPORT.sub("", request.via.raw)
    top += f";received={host}" if ":" not in host else f";received=[{host}]"
    top += f";rport={port}" if "rport" in request.via.params else ""
    return [top, *request.vias[1:]]


def with_tag(to_header: str, tag: str) -> str:
    """Return a To value with our tag, unless it has one."""
    return to_header if not tag or tag_of(to_header) else f"{to_header};tag={tag}"


def build_reply(
    request: Received,
    code: int,
    *,
    server: str,
    phrase: str = "",
    to_tag: str = "",
    headers: Headers | None = None,
) -> bytes:
    """Return a response of the edge itself."""
    phrase = phrase or phrase_of(code)
    top: Headers = [("via", via) for via in reply_vias(request)]
    copied = [
        ("from", request.get("from")),
        ("to", with_tag(request.get("to"), to_tag if code > 100 else "")),
        ("call-id", request.call_id),
        ("cseq", request.get("cseq")),
    ]
    # What a malformed request lacks, its answer cannot have.
    top += [(name, value) for name, value in copied if request.get(name)]
    top.append(("server", server))
    return render(Message.response(code, phrase, top + (headers or [])))


def description(message: Received) -> Found:
    """Return the session description in a message's body, whatever it is wrapped in."""
    kind = message.get("content-type")
    if message.get("content-encoding").lower() not in ("", "identity"):
        kind = "an encoded body"
    return find_sdp(kind, message.get("content-disposition"), message.body)


def compact_body(message: Received) -> bytes:
    """Return a message's session description cut down to what a call process can read.

    Raises:
        BadSdpError: it is nonsense, or the body must be understood and is not.
    """
    found = description(message)
    if found.must_refuse:
        raise BadSdpError(found.reason)
    if not (found.sdp or b"").strip():
        return b""
    is_answer = bool(message.code) or message.method == "ACK"
    try:
        text = (found.sdp or b"").decode("utf-8", "replace")
        if message.method == "ACK" and obstacle(text):
            return b""  # no answer at all, as far as a call process can do anything with it
        return compact(text, is_answer=is_answer).encode()
    except SdpError as error:
        raise BadSdpError(str(error)) from error


def to_peer(
    message: Received,
    *,
    uri: str = "",
    vias: Sequence[str] = (),
    contact: str,
    user_agent: str,
    parties: tuple[str, str],
    call_id: str,
    extra: Headers | None = None,
) -> Message:
    """Return a call process's message as a peer may see it: nothing of loopback in it.

    A request goes to `uri`. `parties` are the values of From and To as the peer knows them, strict
    peers compare them whole (RFC 3261 section 8.2.6.2), and `call_id` is the peer's too.
    """
    headers: Headers = [("via", via) for via in vias]
    headers += [("from", parties[0]), ("to", parties[1]), ("call-id", call_id)]
    headers.append(("cseq", message.get("cseq")))
    headers += [(name, value) for name in _TO_PEER for value in message.headers.get(name, ())]
    headers += option_lists(message)
    if contact:
        headers.append(("contact", f"<{contact}>"))
    if "allow" in message.headers:
        headers.append(("allow", ALLOW))
    headers.append(("user-agent" if message.method else "server", user_agent))
    headers += extra or []
    if message.body:
        headers.append(("content-type", message.get("content-type") or "application/sdp"))
    if message.method:
        return Message.request(message.method, uri, headers, message.body)
    return Message.response(message.code, message.phrase, headers, message.body)


def option_lists(message: Received) -> Headers:
    """Return the option tags that both sides understand, each once."""
    found: Headers = []
    for name in _OPTION_LISTS:
        asked = set(message.tokens(name))
        tokens = [token for token in EXTENSIONS if token in asked]
        if tokens or (name == "supported" and name in message.headers):
            found.append((name, ", ".join(tokens)))
    return found


def contact_target(message: Received) -> str:
    """Return the URI of the first Contact, or an empty string if there is none to use.

    Headers in it are for a request of another kind (RFC 3261 section 19.1.5).
    """
    values = message.values("contact")
    if not values or values[0] == "*" or len(values[0]) > 1024:
        return ""
    try:
        address = parse_address(values[0])
    except ValueError:
        return ""
    return without_headers(address.uri_text) if address.is_callable else ""


def caller_target(request: Received) -> str:
    """Return the URI at which an INVITE's sender takes requests, or an empty string.

    RFC 2543 did not ask for a Contact; From stood in for it (its section 6.13).
    """
    if request.headers.get("contact") or request.via.has_rfc3261_branch:
        return contact_target(request)
    try:
        address = parse_address(request.get("from"))
    except ValueError:
        return ""
    return without_headers(address.uri_text) if address.is_callable else ""


def route_uri(route: str) -> str:
    """Return the URI inside a Route or Record-Route element, or an empty string."""
    try:
        return parse_address(route).uri_text
    except ValueError:
        return ""


def aim(target: str, routes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return Request-URI and Route values for a dialog (RFC 3261 section 12.2.1.1)."""
    if not routes:
        return target, ()
    first = route_uri(routes[0])
    if any(item.lower() == "lr" or item.lower().startswith("lr=") for item in first.split(";")[1:]):
        return target, routes
    return first, (*routes[1:], f"<{target}>")


def recorded_routes(message: Received, limit: int = 20) -> tuple[str, ...]:
    """Return at most `limit` elements of Record-Route.

    Raises:
        ValueError: one is no address that a request could be sent to.
    """
    routes = message.values("record-route")[:limit]
    if any(len(route) > 1024 or not parse_address(route).is_callable for route in routes):
        raise ValueError("a Record-Route cannot be used")
    return tuple(routes)
