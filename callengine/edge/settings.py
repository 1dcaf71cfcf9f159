"""What a person may set about the SIP front door, with the bounds that protect it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from callengine.core.overload import CALLS_LATE_S

Clients = Literal["off", "optional", "required"]
Listen = tuple[Literal["udp", "tcp", "tls"], str, int]

METHODS = (
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
)
ALLOW = ", ".join(METHODS)
EXTENSIONS = ("100rel", "timer", "replaces")
"""Option tags that work from end to end: call processes do reliable provisionals and timers, the
engine INVITEs with Replaces."""

MIN_SESSION_S = 90
"The shortest session interval call processes agree to (RFC 4028 section 4)."

T1_S = 0.5
T2_S = 4.0
TIMEOUT_S = 64 * T1_S
"Timers B, F, H and J of RFC 3261, appendix A."


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What the guard lets each source send, in messages and INVITEs a second.

    After a rest, `burst_s` seconds' worth come through at once: two hundred phones behind one
    address that register after a power cut send some six hundred requests before they are known.
    A carrier at 60 calls a second sends 180 to 400 messages a second.
    """

    stranger_rate: float = 60.0
    stranger_invite_rate: float = 20.0
    strangers_rate: float = 400.0
    strangers_invite_rate: float = 100.0
    "All unknown sources together, so that a flood from spoofed addresses leaves room for others."
    phone_rate: float = 100.0
    phone_invite_rate: float = 20.0
    trunk_rate: float = 1000.0
    trunk_invite_rate: float = 200.0
    leg_rate: float = 20.0
    "Messages that name one leg of a call by a secret of ours; they are read first."
    burst_s: float = 10.0
    trunk_burst_s: float = 3.0
    exempt: tuple[str, ...] = ()
    "Networks in CIDR form that nothing of this holds for: proxies of ours, which speak for many."


@dataclass(frozen=True, slots=True)
class BanSettings:
    """When whoever guesses passwords is kept out, and for how long."""

    failures: int = 10
    "Wrong passwords of one user from one source within the window."
    users: int = 10
    "Users that failed from one source within the window: then the whole source is banned."
    window_s: float = 300.0
    ban_s: float = 600.0
    "The first time; doubled each time. 0: nobody is banned."
    longest_s: float = 86_400.0
    fresh_s: float = 10.0
    "How long a new ban may take to be stored."


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How SIP over TLS shows who we are, and whom it believes."""

    certificate: Path | None = None
    "PEM: ours, then those between it and its authority; without one nobody can connect to us."
    key: Path | None = None
    "PEM; without one it stands in the certificate's file."
    authorities: Path | None = None
    "PEM: whose certificates are believed; without one, those the system trusts."
    clients: Clients = "off"
    "Whether who connects to us is asked for a certificate."
    handshake_s: float = 5.0
    max_handshakes: int = 400
    max_handshakes_per_host: int = 100
    "Connections at once that are not through their handshake."


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """Settings of one edge; lengths in bytes, times in seconds.

    `digest_algorithms` is also the order of the challenges. What peers were seen to do with them:
    SIPp 3.6.1 reads only the first WWW-Authenticate header and gives up unless it is MD5, so MD5
    comes first. baresip 1.0.0 gives up ("Function not implemented") as soon as any challenge, first
    or second, names SHA-256; so user agents that begin with one of `md5_user_agents`, and clients
    that left a challenge with SHA-256 unanswered, are challenged with MD5 alone.
    """

    listen: tuple[Listen, ...] = (("udp", "0.0.0.0", 5060), ("tcp", "0.0.0.0", 5060))  # noqa: S104
    public_address: str | None = None
    public_addresses: tuple[tuple[str, str], ...] = ()
    "For interfaces that have another: their own address, and the one shown to peers there."
    stun_server: tuple[str, int] | None = None
    "Who tells the public address where none is set."
    tls_name: str = ""
    "Host name that Contact and Via show over TLS, as in the certificate; empty: the address."
    dns_servers: tuple[tuple[str, int], ...] = ()
    "Host and port of the name servers; none: the system's."
    realm: str = "voipnumber"
    user_agent: str = "VoIPNumber/0.1"
    digest_algorithms: tuple[str, ...] = ("MD5", "SHA-256")
    md5_user_agents: tuple[str, ...] = ("baresip v0.", "baresip v1.", "baresip v2.")
    nonce_lifetime_s: int = 300
    nonce_any_address: bool = False
    "Whether an answer is taken from another address than the challenge was sent to."
    nonce_secret: bytes = field(default=b"", repr=False)
    "Shared by nodes behind one address; empty: random, new at every start."

    min_expires_s: int = 60
    max_expires_s: int = 3600
    default_expires_s: int = 600
    max_contacts: int = 10

    max_message_bytes: int = 32768
    max_line_bytes: int = 4096
    max_sdp_lines: int = 256

    max_tcp_connections: int = 2000
    max_tcp_connections_per_host: int = 200
    tcp_idle_s: float = 900.0
    tcp_stranger_idle_s: float = 120.0
    "The same where no registration and no call hangs on the connection."
    tcp_message_s: float = 32.0
    late_s: float = CALLS_LATE_S
    "How late we may be for another call to be taken; registrations twice that."
    "From accept to the first whole message, and from any message's first byte to its last."
    tcp_connect_s: float = 4.0
    max_transactions: int = 20000
    max_setups: int = 500

    keepalive_s: float = 0.0
    "How often registered phones heard over UDP are sent an OPTIONS; 0: never."

    challenge_answer_s: float = 5.0
    rejections_per_minute: int = 30
    "Stored per source address and rule; the rest of that minute becomes one line."
    linger_s: float = TIMEOUT_S
    tls: TlsSettings = field(default_factory=TlsSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    bans: BanSettings = field(default_factory=BanSettings)
