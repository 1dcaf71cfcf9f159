"""The negotiation rule: which codec a leg gets, and why. Pure functions, no Django."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class CodecVerdict(StrEnum):
    """What became of one codec when two lists met."""

    CHOSEN = "chosen"
    NOT_OFFERED = "not-offered-by-peer"
    AFTER_MATCH = "after-the-match"
    MATCHED = "as-on-the-other-leg"
    GAVE_WAY = "gave-way-to-the-other-leg"
    NOT_ALLOWED = "not-on-our-list"


@dataclass(frozen=True, slots=True)
class CodecStep:
    """One codec's part in a negotiation."""

    codec: str
    verdict: CodecVerdict

    @property
    def sentence(self) -> str:
        """The verdict in words a person can read."""
        return {
            CodecVerdict.CHOSEN: f"{self.codec} is the first of our list that the peer also has.",
            CodecVerdict.NOT_OFFERED: f"{self.codec} is on our list; the peer does not have it.",
            CodecVerdict.AFTER_MATCH: f"{self.codec} is on both lists, below the one chosen.",
            # What the other leg uses since, when another device has answered, is not said.
            CodecVerdict.MATCHED: f"{self.codec} is on both lists and was chosen to avoid "
            "transcoding: the other leg used it then.",
            CodecVerdict.GAVE_WAY: f"{self.codec} is on both lists, above the one chosen, which "
            "was the other leg's then: this call avoids transcoding.",
            CodecVerdict.NOT_ALLOWED: f"{self.codec} is the peer's; our list does not allow it.",
        }[self.verdict]


@dataclass(frozen=True, slots=True)
class Negotiation:
    """What happened when our list met the peer's; `codec` is None if nothing is shared."""

    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    codec: str | None
    steps: tuple[CodecStep, ...]


def negotiate(
    ours: Sequence[str], theirs: Sequence[str], *, other: str | None = None
) -> Negotiation:
    """Walk our list from the top; the first codec the peer also has is the leg's codec.

    Both lists hold catalogue names. The peer's order does not matter. Where transcoding is avoided,
    `other` is the other leg's codec: it comes first, if both lists have it.
    """
    first = next((name for name in ours if name in theirs), None)
    codec = next((name for name in matching(ours, theirs, other) if name in theirs), None)
    steps = [CodecStep(name, _verdict(name, codec, theirs)) for name in ours]
    if codec != first:
        steps = [_given_way(step, ours, codec) for step in steps]
    steps += [CodecStep(name, CodecVerdict.NOT_ALLOWED) for name in theirs if name not in ours]
    return Negotiation(tuple(ours), tuple(theirs), codec, tuple(steps))


def _verdict(name: str, chosen: str | None, theirs: Sequence[str]) -> CodecVerdict:
    if name == chosen:
        return CodecVerdict.CHOSEN
    return CodecVerdict.AFTER_MATCH if name in theirs else CodecVerdict.NOT_OFFERED


def _given_way(step: CodecStep, ours: Sequence[str], chosen: str | None) -> CodecStep:
    """Return a step as it is where a codec was chosen that is not the first of both lists."""
    if step.verdict is CodecVerdict.CHOSEN:
        return CodecStep(step.codec, CodecVerdict.MATCHED)
    is_above = ours.index(step.codec) < ours.index(chosen or step.codec)
    if step.verdict is CodecVerdict.AFTER_MATCH and is_above:
        return CodecStep(step.codec, CodecVerdict.GAVE_WAY)
    return step


def matching(ours: Sequence[str], theirs: Sequence[str], other: str | None) -> tuple[str, ...]:
    """Return our list as it holds where transcoding is avoided: the other leg's codec first.

    Only a codec that is on both lists is moved, so none is ever added; else the list is as it was.
    """
    if other is None or other not in ours or other not in theirs:
        return tuple(ours)
    return (other, *(name for name in ours if name != other))


@dataclass(frozen=True, slots=True)
class LegLists:
    """The two lists we hold in a call, each with the sentence that says where it comes from."""

    vn_a: tuple[str, ...]
    vn_b: tuple[str, ...]
    vn_a_source: str
    vn_b_source: str
    forced_by: str = ""
    "Name of the Connection that forces its list on the caller, if one does."
    avoids_transcoding: bool = False
    "Whether the caller's leg takes the callee's codec where `vn_a` and the caller have it."


