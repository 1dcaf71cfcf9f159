"""What the engine decides about one call: whom to ring, by which lists, for how long.

Decided once and kept with the record, so nothing secret stands here; what a call process is told
besides (tokens, addresses, passwords) is in `orders`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from audiocodecs.catalogue import CATALOGUE, highest_audio_rate_hz
from audiocodecs.negotiation import LegLists, negotiate
from callengine.core.numberrules import Diverting, IdentityHeader, SentIdentity, Vouched
from callengine.core.shapes import plain
from sip.srtp import Srtp

WaveWhen = Literal["", "busy"]
MAX_DURATION_S = 4 * 3600.0
"How long a call may last unless it is set otherwise."


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """One place to ring."""

    uri: str
    "Request-URI of the INVITE; nothing for a voice agent."
    to_uri: str
    "URI of the To header."
    flow: str = ""
    "`udp:HOST:PORT` or `tcp:HOST:PORT` to send to; empty: resolve `uri`."
    routes: tuple[str, ...] = ()
    "Route elements of the INVITE (RFC 3327)."
    hosts: tuple[str, ...] = ()
    "Other hosts, networks and names its peer may name inside the dialog."
    label: str = ""
    "What a person calls it: `Alice`, `carrier-one`."
    trunk: str = ""
    "Name of the trunk it belongs to, if it does."
    username: str = ""
    "With which its gateway's challenges are answered; the password is no part of a plan."
    srtp: Srtp = Srtp.OFF
    "What is asked of its audio."
    media_also_from: tuple[str, ...] = ()
    "Networks it sends media from, besides what its SDP and its signalling name."
    gateway: str = ""
    "The trunk's gateway it is, as it was written down."
    down: tuple[str, ...] = ()
    "Addresses of that gateway that are known to be down; they are tried last."
    resting: tuple[str, ...] = ()
    "Those that asked for a while without calls; they are left out."
    agent: str = ""
    "Name of the voice agent it is, if it is one: it has no SIP."
    caller: SentIdentity | None = None
    "Who calls, as this trunk is told; None: as the plan says."
    identity: IdentityHeader = "from"
    diverting: Diverting = "diversion"
    headers: tuple[tuple[str, str], ...] = ()
    "What its INVITE bears besides, by the rules of the trunk the call came from."
    header_rules: tuple[str, ...] = ()
    "What its own trunk makes of headers that its peer sends in the call."
    holds_back_early_media: bool = False
    "Whether the caller hears ringing in place of what it sends before the answer."
    selftest: str = ""
    "Which test destination it is, if it is one: it has no SIP either."
    browser: str = ""
    "What people call the browser it is, if it is one: it has no SIP either."
    page: str = ""
    "The page of that browser that rings."
    passes_refer: bool = False
    "Whether its trunk connects whom it has with this number itself, if it is referred there."


@dataclass(frozen=True, slots=True)
class Wave:
    """Targets rung together, and the two lists that hold while they are."""

    targets: tuple[PlannedTarget, ...]
    vn_a: tuple[str, ...]
    vn_b: tuple[str, ...]
    "None for a voice agent, whose leg is a websocket, and for a test destination."
    label: str
    "The connection's, the trunk's or the voice agent's name."
    when: WaveWhen = ""
    "`busy`: rung only if somebody before it said that they are busy; nothing: in any case."
    ring_timeout_s: float = 0.0
    "0: as long as the call's."
    longest_s: float = 0.0
    "How long the call may last if one of these answers; 0: as long as any."
    longest_why: str = ""
    "By whose rule, in words: what stands on record when it ends for that."
    dialled: str = ""
    "Gateways of trunks: whom they are asked for; once reached through one, no other is tried."
    avoids_transcoding: bool = False
    "Whether the caller's leg takes the codec of whoever answers, if `vn_a` and the caller have it."

    party: str = ""
    "Whose targets they are: `connection:alice`, `trunk:carrier`, `agent:support`."

    def in_groups(self, size: int) -> list["Wave"]:
        """Return the same targets in waves of at most `size`, to be rung one after the other."""
        return [
            replace(self, targets=self.targets[at : at + size])
            for at in range(0, len(self.targets), size)
        ]


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What will be tried for one call; decided once, kept with the record, free of secrets."""

    call: str
    "Our id of the call, 32 hexadecimal digits."
    source: str
    destination: str
    from_user: str
    from_name: str
    to_user: str
    offered: tuple[str, ...] | None
    "Catalogue names in the caller's offer, its order; None for an INVITE without SDP."
    vn_a: tuple[str, ...]
    vn_b: tuple[str, ...]
    vn_a_source: str
    vn_b_source: str
    waves: tuple[Wave, ...]
    "Tried one after the other until a target answers."
    bridge_rate_hz: int
    ring_timeout_s: float = 60.0
    max_duration_s: float = MAX_DURATION_S
    max_forwards: int = 69
    notes: tuple[str, ...] = ()
    "What the planner left out, and why."
    vouched: Vouched = field(default_factory=Vouched)
    srtp: Srtp = Srtp.OFF
    "What is asked of the caller's audio."
    claimed: str = ""
    "What the caller's device wrote into From, if the callee is shown something else."
    is_sips: bool = False
    "Whether a sips: URI was dialled: whoever is rung later is reached over TLS alone, too."
    browser: str = ""
    "What people call the browser that calls, if one does: its leg has no list and no codec."
    lab: dict[str, Any] | None = None
    "A call of the codec lab: its case, what was predicted and who placed it."

    def record(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data."""
        record: dict[str, Any] = plain(self)
        return record


BRIDGE_RATES_HZ = (8000, 16000, 48000)


def bridge_rate_hz(
    offered: tuple[str, ...] | None, vn_a: Sequence[str], vn_b: Sequence[str]
) -> int:
    """Return the rate the call's audio is mixed at, in Hz: the lower of what the legs can carry.

    More would only be resampled away again on the other leg. A voice agent has no list; its audio
    is not mixed.
    """
    chosen = negotiate(vn_a, offered).codec if offered is not None else None
    rate_a = CATALOGUE[chosen].audio_rate_hz if chosen else highest_audio_rate_hz(vn_a)
    rate = min(rate_a, highest_audio_rate_hz(vn_b or vn_a))
    return max(step for step in BRIDGE_RATES_HZ if step <= rate)


@dataclass(frozen=True, slots=True)
class PlannedWaves:
    """What is rung, by whose lists it begins, and what was left out."""

    to: str
    "Label of who is rung first: `connection:alice`, `trunk:carrier-one`, `agent:support`."
    waves: tuple[Wave, ...]
    lists: LegLists
    notes: tuple[str, ...] = ()
