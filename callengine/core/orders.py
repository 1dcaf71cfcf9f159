"""What a call process is told of one call: its legs with tokens, addresses and passwords."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from agents import limits
from agents.formats import Encoding
from callengine.core.directory import Destination
from callengine.core.shapes import Most, Within
from sip.selftests import SelfTest
from sip.srtp import Srtp

Word = Annotated[str, Most(limits.MAX_SHORT)]


def passwords_of(destination: Destination) -> dict[str, str]:
    """Return what the gateways of a destination's trunks are answered with, by the trunk's name."""
    trunks = destination.all_trunks()
    return {trunk.name: trunk.out_password for trunk in trunks if trunk.out_password}


@dataclass(frozen=True, slots=True)
class AgentOrder:
    """A voice agent, as the call process talks to it: its settings, and what it is told."""

    name: Annotated[str, Most(limits.MAX_NAME)]
    dialect: Word
    url: Annotated[str, Most(limits.MAX_URL)] = field(repr=False)
    "It may hold a token, and so may a tool."
    secret: Annotated[str, Most(limits.MAX_SECRET)] = field(default="", repr=False)
    agent_id: Word = ""
    system_prompt: Annotated[str, Most(limits.MAX_PROMPT)] = ""
    greeting: Annotated[str, Most(limits.MAX_GREETING)] = ""
    voice: Word = ""
    transcription_model: Word = ""
    tools: Annotated[str, Most(limits.MAX_TOOLS)] = field(default="[]", repr=False)
    "A list, as JSON."
    keyterms: tuple[Annotated[str, Most(limits.MAX_KEYTERM)], ...] = ()
    turn_detection: Annotated[str, Most(limits.MAX_TURN_DETECTION)] = "{}"
    "A mapping, as JSON."
    input: Encoding = Encoding.PCM
    "Caller to agent."
    output: Encoding = Encoding.PCM
    volume: Annotated[int, Within(0, limits.MAX_VOLUME)] | None = None
    "None leaves it to the agent."
    parameters: dict[
        Annotated[str, Most(limits.MAX_PARAMETER_NAME)],
        Annotated[str, Most(limits.MAX_PARAMETER_VALUE)],
    ] = field(default_factory=dict)
    "What SIP headers of the caller's INVITE said, by the agent's map."
    account: Word = ""
    "The account id that dialects of carriers name."
    max_duration_s: float = 0.0
    "From the answer; 0: no limit of its own."
    silence_timeout_s: float = 0.0
    "How long neither party may say anything before the call is ended; 0: for ever."
    ready_timeout_s: float = 10.0
    keeps_transcript: bool = True
    answers_at_once: bool = False
    "Whether the caller is answered before the agent is ready, and hears ringing meanwhile."
    from_user: Annotated[str, Most(255)] = ""
    to_user: Annotated[str, Most(255)] = ""
    sip_call_id: Annotated[str, Most(255)] = ""
    "The caller's own."


@dataclass(frozen=True, slots=True)
class BrowserOrder:
    """A browser phone."""

    name: Annotated[str, Most(255)]
    "What people call it: `Browser of alice`."
    page: Word = ""
    "The page that rings, if it is called; for the engine, which has it from here."


@dataclass(frozen=True, slots=True)
class LegOrder:
    """One leg, as the call process sees it."""

    name: str
    "`A`, or `B`, `B2`, `B3` ... in the order they are dialled."
    token: str
    "The edge's handle of the leg: the user part of the Request-URI on loopback."
    to_uri: str = ""
    from_uri: str = ""
    "From on this leg, name-addr form (leg B only)."
    public_address: str = ""
    "IPv4 address shown in SDP."
    offers_ipv6: bool = False
    "Whether the edge shows an IPv6 address in its place until the peer has described itself."
    label: str = ""
    username: str = ""
    """Whom a gateway knows us by, if it may challenge. The edge alone has the password: a call
    process reads what strangers send."""
    party: str = ""
    "Whose it is, as `connection:alice`; for the engine, which has it from here."
    trunk: str = ""
    "Name of the trunk it belongs to, if it does."
    srtp: Srtp = Srtp.OFF
    "What is asked of its audio."
    keys_readable: bool = True
    "Whether its SIP travels so that keys of SRTP can be read on the way."
    media_also_from: tuple[str, ...] = ()
    "Networks its carrier sends media from, besides what its SDP and its signalling name."
    is_proven: bool = True
    "Whether its peer has shown that it is where it says; a caller's ACK shows it else."
    agent: AgentOrder | None = None
    "The voice agent this leg is, if it is one: it has neither a token nor SIP."
    selftest: SelfTest | None = None
    "The test destination this leg is, if it is one: neither has that."
    browser: BrowserOrder | None = None
    "The browser this leg is, if it is one: neither has that."
    holds_back_early_media: bool = False
    "Whether the caller hears ringing in place of what it sends before the answer."
    avoids_transcoding: bool = False
    "Whether leg A takes its codec, if our list there and the caller have it."
    is_taken_over: bool = False
    "Whether its peer talks in another call: it is re-INVITEd and not rung."
    place: str = ""
    "Where its INVITE goes, `udp:HOST:PORT`; over TLS with the name that is asked for there."

    @property
    def is_sip(self) -> bool:
        """Whether it is a dialog with a peer of the edge's."""
        return self.agent is None and self.selftest is None and self.browser is None


@dataclass(frozen=True, slots=True)
class WaveOrder:
    """Legs rung together, and the lists that hold while they are."""

    legs: tuple[LegOrder, ...]
    vn_a: tuple[str, ...]
    vn_b: tuple[str, ...]
    when: Literal["", "busy"] = ""
    "`busy`: rung only if a leg of an earlier wave was busy."
    ring_timeout_s: float = 0.0
    "0: as long as the order's."
    longest_s: float = 0.0
    "How long the call may last once one of them has answered; 0: as long as any."
    longest_why: Annotated[str, Most(1000)] = ""
    "By whose rule, in words."
    dialled: str = ""
    """Gateways of trunks: whom they are asked for. Once that callee has been reached through one,
    no other is tried for them."""


@dataclass(frozen=True, slots=True)
class CallOrder:
    """Everything a call process needs for one call; sent over its control socket."""

    call: str
    edge: str
    "`127.0.0.1:PORT`, where the edge listens for call processes."
    leg_a: LegOrder
    waves: tuple[WaveOrder, ...]
    offered: tuple[str, ...] | None
    ring_timeout_s: float
    max_duration_s: float
    media_timeout_s: float = 0.0
    "How long neither party may send anything before the call is ended; 0: for ever."
    media_also_from: tuple[str, ...] = ()
    "Networks from which media of any leg is taken."


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """New targets for a call that talks; sent over its process's control socket."""

    call: str
    to: str
    "What the operator named: a number or a SIP user."
    by: str
    "User name of the operator, or the name of the agent or the party that asked."
    waves: tuple[WaveOrder, ...]
    ring_timeout_s: float
    key: str = ""
    "The agent's word for its request, if an agent asked: it is told if the transfer fails."
    referrer: str = ""
    "The leg that asked by REFER: whoever talks to it is connected with somebody else."