@dataclass(frozen=True, slots=True)
class ConnectionLists:
    """A Connection's lists; an empty one means the platform list."""

    name: str
    inbound: tuple[str, ...] = ()
    outbound: tuple[str, ...] = ()
    force_on_caller: bool = False
    avoids_transcoding: bool = False


@dataclass(frozen=True, slots=True)
class TrunkLists:
    """A Trunk's lists; an empty one means the platform list."""

    name: str
    inward: tuple[str, ...] = ()
    outward: tuple[str, ...] = ()
    avoids_transcoding: bool = False


@dataclass(frozen=True, slots=True)
class AgentLists:
    """A voice agent's list for the caller's leg; an empty one means the platform list."""

    name: str
    codecs: tuple[str, ...] = ()
    untouched: str = ""
    "The codec whose bytes it takes as they are, if there is one."


@dataclass(frozen=True, slots=True)
class SelfTestLists:
    """A test destination has no list: the caller's leg uses whatever the caller's own rule says."""

    name: str


def plan_lists(
    *,
    source: ConnectionLists | TrunkLists | None,
    destination: ConnectionLists | TrunkLists | AgentLists | SelfTestLists,
    platform: Sequence[str],
    avoids_transcoding: bool = False,
) -> LegLists:
    """Return VN-A and VN-B for a call; `source` None is a caller nobody here knows.

    `avoids_transcoding` is the platform's setting: transcoding is avoided if it, the caller's side
    or the callee's says so. A list that is forced is on both legs as it is.
    """
    fallback = tuple(platform)
    avoids = avoids_transcoding or bool(source and source.avoids_transcoding)
    if isinstance(destination, AgentLists):
        return _agent_lists(destination, fallback)
    if isinstance(destination, TrunkLists):
        return LegLists(
            vn_a=destination.inward or fallback,
            vn_b=destination.outward or fallback,
            vn_a_source=_named(f"TRUNK IN of {destination.name}", destination.inward),
            vn_b_source=_named(f"TRUNK OUT of {destination.name}", destination.outward),
            avoids_transcoding=avoids or destination.avoids_transcoding,
        )
    own, own_source = _callers_own(source, fallback)
    if isinstance(destination, SelfTestLists):
        none = f"none: {destination.name} is a test destination"
        return LegLists(vn_a=own, vn_b=(), vn_a_source=own_source, vn_b_source=none)
    vn_b = destination.inbound or fallback
    vn_b_source = _named(f"inbound list of {destination.name}", destination.inbound)
    if destination.force_on_caller:
        forced = f"{vn_b_source}, forced on the caller"
        return LegLists(vn_b, vn_b, forced, vn_b_source, forced_by=destination.name)
    return LegLists(
        vn_a=own,
        vn_b=vn_b,
        vn_a_source=own_source,
        vn_b_source=vn_b_source,
        avoids_transcoding=avoids or destination.avoids_transcoding,
    )


def _callers_own(
    source: ConnectionLists | TrunkLists | None, platform: tuple[str, ...]
) -> tuple[tuple[str, ...], str]:
    """Return VN-A by who calls, where the destination does not decide it, and where it is from."""
    if isinstance(source, ConnectionLists):
        own, name = source.outbound, f"outbound list of {source.name}"
    elif isinstance(source, TrunkLists):
        own, name = source.inward, f"TRUNK IN of {source.name}"
    else:
        own, name = (), "caller"
    return own or platform, _named(name, own)


def _agent_lists(agent: AgentLists, platform: tuple[str, ...]) -> LegLists:
    """Return the agent's list as a person ordered it; none says that untouched bytes go first."""
    first = tuple(name for name in platform if name == agent.untouched)
    rest = tuple(name for name in platform if name != agent.untouched)
    source = _named(f"list of {agent.name}", agent.codecs)
    if first and not agent.codecs:
        source = f"{source}, {agent.untouched} first as {agent.name} takes it untouched"
    return LegLists(
        vn_a=agent.codecs or first + rest,
        vn_b=(),
        vn_a_source=source,
        vn_b_source=f"none: {agent.name} is a voice agent",
    )


def _named(source: str, codecs: tuple[str, ...]) -> str:
    return source if codecs else "platform list"
