"""What the directory holds of a row: small values, the same from a query and in memory."""

from datetime import datetime
from typing import NamedTuple

from agents.formats import Encoding
from callengine.core.directory import AgentEntry, AgentWhen, TrunkEntry
from callengine.core.permissions import Permissions
from callengine.edge.interface import Binding
from sip.digest import KeptHa1
from sip.srtp import Srtp

_MD5_DIGITS, _SHA256_DIGITS = 32, 64


class ConnectionSettings(NamedTuple):
    """What many connections have alike; equal ones are one object."""

    enabled: bool
    realm: str
    "For which its password was set."
    inbound_codecs: tuple[str, ...]
    outbound_codecs: tuple[str, ...]
    force_on_caller: bool
    address: str
    concurrent_calls: int | None
    caller_id: str
    agent: int | None
    "Key of its voice agent."
    agent_when: AgentWhen
    permissions: Permissions
    ring_timeout_s: int | None
    holds_back_early_media: bool
    avoids_transcoding: bool
    srtp: Srtp


class ConnectionRow(NamedTuple):
    """A connection; `digests` are its HA1s, packed: there may be a hundred thousand of these."""

    key: int
    sip_user: str
    name: str
    digests: bytes
    settings: ConnectionSettings

    @property
    def ha1(self) -> KeptHa1:
        """What is kept of its password."""
        digits = self.digests.hex()
        half = _MD5_DIGITS + _SHA256_DIGITS
        return KeptHa1(
            self.settings.realm,
            digits[:_MD5_DIGITS],
            digits[_MD5_DIGITS:half],
            digits[half : half + _MD5_DIGITS],
            digits[half + _MD5_DIGITS :],
        )


class TrunkOnRecord(NamedTuple):
    """A trunk without its gateways."""

    key: int
    entry: TrunkEntry
    allowed: tuple[str, ...]
    "Its access list as stored."
    in_username: str
    in_domain: str
    ha1: KeptHa1
    contact_user: str
    "The Contact it has registered at its carrier with; nothing if it does not register."

    @property
    def name(self) -> str:
        """Its name."""
        return self.entry.name


class TargetRow(NamedTuple):
    """How one address of a gateway stands."""

    target: str
    is_up: bool
    holds_until: datetime
    rests_until: datetime | None


class GatewayRow(NamedTuple):
    """One gateway of a trunk with what is known of its addresses."""

    uri: str
    priority: int
    weight: int
    targets: tuple[TargetRow, ...]


class NumberRow(NamedTuple):
    """A number and the one place its calls go, by key."""

    key: int
    name: str
    "The number."
    connection: int | None
    trunk: int | None
    agent: int | None
    selftest: str


class RouteRow(NamedTuple):
    """A prefix and its trunks by key, first to try first."""

    key: int
    name: str
    "The prefix."
    last_resort: int | None
    trunks: tuple[int, ...]


class AgentOnRecord(NamedTuple):
    """A voice agent as a place where calls go."""

    key: int
    name: str
    enabled: bool
    codecs: tuple[str, ...]
    input: Encoding
    fallback_connection: int | None
    fallback_trunk: int | None
    fallback_number: str


class Agent(NamedTuple):
    """A voice agent whole; `entry` holds its secret."""

    row: AgentOnRecord
    entry: AgentEntry

    @property
    def name(self) -> str:
        """Its name."""
        return self.row.name


class Kept(NamedTuple):
    """A binding with what its phone is not told."""

    binding: Binding
    registered_at: float
    "When it was last refreshed, Unix time."
    since: float
    "When it was made; kept while it is refreshed in time."


def packed(*digests: str) -> bytes:
    """Return HA1s in hexadecimal digits as bytes; none if one of them is no digest."""
    try:
        return bytes.fromhex("".join(digests))
    except ValueError:
        return b""
