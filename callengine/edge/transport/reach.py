"""Where a registered phone is reached: where it was heard, never where it merely says it is. Pure.

A Contact is a claim. A request to it goes where the REGISTER came from, or to another port of that
very host; no other address that a phone names is ever sent to or connected to.
"""

import ipaddress
import socket
from collections.abc import Callable

from callengine.edge.flow import Flow
from callengine.edge.messages.uris import URI
from callengine.edge.messages.values import Via
from callengine.edge.transport.addresses import UnresolvableError, literal_flow

IsOurs = Callable[[str, int], bool]
"Whether a host and port are a listening address of this edge."

_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")


def contact_objection(uri: URI, *, heard: Flow, is_direct: bool, is_ours: IsOurs) -> str:
    """Return what is wrong with the address in a Contact heard from a flow; empty: nothing.

    What came by a proxy was not heard from the phone: nothing shows that it is there.
    """
    for host in filter(None, (uri.host, uri.parameters.get("maddr"))):
        if is_ours(host.strip("[]").lower(), uri.port or 5060):
            return "is an address of this server itself"
        kind = _kind(host)
        if kind and not (is_direct and _is_heard_there(host, heard)):
            way = "came from" if is_direct else "came by way of"
            return f"is {kind} address, and the request {way} {heard.host}"
    return ""


def _kind(host: str) -> str:
    if host.lower().rstrip(".") in _LOCAL_NAMES or host.lower().rstrip(".").endswith(".localhost"):
        return "a loopback"
    address = _address(host)
    if address is None:
        return ""
    kinds = {
        "a loopback": address.is_loopback,
        "a link-local": address.is_link_local,
        "a multicast": address.is_multicast,
        "an unspecified": address.is_unspecified or address in _THIS_NETWORK,
        "a reserved": address.is_reserved,
    }
    return next((kind for kind, holds in kinds.items() if holds), "")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    host = host.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:  # 127.1 and 0x7f000001 are addresses to a resolver
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_heard_there(host: str, heard: Flow) -> bool:
    source, named = _address(heard.host), _address(host)
    if source is not None and source.is_loopback:  # on this machine all of them are one place
        return named is None or named.is_loopback
    return named is not None and source == named


def reached_at(uri: URI, *, heard: Flow, via: Via, is_direct: bool, is_alone: bool) -> Flow:
    """Return the flow of requests to a Contact of a REGISTER heard from a flow.

    A port of its own is used on the host it was heard from alone: for one of several Contacts,
    which one socket can not all be, and for a phone without NAT that does not ask for symmetric
    responses (RFC 3581), as those send from another port than they listen on.
    """
    # RFC 5626 section 7: requests to a binding use the flow that made it.
    try:
        named = literal_flow(uri)
    except UnresolvableError:
        return heard
    if heard.is_secure or (named is not None and named.is_secure):
        return heard  # a phone has no certificate to be connected to with
    if not is_direct or named is None or named.host != heard.host:
        return heard
    is_symmetric = "rport" in via.params or via.host.strip("[]") != heard.host
    if is_alone and (is_symmetric or heard.is_reliable):
        return heard
    return named


def without_connection(uri: URI, *, heard: Flow, is_ours: IsOurs) -> Flow:
    """Return the flow to open toward a Contact whose TCP connection is gone.

    Raises:
        UnresolvableError: the Contact is not at the host that was heard.
    """
    # RFC 5626 section 5.3.1 would answer 430: the phone registers anew. Many do not at once, and
    # RFC 3261 section 18.1.1 has a connection opened to the Contact.
    named = literal_flow(uri)
    if heard.is_secure or (named is not None and named.is_secure):
        raise UnresolvableError(
            f"the phone's connection from {heard.host} is gone and TLS is opened by phones alone; "
            "it has to register anew"
        )
    if named is None or named.host != heard.host or is_ours(named.host, named.port):
        raise UnresolvableError(
            f"the phone's TCP connection from {heard.host} is gone and its contact leads elsewhere"
        )
    return named
