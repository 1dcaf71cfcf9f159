"""What a call plan is made from: plain rows, as they were read for one call."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from agents.formats import Encoding
from callengine.core.numberrules import NumberRules
from callengine.core.permissions import Holder, Permissions
from sip.selftests import SelfTest
from sip.srtp import Srtp


@dataclass(frozen=True, slots=True)
class Contact:
    """One registered binding of a Connection (RFC 3261 section 10)."""

    uri: str
    "The Contact URI as the phone gave it."
    flow: str
    "Where it is reached, as `udp:HOST:PORT` or `tcp:HOST:PORT`."
    user_agent: str = ""
    path: tuple[str, ...] = ()
    "Route elements of a request to it (RFC 3327); the first hop is `flow` all the same."


@dataclass(frozen=True, slots=True)
class BrowserPlace:
    """A browser whose page is open and takes a connection's calls."""

    page: str
    "The page, known to this engine."
    name: str
    "What people call it: `Browser of alice`."


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """A voice agent as it is talked to; no plan needs it."""

    name: str
    dialect: str
    url: str
    secret: str = field(default="", repr=False)
    agent_id: str = ""
    system_prompt: str = ""
    greeting: str = ""
    voice: str = ""
    transcription_model: str = ""
    tools: str = field(default="[]", repr=False)
    "A list, as JSON; their headers may hold secrets."
    keyterms: tuple[str, ...] = ()
    turn_detection: str = "{}"
    "A mapping, as JSON."
    input: Encoding = Encoding.PCM
    "Caller to agent."
    output: Encoding = Encoding.PCM
    volume: int | None = None
    account: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    "SIP header -> the parameter that carries its value."
    max_duration_s: int | None = None
    silence_timeout_s: int | None = None
    ready_timeout_s: int = 10
    keeps_transcript: bool = True
    answers_at_once: bool = False


UNTOUCHED = {Encoding.PCMU: "PCMU", Encoding.PCMA: "PCMA"}
"The codec of a leg whose payload an agent takes byte for byte, by the agent's input."


@dataclass(frozen=True, slots=True)
class AgentPlace:
    """A voice agent as a place where calls go."""

    name: str
    enabled: bool = True
    codecs: tuple[str, ...] = ()
    "For the caller's leg; none: the platform list."
    input: Encoding = Encoding.PCM
    fallback: "Destination | None" = None
    "Where the call goes if the agent cannot be had."
    fallback_number: str = ""
    "What is dialled there, if not a connection: a trunk is told of it."

    @property
    def untouched(self) -> str:
        """The codec whose bytes reach the agent as they are; nothing: all are converted."""
        return UNTOUCHED.get(self.input, "")


AgentWhen = Literal["not-registered", "busy", "always"]


@dataclass(frozen=True, slots=True)
class ConnectionEntry:
    """A SIP endpoint."""

    sip_user: str
    name: str
    enabled: bool = True
    inbound_codecs: tuple[str, ...] = ()
    outbound_codecs: tuple[str, ...] = ()
    force_on_caller: bool = False
    avoids_transcoding: bool = False
    "Whether the caller's leg takes the callee's codec where both lists allow it, whoever calls."
    address: str = ""
    "Fixed SIP URI used instead of registrations; empty if it registers."
    concurrent_calls: int | None = None
    contacts: tuple[Contact, ...] = ()
    "Unexpired registrations, the most recently refreshed first."
    browsers: tuple[BrowserPlace, ...] = ()
    "Those that ring beside its phones."
    caller_id: str = "rewrite"
    "What becomes of a From that is not its own: `rewrite`, `refuse`, or `any` passes."
    agent: AgentPlace | None = None
    "Who takes its calls in the case of `agent_when`; not looked up of a caller."
    agent_when: AgentWhen = "not-registered"
    permissions: Permissions = field(default_factory=Permissions)
    ring_timeout_s: int | None = None
    "How long its phones ring; None: as long as the platform's."
    holds_back_early_media: bool = False
    "Whether callers hear ringing in place of what it sends before the answer."
    srtp: Srtp = Srtp.OFF
    "What is asked of its audio."

    @property
    def holder(self) -> Holder:
        """What it may, by name and label."""
        return Holder(self.name, f"connection:{self.sip_user}", self.permissions)


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """One gateway of a Trunk; a lower priority number is tried first."""

    uri: str
    priority: int
    weight: int = 1
    "Its share of the calls among those of the same priority."
    down: tuple[str, ...] = ()
    "Addresses of it, as `udp:HOST:PORT`, that are known not to take calls now."
    resting: tuple[str, ...] = ()
    "Those that asked for a while without calls."
    is_down: bool = False
    "Whether all that is known of it is down: then it is tried after all others."


