"""Building messages: responses of our own, and what passes between a peer and a call process."""

import re

from callengine.core.sdp import SdpError, compact
from callengine.edge.parse import SipMessage, parse_address, render, split_quoted, tag_of
from callengine.edge.settings import ALLOW, EXTENSIONS
from callengine.edge.transport import make_flow, split_flow

PHRASES = {
    100: "Trying",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    513: "Message Too Large",
    603: "Decline",
}

_BOTH_WAYS = (
    "from",
    "to",
    "call-id",
    "cseq",
    "content-disposition",
    "session-expires",
    "min-se",
    "rack",
    "rseq",
    "reason",
    "retry-after",
)
_TO_WORKER = (
    *_BOTH_WAYS,
    "allow",
    "user-agent",
    "server",
    "www-authenticate",
    "proxy-authenticate",
)
_TO_PEER = (*_BOTH_WAYS, "privacy")
_OPTION_LISTS = ("supported", "require", "unsupported")
_RPORT = re.compile(r";[ \t]*(?:rport|received)[ \t]*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)

Headers = list[tuple[str, str]]


class BadSdpError(ValueError):
    """A peer's session description cannot be read; the message says what is wrong."""


def reply_flow(request: SipMessage) -> str:
    """Return where responses go (RFC 3261 section 18.2.2, RFC 3581 section 4)."""
    transport, host, _ = split_flow(request.flow)
    if transport == "tcp" or "rport" in request.via.params:
        return request.flow
    return make_flow("udp", host, request.via.port or 5060)


def reply_vias(request: SipMessage) -> list[str]:
    """Return the request's Via values as its responses carry them (`received`, `rport`)."""
    _, host, port = split_flow(request.flow)
    top = _RPORT.sub("", request.via.raw)
    top += f";received={host}" if ":" not in host else f";received=[{host}]"
    top += f";rport={port}" if "rport" in request.via.params else ""
    return [top, *request.vias[1:]]


def with_tag(to_header: str, tag: str) -> str:
    """Return a To value with our tag, unless it has one."""
    return to_header if not tag or tag_of(to_header) else f"{to_header};tag={tag}"


def build_reply(
    request: SipMessage,
    code: int,
    *,
    server: str,
    phrase: str = "",
    to_tag: str = "",
    headers: Headers | None = None,
) -> bytes:
    """Return a response of the edge itself."""
    phrase = phrase or PHRASES.get(code, "Refused")
    top: Headers = [("via", via) for via in reply_vias(request)]
    top += [
        ("from", request.get("from")),
        ("to", with_tag(request.get("to"), to_tag if code > 100 else "")),
        ("call-id", request.call_id),
        ("cseq", request.get("cseq")),
        ("server", server),
    ]
    return render(f"SIP/2.0 {code} {phrase}", top + (headers or []))


def is_sdp(message: SipMessage) -> bool:
    """Tell whether a message brings a session description."""
    kind = message.get("content-type").partition(";")[0].strip().lower()
    return bool(message.body.strip()) and kind == "application/sdp"


def to_worker(
    message: SipMessage,
    *,
    start: str,
    vias: list[str],
    contact: str,
    max_forwards: int | None = None,
    body: bytes | None = None,
) -> bytes:
    """Return a peer's message as a call process reads it: compact, on loopback addresses.

    `body` is the session description if it was made compact before.

    Raises:
        BadSdpError: its session description is nonsense.
    """
    headers: Headers = [("via", via) for via in vias]
    headers += _kept(message, _TO_WORKER) + _options(message)
    headers.append(("contact", f"<{contact}>"))
    if max_forwards is not None:
        headers.append(("max-forwards", str(max_forwards)))
    body = compact_body(message) if body is None else body
    if body:
        headers.append(("content-type", message.get("content-type")))
        headers.append(("x-heard-from", split_flow(message.flow)[1]))
    return render(start, headers, body)


def compact_body(message: SipMessage) -> bytes:
    """Return a peer's body, a session description cut down to what a call process can read.

    Raises:
        BadSdpError: it is nonsense.
    """
    if not is_sdp(message):
        return message.body
    try:
        return compact(message.body.decode("utf-8", "replace")).encode()
    except SdpError as error:
        raise BadSdpError(str(error)) from error


def to_peer(
    message: SipMessage,
    *,
    start: str,
    vias: list[str],
    contact: str,
    user_agent: str,
    parties: tuple[str, str] | None = None,
    extra: Headers | None = None,
) -> bytes:
    """Return a call process's message as a peer may see it: nothing of loopback in it.

    `parties` are the values of From and To as the peer knows them; pjsip writes them its own way,
    and strict peers compare them whole (RFC 3261 section 8.2.6.2).
    """
    headers: Headers = [("via", via) for via in vias]
    kept = _kept(message, _TO_PEER)
    if parties is not None:
        kept = [("from", parties[0]), ("to", parties[1]), *kept[2:]]
    headers += kept + _options(message)
    if contact:
        headers.append(("contact", f"<{contact}>"))
    if "allow" in message.headers:
        headers.append(("allow", ALLOW))
    headers.append(("user-agent" if message.method else "server", user_agent))
    headers += extra or []
    if message.body:
        headers.append(("content-type", message.get("content-type") or "application/sdp"))
    return render(start, headers, message.body)


def _kept(message: SipMessage, names: tuple[str, ...]) -> Headers:
    return [(name, value) for name in names for value in message.headers.get(name, ())]


def _options(message: SipMessage) -> Headers:
    found: Headers = []
    for name in _OPTION_LISTS:
        tokens = [token for token in message.tokens(name) if token in EXTENSIONS]
        if tokens or (name == "supported" and name in message.headers):
            found.append((name, ", ".join(tokens)))
    return found


def contact_target(message: SipMessage) -> str:
    """Return the URI of the first Contact, or an empty string if there is none to use."""
    values = message.values("contact")
    if not values or values[0] == "*" or len(values[0]) > 1024:
        return ""
    try:
        address = parse_address(values[0])
    except ValueError:
        return ""
    return address.uri_text if address.is_callable else ""


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


def first_items(message: SipMessage, name: str, limit: int = 20) -> tuple[str, ...]:
    """Return at most `limit` elements of a list header."""
    return tuple(item for v in message.headers.get(name, ()) for item in split_quoted(v, ","))[
        :limit
    ]
