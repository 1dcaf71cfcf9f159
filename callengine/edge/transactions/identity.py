"""How the edge names itself: its Via, Contact, branches and tags, toward peers and inward."""

import hashlib
import secrets

from callengine.edge.flow import Flow, host_port
from callengine.edge.messages.branches import BRANCH
from callengine.edge.transport.addresses import Addresses
from callengine.edge.transport.loopback import Loopback


class EdgeIdentity:
    """The names one edge gives itself; none can be derived without its secret."""

    def __init__(self, addresses: Addresses, loopback: Loopback, *, user_agent: str) -> None:
        self._addresses = addresses
        self._loopback = loopback
        self.user_agent = user_agent
        "The value of our User-Agent and Server headers."
        self._secret = secrets.token_bytes(16)

    def sign(self, *parts: str) -> str:
        """Return 24 hexadecimal digits that only this edge can derive from the parts."""
        data = "\0".join(parts).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, key=self._secret, digest_size=12).hexdigest()

    def tag(self, *parts: str) -> str:
        """Return a tag of ours (RFC 3261 section 19.3); the same parts give the same tag."""
        return self.sign(*parts)[:16]

    def branch(self, *parts: str) -> str:
        """Return a Via branch of ours; the same parts give the same branch."""
        return BRANCH + self.sign(*parts)

    def new_branch(self) -> str:
        """Return a branch of ours that nothing else has."""
        return self.branch(secrets.token_hex(12))

    @property
    def inner_address(self) -> str:
        """Return `127.0.0.1:PORT`, where call processes reach the edge."""
        return self._loopback.address

    def inner_via(self, branch: str) -> str:
        """Return our Via toward call processes, who answer where it was heard (RFC 3581)."""
        return f"SIP/2.0/UDP {self._loopback.address};branch={branch};rport"

    def via(self, flow: Flow, branch: str) -> str:
        """Return our Via toward the peer at a flow (RFC 3261 section 18.1.1, RFC 3581)."""
        return f"SIP/2.0/{flow.transport.via} {self._host_port(flow)};branch={branch};rport"

    def contact(self, flow: Flow, token: str, *, wanted: str = "") -> str:
        """Return our Contact URI on a leg, as the peer at a flow can reach it.

        `wanted` is the Request-URI of the request that makes or refreshes the dialog: it is a
        sips: URI if that is one (RFC 3261 sections 8.1.1.8 and 12.1.1).
        """
        if flow.is_secure and wanted[:5].lower() == "sips:":
            return f"sips:{token}@{self._host_port(flow)}"
        return f"sip:{token}@{self._host_port(flow)}{flow.transport.uri_parameter}"

    def _host_port(self, flow: Flow) -> str:
        return host_port(*self._addresses.public_address_for(flow))
