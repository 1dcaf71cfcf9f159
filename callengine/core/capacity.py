"""How many calls those nobody knows, and each trunk, may take; the last slots are for our own.

Pure: time comes in as `now`, in seconds of any steady clock.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from callengine.core.directory import Destination, Source, TrunkEntry
from callengine.core.reasons import Rule

MINUTE_S = 60.0
MAX_SOURCES = 10_000


@dataclass(frozen=True, slots=True)
class CapacityLimits:
    """What one engine grants; a source is an IPv4 address, an IPv6 /64 network or a trunk."""

    max_calls: int = 100
    reserved_calls: int = 10
    "Slots at the end that no external caller gets."
    external_calls: int = 50
    "At once, from one source."
    external_calls_per_minute: int = 300
    trunk_calls_per_minute: int = 12000


@dataclass(frozen=True, slots=True)
class Load:
    """What is going on when a call arrives."""

    calls: int
    "Live calls of the engine."
    of_source: int
    "Those of them from the same source."
    last_minute: int
    "Calls the source was let begin in the last minute."


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why there is no room for a call now."""

    code: int
    rule: Rule
    advice: str
    retry_after_s: int


def shortage(source: Source, load: Load, limits: CapacityLimits) -> Shortage | None:
    """Return why a source may not begin another call now, or None if it may."""
    if source.kind == "trunk":
        return _too_fast(source, load, limits.trunk_calls_per_minute, "VOIPNUMBER_TRUNK")
    if source.kind != "external":
        return None
    if load.of_source >= limits.external_calls:
        return Shortage(
            503,
            Rule.EXTERNAL_CALLS_REACHED,
            f"{source.address} has {load.of_source} calls up, as many as one unauthenticated "
            "source may have. If it is a carrier, put it on a trunk's access list; a phone should "
            "register. VOIPNUMBER_EXTERNAL_CALLS raises the limit.",
            5,
        )
    # Once every slot is taken, that is the reason, for everybody.
    if limits.max_calls - limits.reserved_calls <= load.calls < limits.max_calls:
        return Shortage(
            503,
            Rule.RESERVED_FOR_AUTHENTICATED,
            f"{load.calls} of {limits.max_calls} calls are up and the last {limits.reserved_calls} "
            f"are kept for callers who authenticate; {source.address} does not. Raise "
            "VOIPNUMBER_MAX_CALLS, or lower VOIPNUMBER_RESERVED_PERCENT.",
            5,
        )
    return _too_fast(source, load, limits.external_calls_per_minute, "VOIPNUMBER_EXTERNAL")


def _too_fast(source: Source, load: Load, per_minute: int, setting: str) -> Shortage | None:
    if load.last_minute < per_minute:
        return None
    who = f"The trunk {source.trunk.name}" if source.trunk else source.address
    return Shortage(
        503,
        Rule.CALLS_PER_MINUTE_REACHED,
        f"{who} began {load.last_minute} calls within a minute, as many as it may. Look for a "
        f"loop or an attack behind it, or raise {setting}_CALLS_PER_MINUTE.",
        30,
    )


def is_full(trunk: TrunkEntry, in_progress: Mapping[str, int]) -> bool:
    """Tell whether a trunk has as many calls as it may; these are counted by label."""
    limit = trunk.concurrent_calls
    return limit is not None and in_progress.get(f"trunk:{trunk.name}", 0) >= limit


def full_trunks(destination: Destination, in_progress: Mapping[str, int]) -> set[str]:
    """Return the names of a destination's trunks that have as many calls as they may."""
    return {trunk.name for trunk in destination.all_trunks() if is_full(trunk, in_progress)}


def no_trunk_left(*names: str) -> tuple[Rule, str]:
    """Return rule and advice for a call whose trunks are full."""
    have, them = ("has", "its") if len(names) == 1 else ("have", "their")
    return (
        Rule.TRUNK_CALLS_REACHED,
        f"{', '.join(names)} {have} as many calls as allowed. Raise {them} concurrent calls, or "
        "wait for one to end.",
    )


class RecentCalls:
    """When each source began its calls of the last minute; bounded in sources and calls.

    Or of another span, `window_s`.
    """

    def __init__(self, most: int, *, window_s: float = MINUTE_S) -> None:
        self._most = most
        self._window_s = window_s
        self._begun: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, source: str, now: float) -> int:
        """Return how many calls a source began in the window."""
        begun = self._begun.get(source)
        if begun is None:
            return 0
        while begun and now - begun[0] >= self._window_s:
            begun.popleft()
        return len(begun)

    def counts(self, now: float) -> dict[str, int]:
        """Return how many calls each source began in the window, if any."""
        recent: dict[str, int] = {}
        for source in reversed(self._begun):  # the last one that began a call comes first
            if not (count := self.count(source, now)):
                break
            recent[source] = count
        return recent

    def note(self, source: str, now: float) -> None:
        """Note that a source begins a call."""
        begun = self._begun.setdefault(source, deque(maxlen=self._most))
        begun.append(now)
        self._begun.move_to_end(source)
        if len(self._begun) > MAX_SOURCES:
            self._begun.popitem(last=False)
