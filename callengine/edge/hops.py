"""Where a request inside a dialog goes: the peer's Contact says one thing, NAT often another."""

from callengine.edge.addresses import UnresolvableError, is_private, literal_flow
from callengine.edge.legs import Dialog
from callengine.edge.parse import parse_uri
from callengine.edge.transport import Transports, split_flow


def next_hop(transports: Transports, dialog: Dialog, uri: str) -> str | None:
    """Return the flow for a request to `uri` in a dialog, or None if its host must be looked up.

    A peer that talks to us itself is answered where it was heard; so is one whose Contact is a
    private address seen from a public one. A TCP connection that is gone is opened to the Contact.

    Raises:
        UnresolvableError: the URI cannot be reached at all.
    """
    heard = dialog.flow
    is_alive = heard.startswith("udp:") or transports.has_connection(heard)
    try:
        named = literal_flow(parse_uri(uri))
    except (ValueError, UnresolvableError):
        if is_alive:
            return heard
        raise UnresolvableError("the peer's connection is gone and its Contact is no use") from None
    if is_alive and (dialog.is_direct or (named is not None and _is_behind_nat(named, heard))):
        return heard
    return named


def _is_behind_nat(named: str, heard: str) -> bool:
    named_host, heard_host = split_flow(named)[1], split_flow(heard)[1]
    return is_private(named_host) and not is_private(heard_host)
