"""Where a dialog's requests go: the remote target and the route set (RFC 3261 section 12)."""

from callengine.edge.messages.received import Received
from callengine.edge.messages.uris import without_headers
from callengine.edge.messages.values import parse_address


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
    # A strict router (RFC 2543) wants itself in the request line, the target last of all.
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
