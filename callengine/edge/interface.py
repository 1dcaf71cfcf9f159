"""What the edge asks of the engine around it, and the values that pass between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from callengine.core.directory import Source
from callengine.core.identity import Heard
from callengine.core.outcomes import Rejection
from callengine.core.reasons import Rule
from callengine.core.replaces import Replaces
from callengine.edge.bans import HeldBan
from sip.srtp import Srtp

Refusal = TypeVar("Refusal")
"What a change of bindings returns that changes nothing."


@dataclass(frozen=True, slots=True)
class Credentials:
    """What digest verification needs of one user (RFC 8760); never the password."""

    username: str
    kind: str
    "`connection`, `trunk`, or `lab` for a one-time user of the codec lab."
    name: str
    "The connection's SIP user, or the trunk's name."
    enabled: bool
    ha1_md5: str = field(repr=False)
    ha1_sha256: str = field(repr=False)
    ha1b_md5: str = field(default="", repr=False)
    "HA1 over `user@realm` as user name, for phones set up so; empty: the password is older."
    ha1b_sha256: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TrunkAccess:
    """A trunk whose access list holds a source address."""

    name: str
    enabled: bool
    username: str
    "Credentials the trunk must also present; empty: the address is enough."
    lacking: str = ""
    "What a call lacks to be this trunk's, in words."
    is_weak: bool = False
    "Whether it is known by its domain alone, which anybody may dial."


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of an address-of-record (RFC 3261 section 10.3)."""

    contact: str
    "The Contact URI as given."
    call_id: str
    cseq: int
    expires_at: float
    "Unix time, seconds."
    flow: str
    "`udp:HOST:PORT` or `tcp:HOST:PORT` it was received from."
    user_agent: str
    q: float = 1.0
    instance: str = ""
    reached_at: str = ""
    "Flow that requests to it take, if it is not the one it was received from."
    path: tuple[str, ...] = ()
    "Path elements of the REGISTER, as Route carries them toward the phone (RFC 3327)."
    is_direct: bool = True
    "No proxy stood between the phone and us."


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE outside any dialog that passed authentication."""

    source: Source
    call_id: str
    from_user: str
    from_name: str
    to_user: str
    "User part of the Request-URI, visual separators of telephone numbers removed."
    user_agent: str
    sdp: str | None
    "The body, if it is SDP; None for an INVITE without a body."
    max_forwards: int
    flow: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    "What its headers say, by their name in small letters; those of SIP's own routing are not here."
    heard: Heard = field(default_factory=Heard)
    "What they say of the caller beside From."
    is_sips: bool = False
    "Whether its Request-URI is a sips: URI."
    replaces: Replaces | None = None
    "The dialog whose place it is to take (RFC 3891)."
    given_up: Callable[[], bool] = lambda: False
    "Whether the caller has cancelled meanwhile; what `set_up` returns is then not used."

    def rejected(
        self,
        code: int,
        rule: Rule,
        advice: str,
        *,
        user: str | None = None,
        to: str | None = None,
        retry_after_s: int | None = None,
    ) -> Rejection:
        """Return what stands on record of it if it becomes no call.

        `user` and `to` are who called whom, where that is not what From and Request-URI say.
        """
        return Rejection(
            source_address=self.source.address,
            user=self.from_user if user is None else user,
            method="INVITE",
            code=code,
            rule=rule,
            advice=advice,
            call_id=self.call_id,
            to=self.to_user if to is None else to,
            retry_after_s=retry_after_s,
        )


@dataclass(frozen=True, slots=True)
class LegAnchor:
    """One leg as the edge forwards it between a peer and a call process."""

    call: str
    name: str
    token: str
    worker: tuple[str, int]
    "The call process's loopback SIP address."
    srtp: Srtp = Srtp.OFF
    "What is asked of its audio."
    request_uri: str = ""
    "Leg B: Request-URI of the INVITE to the peer."
    flow: str = ""
    "Leg B: where to send it, `udp:HOST:PORT`; empty: resolve `request_uri`."
    headers: tuple[tuple[str, str], ...] = ()
    "Leg B: what its INVITE bears besides: who calls, who forwarded it, what a trunk's rules add."
    routes: tuple[str, ...] = ()
    "Leg B: Route elements of the INVITE; all of them are loose routers."
    hosts: tuple[str, ...] = ()
    """Hosts, networks (CIDR) and names that the peer may name in Contact and Record-Route beside
    the host it is heard from; an administrator wrote them down."""
    header_rules: tuple[str, ...] = ()
    "What its trunk makes of headers that the peer sends, as the rules are stored."
    takes_over: str = ""
    "Leg B: token of a leg, of another call, whose dialog it takes over by its first INVITE."
    trunk: str = ""
    "Leg B: name of the trunk it leads to, if it leads to one."
    gateway: str = ""
    "Leg B: the gateway of a trunk that it leads to, as it was written down."
    via: str = ""
    "Leg B: the name that `flow` is an address of."
    is_configured: bool = False
    "Leg B: `flow` is an address an administrator wrote down, so TCP may be opened to it."
    max_forwards: int = 69
    response_timeout_s: float = 10.0
    """Leg B: how long the peer may say nothing at all to the INVITE before it counts as gone (408).
    Timer B of RFC 3261 would be 32 s, which callers do not wait."""
    username: str = ""
    password: str = field(default="", repr=False)
    """Leg B to a gateway with credentials. A call process answers a challenge by none of its own,
    for the loopback URI it sees; the edge answers it again, with these, for the real one."""


@dataclass(frozen=True, slots=True)
class NamedDialog:
    """A dialog of ours with a peer, found by its names."""

    anchor: LegAnchor
    "Of its leg."
    is_answered: bool
    is_over: bool
    is_ours: bool
    "We sent the INVITE that made it."


@dataclass(frozen=True, slots=True)
class Accepted:
    """The call has a call process; the edge anchors the legs and forwards the INVITE."""

    leg_a: LegAnchor
    legs_b: Sequence[LegAnchor]


@dataclass(frozen=True, slots=True)
class Refused:
    """The call is refused before any call process saw it."""

    code: int
    phrase: str = ""
    "Empty: that of the code."
    reason: str = ""
    "Value of a Reason header (RFC 3326), such as `Q.850;cause=88`."
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Referral:
    """A REFER (RFC 3515) of the peer of a leg."""

    call: str
    leg: str
    "Its name in the call."
    handle: str
    "What the edge knows it by."
    target: str
    "The URI it refers to, without headers."
    headers: str = ""
    "Those of the URI, as they were written."
    passed: tuple[tuple[str, str], ...] = ()
    "Headers of the REFER that whoever is rung gets, by the rules of the trunk it came from."
    is_answered: bool = True
    "Whether the call is up as far as the peer knows: its call process may not have said so yet."


@dataclass(frozen=True, slots=True)
class Attempt:
    """An INVITE to a gateway: that it was sent, and later what came of it."""

    at: float
    "Unix time, seconds."
    code: int = 0
    "The final code; 0: it was sent. 408 where nobody answered, 503 where it could not be sent."
    said: str = ""
    "In words: `503 Service Unavailable`, `no response from udp:192.0.2.7:5060 within 4 s`."
    retry_after_s: int | None = None


class Engine(Protocol):
    """The switchboard, seen from the edge. Every method may raise; the edge answers 500."""

    async def credentials(self, username: str) -> Credentials | None:
        """Return the digest credentials of a connection or of a trunk's IN side."""

    async def trunk_access(
        self, address: str, domain: str = "", name: str = ""
    ) -> TrunkAccess | None:
        """Return the trunk whose access list holds this IP address, or which is called by `domain`.

        With `name`, that of a trunk which has answered a challenge, only what it lacks besides.
        """

    async def trunk_certified(self, names: tuple[str, ...], domain: str = "") -> TrunkAccess | None:
        """Return the trunk that a verified client certificate with these names belongs to."""

    async def registered_trunk(self, contact_user: str) -> TrunkAccess | None:
        """Return the trunk that is registered at its carrier with this Contact of ours."""

    async def external_sip(self) -> bool:
        """Return whether unauthenticated callers may reach numbers and connections."""

    async def trunks_by_credentials(self) -> bool:
        """Return whether an enabled trunk may call from any address, by its credentials alone."""

    async def source(self, *, kind: str, name: str, address: str) -> Source:
        """Return the full source for a name that `credentials` or `trunk_access` gave."""

    async def is_registered_at(self, flow: str) -> bool:
        """Return whether a phone of ours registered from this very flow, by no proxy."""

    async def bindings(self, sip_user: str) -> list[Binding]:
        """Return the unexpired bindings of a connection."""

    async def change_bindings(
        self, sip_user: str, change: Callable[[Sequence[Binding]], list[Binding] | Refusal]
    ) -> list[Binding] | Refusal:
        """Have a pure function decide what a connection's bindings become; return what it said.

        Nobody comes between what it is given and what it says. Anything but a list leaves the
        bindings as they were. Raises ValueError for what cannot be kept.
        """

    async def set_up(self, call: IncomingCall) -> Accepted | Refused:
        """Plan a call and find it a call process."""

    def attempted(self, anchor: LegAnchor, attempt: Attempt) -> None:
        """Take what came of an INVITE to a gateway."""

    def acknowledged(self, anchor: LegAnchor) -> None:
        """Take that the ACK of a leg's 2xx has come, so that the leg talks."""

    def said_inside(self, anchor: LegAnchor, text: str) -> None:
        """Take what a peer's request inside a dialog said that is for the record, in words."""

    def waited_s(self) -> float:
        """Return for how many seconds calls have waited for a process to take them."""

    def has_taken(self, call: str) -> bool:
        """Tell whether a call's process has taken it, and so speaks for it."""

    async def referred(self, referral: Referral) -> int:
        """Return what a REFER is answered with; 202 if it is acted on."""

    def begin_referral(self, referral: Referral) -> None:
        """Act on a REFER, which has been answered with 202."""

    async def has_registered_from(self, host: str) -> bool:
        """Return whether a phone at this IP address is registered."""

    async def banned(self, ban: HeldBan) -> None:
        """Store a ban that the edge has made."""

    async def rejected(self, rejection: Rejection) -> None:
        """Store a request that was refused by the edge itself."""
