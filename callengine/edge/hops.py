"""Where a request inside a dialog goes: the peer's Contact says one thing, NAT often another."""

from callengine.edge.addresses import UnresolvableError, is_private, literal_flow
from callengine.edge.legs import Dialog
from callengine.edge.parse import parse_uri
from callengine.edge.transport import Transports, split_flow


def next_hop(transports: Transports, dialog: Dialog, uri: str) -> str | None:
    """Return the flow for a request to `uri` in a dialog, or None if its host must be looked up.

    A peer that talks to us itself is answered where it was heard, unless its Contact is another
    public address (a carrier's media side); one whose Contact is a private address seen from a
    public one, too. A TCP connection that is gone is opened to the Contact.

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
    return heard if is_alive and _prefers_heard(dialog, named) else named


def _prefers_heard(dialog: Dialog, named: str | None) -> bool:
    if named is None:
        return dialog.is_direct
    named_host, heard_host = split_flow(named)[1], split_flow(dialog.flow)[1]
    if named_host == heard_host:
        return dialog.is_direct
    return is_private(named_host) and (dialog.is_direct or not is_private(heard_host))
