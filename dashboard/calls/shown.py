"""What the pages show, as plain values: made by `presenters`, rendered by the templates."""

import datetime as dt
from dataclasses import dataclass, field

from audiocodecs.chips import Chip
from dashboard.calls.agents import AgentView
from dashboard.parts.shown import Badge


@dataclass(frozen=True, slots=True)
class BridgeView:
    """The bridge at the size of a chip where there is no call: what each leg would have."""

    chip_a: Chip | None
    chip_b: Chip | None
    transcoded: bool
    agent: str = ""
    "Name of the voice agent in place of leg B."
    test: str = ""
    pcm_a: str = ""
    pcm_b: str = ""
    "What a browser's sound is in place of a codec."
    live: bool = False
    silent_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListLine:
    """One codec in one of the four lists."""

    chip: Chip
    mark: str
    "`chosen`, before the answer `expected`, `shared`, `refused`; empty while nothing is decided."
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A line between the two lists of a leg, in pixels from the top left of the gap."""

    y1: int
    y2: int
    chosen: bool
    style: str


@dataclass(frozen=True, slots=True)
class SilenceView:
    """A party that should send audio and does not."""

    what: str
    "What happened: `No audio from the caller`."
    brief: str
    "The same for one line of a list."
    is_first: bool
    "Whether nothing has arrived at all."
    since: dt.datetime
    duration: str = field(compare=False)
    means: str
    "What it means, in a sentence."
    last: dt.datetime | None
    "When the last packet arrived."
    source: str
    "Where it came from."


@dataclass(frozen=True, slots=True)
class QualityView:
    """One second's statistics of one leg, in words; `-` where nothing was measured."""

    mos: str
    badge: Badge
    loss: str
    jitter: str
    round_trip: str
    packets: str
    sample: str = ""
    "MOS, loss in percent and jitter in ms, for the plots; `gap` if nothing was measured."
    silence: SilenceView | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A plot's words: one measure of a leg over the whole call."""

    key: str
    "Its column in the history."
    word: str
    unit: str
    digits: int
    best: str
    worst: str
    average: str


@dataclass(frozen=True, slots=True)
class LegView:
    """One leg on the call page."""

    name: str
    is_a: bool
    title: str
    state: str
    call_id: str
    user_agent: str
    remote: str
    payload_type: int | None
    encryption: str
    "The suite of its SRTP; empty for audio that is not encrypted."
    chip: Chip | None
    will_be: Chip | None
    "Before the answer, what its lists will come to."
    ours_source: str
    theirs: tuple[ListLine, ...]
    ours: tuple[ListLine, ...]
    links: tuple[Link, ...]
    height_px: int
    note: str
    "Why a list is empty, or that nothing is shared."
    quality: QualityView | None
    agent: AgentView | None = None
    "If it leads to a voice agent and not to a phone."
    test: str = ""
    "What is heard, in a sentence, if it is a test destination."
    browser: str = ""
    "What its sound is, if it is a browser and not a phone."
    silence: SilenceView | None = None
    "If it is silent now, and the call goes on."
    measures: tuple[Measure, ...] = ()
    "Without figures in what comes over the websocket: the page has its own by then."


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of the timeline."""

    key: str
    at: dt.datetime
    leg: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TerminationView:
    """Why the call ended, in three pieces."""

    badge: Badge
    what: str
    rule: str
    code: int
    advice: str
    by: str = ""
    "Who ended it, as the record says it."


@dataclass(frozen=True, slots=True)
class CallHead:
    """What a list and the call's own page both show."""

    id: str
    key: str
    "The UUID as 32 hexadecimal digits: safe in an HTML id and a selector."
    caller: str
    caller_name: str
    callee: str
    source: str
    destination: str
    taken_by: str
    "Who talks to the caller, if that is another than the destination; else nothing."
    badge: Badge
    live: bool
    started: dt.datetime
    answered: dt.datetime | None
    ended: dt.datetime | None
    clock_from: dt.datetime
    "Talking time runs from the answer, ringing time from the start."
    duration: str = field(compare=False, repr=False)
    chip_a: Chip | None
    chip_b: Chip | None
    transcoded: bool
    test: str
    "What people call the test destination it went to, if it went to one: its leg has no codec."
    termination: TerminationView | None
    pcm_a: str
    "What a caller's sound is that is a browser: its leg has no codec either."
    pcm_b: str


