"""What past calls would have become by other codec lists. Pure: offers and lists in, verdicts out.

A leg whose list stays as it was keeps what happened on it. On the other the rule is asked again:
the caller's offer is on record. The callee makes none; what it has is known from its answer, and
whole only where it called itself, by the same device. Where that does not settle it, nothing is
said of the call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from audiocodecs.negotiation import negotiate


class Hindsight(StrEnum):
    """What a call would have become."""

    PLAIN = "plain"
    "Not transcoded: also a call that nobody answered."
    TRANSCODED = "transcoded"
    DECLINED = "declined"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PastCall:
    """What is on record of a call that matters here; codecs are catalogue names."""

    id: str
    started: datetime
    caller: str
    callee: str
    source: str
    destination: str
    offered: tuple[str, ...] | None
    "The caller's offer; None if it made none."
    vn_a: tuple[str, ...]
    codec_a: str
    codec_b: str
    "Empty: nobody answered, or with nothing that could be used."
    was_answered: bool
    had_no_common_codec: bool
    "Whether it ended because callee and list shared no codec."
    callee_has: frozenset[str] = frozenset()
    callee_lacks: frozenset[str] = frozenset()
    callee_is_known: bool = False
    "Whether the callee has nothing else."
    was_transferred: bool = False


@dataclass(frozen=True, slots=True)
class NewLists:
    """The lists to try; None leaves a leg as it was."""

    vn_a: tuple[str, ...] | None
    vn_b: tuple[str, ...] | None


def judge(call: PastCall, lists: NewLists) -> Hindsight:
    """Return what a call would have become by these lists."""
    vn_a = call.vn_a if lists.vn_a is None else lists.vn_a
    if call.offered is not None and negotiate(vn_a, call.offered).codec is None:
        return Hindsight.DECLINED
    if call.was_transferred:
        return Hindsight.UNKNOWN
    ends = _codec_a(call, lists.vn_a), _codec_b(call, lists.vn_b)
    if Hindsight.DECLINED in ends:
        return Hindsight.DECLINED
    if Hindsight.UNKNOWN in ends and (call.was_answered or call.had_no_common_codec):
        return Hindsight.UNKNOWN
    # A voice agent's leg has no codec.
    is_plain = not call.was_answered or not ends[1] or ends[0] == ends[1]
    return Hindsight.PLAIN if is_plain else Hindsight.TRANSCODED


def _codec_a(call: PastCall, vn_a: tuple[str, ...] | None) -> str:
    """Return the codec of the caller's leg, or UNKNOWN."""
    if call.offered is not None:
        return negotiate(call.vn_a if vn_a is None else vn_a, call.offered).codec or ""
    # It was asked by our offer: only what it took then is known.
    kept = vn_a is None or vn_a[:1] == (call.codec_a,)
    return call.codec_a if call.codec_a and kept else Hindsight.UNKNOWN


def _codec_b(call: PastCall, vn_b: tuple[str, ...] | None) -> str:
    """Return the codec of the callee's leg, or UNKNOWN, or DECLINED."""
    if vn_b is None:
        return Hindsight.DECLINED if call.had_no_common_codec else call.codec_b
    for name in vn_b:
        if name in call.callee_has:
            return name
        if not call.callee_is_known and name not in call.callee_lacks:
            return Hindsight.UNKNOWN
    return Hindsight.DECLINED


@dataclass(frozen=True, slots=True)
class Retold:
    """One call, by the list as it is stored and by another."""

    call: PastCall
    before: Hindsight
    after: Hindsight


@dataclass(frozen=True, slots=True)
class Future:
    """What a list would have made of past calls."""

    calls: tuple[Retold, ...]

    @property
    def told(self) -> tuple[Retold, ...]:
        """Those of which both can be said."""
        return tuple(one for one in self.calls if Hindsight.UNKNOWN not in (one.before, one.after))

    @property
    def untold(self) -> int:
        """How many are not counted."""
        return len(self.calls) - len(self.told)

    @property
    def changed(self) -> tuple[Retold, ...]:
        """Those that would have become something else."""
        return tuple(one for one in self.told if one.before != one.after)

    def count(self, verdict: Hindsight) -> tuple[int, int]:
        """Return how many are this by the stored list, and how many by the other."""
        told = self.told
        return (
            sum(one.before == verdict for one in told),
            sum(one.after == verdict for one in told),
        )


def retell(calls: Sequence[tuple[PastCall, NewLists, NewLists]]) -> Future:
    """Judge each call by the stored list and by the other."""
    return Future(
        tuple(
            Retold(call, judge(call, stored), judge(call, other)) for call, stored, other in calls
        )
    )
