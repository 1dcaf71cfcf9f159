"""The one shape in which a call is shown: live page, JSON output and channel messages."""

from datetime import UTC, datetime
from typing import Annotated, Literal, NotRequired, TypedDict

from callengine.core.shapes import IsoTime, Most, Within
from callengine.core.silence import Audio
from callengine.core.states import LegState


class SilenceSnapshot(TypedDict):
    """A party that should send audio and does not. Times are ISO 8601 in UTC."""

    since: IsoTime
    last_packet: IsoTime | None
    "None: nothing has arrived at all."
    source: Annotated[str, Most(100)]
    "Where the last packet came from, `HOST:PORT`; empty if nothing has arrived."
    began: Annotated[str, Most(60)]
    "Since when it was to send, in words: `the answer`."
    reports: bool
    "Whether its device is there all the same: RTCP still arrives."
    port: Annotated[int, Within(0, 65535)]
    "Ours, where it should send; 0 if that is not known."
    dropped: bool
    "Whether RTP that did not come from it was dropped on this leg."


class QualitySnapshot(TypedDict):
    """One second's statistics of one leg, as we receive it (RFC 3550 section 6.4).

    Without audio there is nothing to measure: MOS, loss and jitter are None.
    """

    audio: Audio
    mos: float | None
    "Estimated listening MOS, 1.0 to 4.5."
    loss_percent: float | None
    jitter_ms: float | None
    round_trip_ms: float | None
    "None also once no report has renewed it."
    packets_received: int
    packets_sent: int
    packets_due: int
    "How many came in this second or were lost."
    silence: SilenceSnapshot | None
    "Set once a party has been silent long enough to say so."


class LegSnapshot(TypedDict):
    """One leg."""

    name: str
    label: str
    call_id: str
    user_agent: str
    offered: list[str]
    "The peer's list: the caller's offer on A, the callee's answer on B."
    allowed: list[str]
    "Our list on this leg: VN-A or VN-B."
    codec: str | None
    payload_type: int | None
    remote: str
    encryption: str
    "The suite of its SRTP; empty for audio that is not encrypted."
    state: LegState | Literal[""]
    "Empty where it was not asked for, and of records from before it was kept."
    quality: QualitySnapshot | None


class TerminationSnapshot(TypedDict):
    """Why the call ended."""

    by: str
    reason: str
    code: int
    advice: str


class FiguresSnapshot(TypedDict):
    """What a call came to, known at its end."""

    worst_mos_a: float | None
    "None: nothing was measured on the caller's leg."
    worst_mos_b: float | None
    "Of whoever answered."
    post_dial_s: float | None
    "From the INVITE until it rang, sent early media or was answered; None: it never was."
    was_silent: bool
    "Whether a party was silent so long that people were told."


class EventSnapshot(TypedDict):
    """One line of the timeline; one of the same number takes its place."""

    number: int
    "Its place, from 1."
    at: str
    leg: str
    kind: str
    text: str


class MessageSnapshot(TypedDict):
    """One SIP message of a call, masked, between a peer and us."""

    number: int
    "Its place in the ladder, from 1."
    leg: str
    at: str
    offset_s: float
    "Since the first message of the call."
    direction: str
    "`in` or `out`, seen from us; `note` for a remark in place of messages."
    peer: str
    "`transport:host:port`."
    summary: str
    "Request line without the version, or code and phrase."
    cseq: str
    retransmission: bool
    codecs: list[str]
    text: str


class AttemptSnapshot(TypedDict):
    """One address of a trunk's gateway that a call was tried at. Times are ISO 8601 in UTC."""

    leg: str
    trunk: str
    gateway: str
    "Its SIP URI, as it was written down."
    name: str
    "The host name that the address came from; nothing if the gateway is an address."
    target: str
    "`transport:host:port`."
    at: IsoTime
    took_s: float | None
    "Until its final answer, or until it was given up; None: it goes on."
    code: int
    "0: it goes on."
    said: str
    "`503 Service Unavailable`, `no response from udp:192.0.2.7:5060 within 4 s`."


class AgentSnapshot(TypedDict):
    """A voice agent's session: one leg that is no SIP. Times are ISO 8601 in UTC."""

    leg: str
    name: str
    "The agent's."
    dialect: str
    session_id: str
    state: str
    "`connecting`, `opening`, `ready`, `reconnecting` or `ended`."
    moments: dict[str, str]
    "When what came to pass; the words are those of `control.AgentMoment`."
    queue_ms: float
    "Audio of the agent that waits to be played."
    barge_ins: int
    close_code: int | None
    "Of the websocket."
    close_reason: str
    input: str
    "The encoding, caller to agent."
    output: str
    how_in: str
    "What is done to the caller's audio, in words."
    how_out: str
    keeps_transcript: bool


class SpokenSnapshot(TypedDict):
    """One line of what caller and voice agent said; one of the same number takes its place."""

    number: int
    "Its place, from 1."
    at: str
    leg: str
    "The agent's."
    who: str
    "`caller`, `agent`, `tool` or `left-out`."
    text: str
    is_final: bool
    is_interrupted: bool
    "Whether the caller spoke into it, so that not all of it was heard."


class CaptureSnapshot(TypedDict):
    """Packets of a call that are being recorded, or were. Times are ISO 8601 in UTC."""

    key: str
    by: str
    "User name of who asked for it."
    began: IsoTime
    ended: IsoTime | None
    whole: bool
    "With payload."
    max_s: int
    max_bytes: int


class NodeSnapshot(TypedDict):
    """One engine node. Times are ISO 8601 in UTC."""

    name: str
    started: str
    seen: str
    listening: list[str]
    codecs: list[str]
    unavailable_codecs: dict[str, str]
    unconfined: list[str]
    shortages: list[str]
    "What its machine does not give it, and what that bounds."
    calls: int
    max_calls: int


CallSnapshot = TypedDict(
    "CallSnapshot",
    {
        "id": str,
        "started": str,
        "answered": str | None,
        "ended": str | None,
        "from": str,
        "from_name": str,
        "to": str,
        "source": str,
        "destination": str,
        "taken_by": NotRequired[str],
        "state": str,
        "transcoded": bool,
        "legs": list[LegSnapshot],
        "termination": TerminationSnapshot | None,
        "events": list[EventSnapshot],
        "near": NotRequired[str],
        "vn_a_source": str,
        "vn_b_source": str,
        "agents": NotRequired[list[AgentSnapshot]],
        "attempts": NotRequired[list[AttemptSnapshot]],
        "figures": NotRequired[FiguresSnapshot],
        "capture": NotRequired[CaptureSnapshot],
    },
)
"""One call. Times are ISO 8601 in UTC, or None; `id` is the UUID with hyphens. `near` is whose leg
has the caller's place, once the caller has transferred its callee. `taken_by` is who talks to it,
such as an agent's fallback, if that is another than the destination."""


def iso(at: float) -> str:
    """Return a time in Unix seconds as snapshots spell it: ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat()