@dataclass(frozen=True, slots=True)
class TrunkEntry:
    """A carrier."""

    name: str
    enabled: bool = True
    in_codecs: tuple[str, ...] = ()
    out_codecs: tuple[str, ...] = ()
    gateways: tuple[GatewayEntry, ...] = ()
    concurrent_calls: int | None = None
    "At once, both ways together."
    permissions: Permissions = field(default_factory=Permissions)
    out_username: str = ""
    out_password: str = field(default="", repr=False)
    hosts: tuple[str, ...] = ()
    "Its access list and the hosts of its gateways: addresses, networks (CIDR) and names."
    media_also_from: tuple[str, ...] = ()
    "Networks its media comes from, besides what its SDP and its signalling name."
    rules: NumberRules = field(default_factory=NumberRules)
    acts_on_refer: bool = False
    "Whether its side may transfer calls."
    holds_back_early_media: bool = False
    "Whether callers hear ringing in place of what it sends before the answer."
    passes_refer: bool = False
    "Whether it is sent the REFER when whom it has is transferred to a number behind it."
    srtp: Srtp = Srtp.OFF
    "What is asked of its audio, both ways."
    avoids_transcoding: bool = False
    "As of a connection."

    @property
    def holder(self) -> Holder:
        """What it may, by name and label."""
        return Holder(f"The trunk {self.name}", f"trunk:{self.name}", self.permissions)


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A prefix and the trunks tried for it, in order."""

    prefix: str
    trunks: tuple[TrunkEntry, ...]
    last_resort: AgentPlace | None = None
    "Who takes the call if none of the trunks does."


@dataclass(frozen=True, slots=True)
class Destination:
    """Everything the directory holds about one dialled user part; nothing set: unknown."""

    number: str = ""
    "The Number row that matched, if one did."
    connection: ConnectionEntry | None = None
    trunk: TrunkEntry | None = None
    route: RouteEntry | None = None
    "The Route with the longest matching prefix, if neither a Number nor a Connection matched."
    agent: AgentPlace | None = None
    selftest: SelfTest | None = None

    def all_trunks(self) -> Iterator[TrunkEntry]:
        """Return every trunk the call may go through, also after a voice agent."""
        if self.trunk is not None:
            yield self.trunk
        if self.route is not None:
            yield from self.route.trunks
        agents = (
            self.agent,
            self.connection.agent if self.connection else None,
            self.route.last_resort if self.route else None,
        )
        for agent in agents:
            if agent is not None and agent.fallback is not None:
                yield from agent.fallback.all_trunks()


def with_browsers(
    destination: Destination, browsers_of: Callable[[str], tuple[BrowserPlace, ...]]
) -> Destination:
    """Return a destination whose connection is reached in the browsers that take its calls.

    `browsers_of` takes the connection's SIP user. Also after a voice agent.
    """
    entry, agent = destination.connection, destination.agent
    if entry is not None and (browsers := browsers_of(entry.sip_user)):
        destination = replace(destination, connection=replace(entry, browsers=browsers))
    if agent is not None and agent.fallback is not None:
        fallback = with_browsers(agent.fallback, browsers_of)
        destination = replace(destination, agent=replace(agent, fallback=fallback))
    return destination


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings of the whole platform."""

    codecs: tuple[str, ...]
    external_sip: bool = False
    available_codecs: tuple[str, ...] = ()
    "What this engine's call processes can do now."
    home_country: str = ""
    "In which national numbers are read, ISO 3166-1; empty: they cannot be."
    time_zone: str = "UTC"
    "In which a day begins, as the tz database names it."
    avoids_transcoding: bool = False
    "Whether every call takes one codec on both legs where their lists allow it."


SourceKind = Literal["connection", "trunk", "external"]


@dataclass(frozen=True, slots=True)
class Source:
    """Who calls, as the edge established it (digest, access list, or nobody known)."""

    kind: SourceKind
    address: str
    "Source IP address of the INVITE."
    connection: ConnectionEntry | None = None
    trunk: TrunkEntry | None = None
    is_proven: bool = True
    "Whether it has shown who it is: a trunk known by its domain alone has not."
    encrypts: bool = False
    "Whether its INVITE offers SRTP; of somebody unknown, nothing else says so."
    is_inside_only: bool = False
    "Whether its calls go through no trunk: somebody in the browser, who calls as no connection."

    @property
    def holder(self) -> Holder:
        """Whose permissions hold; an unknown caller has no limits of its own here."""
        if self.connection is not None:
            return self.connection.holder
        return self.trunk.holder if self.trunk else Holder(self.address, self.label, Permissions())

    @property
    def srtp(self) -> Srtp:
        """What is asked of its audio; a caller nobody knows is answered as it offers."""
        if (entry := self.connection or self.trunk) is not None:
            return entry.srtp
        return Srtp.ALLOWED if self.encrypts else Srtp.OFF

    @property
    def label(self) -> str:
        """`connection:alice`, `trunk:carrier-one` or `external:203.0.113.7`."""
        if self.connection is not None:
            return f"connection:{self.connection.sip_user}"
        if self.trunk is not None:
            return f"trunk:{self.trunk.name}"
        return f"external:{self.address}"
