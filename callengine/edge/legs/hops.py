"""Where a request inside a dialog goes: the peer's Contact says one thing, NAT often another."""

import ipaddress
from collections.abc import Sequence

from callengine.edge.flow import Flow
from callengine.edge.legs.table import Dialog
from callengine.edge.messages.uris import URI, parse_uri
from callengine.edge.transport.addresses import UnresolvableError, flow_to, is_private, literal_flow
from callengine.edge.transport.layer import Transports
from callengine.edge.transport.reach import IsOurs


def next_hop(
    transports: Transports, dialog: Dialog, uri: str, *, hosts: Sequence[str], is_ours: IsOurs
) -> Flow | None:
    """Return the flow for a request to `uri` in a dialog, or None if its host must be looked up.

    A peer is sent to where it was heard, or to another port of that host; to another host only if
    it is one of `hosts`, which an administrator wrote down for it: a carrier's gateways and access
    list. A TCP connection that is gone is opened again within the same bounds.

    Raises:
        UnresolvableError: the URI cannot be reached at all.
    """
    # RFC 3261 section 12.2.1.1 would send to `uri` whatever it names; RFC 5626 section 5.3.1 to the
    # flow. A Contact behind NAT leads nowhere, and one that a stranger chose leads anywhere.
    heard = dialog.flow
    is_alive = not heard.is_reliable or transports.has_connection(heard)
    try:
        parsed = parse_uri(uri)
        named = literal_flow(parsed)
    except (ValueError, UnresolvableError):
        return _heard_or_nothing(heard, is_alive)
    if heard.is_secure and not _is_secure(parsed):
        # What began out of others' sight stays so: many write Contacts without transport=tls.
        return _heard_or_nothing(heard, is_alive)
    if named is None:
        if not is_listed(parsed.host, hosts) or (is_alive and dialog.is_direct):
            return _heard_or_nothing(heard, is_alive)
        return None
    if not _may_name(named, heard, hosts) or is_ours(named.host, named.port):
        return _heard_or_nothing(heard, is_alive)
    if is_alive and _prefers_heard(dialog, named):
        return heard
    return named._replace(name=heard.name) if named.is_secure and heard.name else named


def _is_secure(uri: URI) -> bool:
    return flow_to(uri, "").is_secure


def _heard_or_nothing(heard: Flow, is_alive: bool) -> Flow:
    if is_alive:
        return heard
    raise UnresolvableError("the peer's TCP connection is gone and its Contact leads elsewhere")


def _may_name(named: Flow, heard: Flow, hosts: Sequence[str]) -> bool:
    return named.host == heard.host or is_listed(named.host, hosts)


def is_listed(host: str, hosts: Sequence[str]) -> bool:
    """Tell whether a host is among addresses, networks (CIDR) and names."""
    plain = host.strip("[]").lower()
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return plain.rstrip(".") in (entry.lower().rstrip(".") for entry in hosts)
    return any(address in network for network in map(_network, hosts) if network is not None)


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


def _prefers_heard(dialog: Dialog, named: Flow) -> bool:
    if named.host == dialog.flow.host:
        return dialog.is_direct
    return is_private(named.host) and (dialog.is_direct or not is_private(dialog.flow.host))