@dataclass(frozen=True, slots=True)
class CallRow(CallHead):
    """One call in a list; two are equal if a list would show the same."""

    order: str
    "Sorts by start while the call is up, by end after; the newest is the greatest."
    agent: str
    "Name of the voice agent that has it, if one does: its leg has no codec."
    silences: tuple[SilenceView, ...] = ()
    "Who is silent now."
    figures: "RowFigures | None" = field(default=None, compare=False)
    "They come by themselves, once a second: a row is not drawn anew for them."
    post_dial: str = ""
    "From the INVITE until it rang, sent early media or was answered."
    leg_names: tuple[str, str] = ("A", "B")
    "The caller's leg, and that of who talks to it."

    @property
    def silent_names(self) -> tuple[str, ...]:
        """Who is silent now, in words."""
        return tuple(silence.brief for silence in self.silences)


@dataclass(frozen=True, slots=True)
class RowFigures:
    """MOS and loss of both legs for one line; `-` where nothing is measured."""

    mos: tuple[Badge, Badge]
    "The figure, in the tone of its word: the caller's leg, the callee's."
    loss: str
    "The worse of the two; empty where it is not known."
    worst: float | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One address of a gateway that a call was tried at."""

    leg: str
    trunk: str
    target: str
    name: str
    gateway: str
    said: str
    took: str
    tone: str


@dataclass(frozen=True, slots=True)
class RecordingView:
    """That packets of a call are being recorded."""

    by: str
    since: dt.datetime
    whole: bool
    "With payload."


@dataclass(frozen=True, slots=True)
class CallView(CallHead):
    """One call."""

    codec_path: str
    "One sentence: transcoding between which codecs, or not."
    leg_a: LegView | None
    leg_b: LegView | None
    also_rung: tuple[LegView, ...]
    agents_before: tuple[AgentView, ...]
    "Of voice agents that do not have the call any more."
    attempts: tuple[AttemptView, ...]
    "Addresses of gateways, in the order they were tried."
    has_agent: bool
    "Whether one has, had or is to have the call."
    events: tuple[EventView, ...]
    recording: RecordingView | None = None

    @property
    def talking(self) -> tuple[LegView, ...]:
        """The legs that are heard: phones with a codec, browsers, the agent they talk to."""
        legs = (self.leg_a, self.leg_b)
        phones = tuple(
            leg for leg in legs if leg and (leg.chip or leg.browser) and not (leg.agent or leg.test)
        )
        has_agent = phones and self.leg_b is not None and self.leg_b.agent
        return (*phones, self.leg_b) if has_agent and self.leg_b is not None else phones

    @property
    def phones(self) -> tuple[LegView, ...]:
        """The legs that end at a SIP peer."""
        legs = (self.leg_a, self.leg_b)
        return tuple(
            leg for leg in legs if leg and not leg.agent and not leg.test and not leg.browser
        )

    @property
    def agent(self) -> str:
        """Name of the voice agent that has the call, if one does."""
        return self.leg_b.agent.name if self.leg_b and self.leg_b.agent else ""

    @property
    def silent_names(self) -> tuple[str, ...]:
        """Legs that are silent now."""
        return tuple(leg.name for leg in (self.leg_a, self.leg_b) if leg and leg.silence)

    @property
    def keeps_no_transcript(self) -> bool:
        """Whether nothing of what is said to its agents is kept."""
        own = (self.leg_b.agent,) if self.leg_b and self.leg_b.agent else ()
        told = (*self.agents_before, *own)
        return bool(told) and not any(agent.keeps_transcript for agent in told)

    @property
    def title(self) -> str:
        """`+1 202 555 0100 to alice`, for headings and window titles."""
        return f"{self.caller_name or self.caller} to {self.callee}"
