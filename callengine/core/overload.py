"""Whether new work is taken, by how late what came before it is. Pure; times in steady seconds.

Lateness, not numbers: a machine that others use is full sooner. Of a queue that stands, not of one
message: what a stall has held up is worked off (`core/standing`). Calls that are up are never asked
for; new calls wait longest and are the first to be refused, then registrations. What is refused is
counted, and told once for a burst: a row for each would be the load that it is to shed.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from callengine.core.outcomes import Rejection
from callengine.core.reasons import Rule
from callengine.core.standing import Queue

CALLS_LATE_S = 0.2
"How late what stands in a queue may be for another call to be taken."
REGISTRATIONS = 2
"So many times as late it may be for another registration."
HOPELESS = 5.0
"""What has waited so many times as long is not worked off: its sender has sent it again twice, and
gives up."""
HOPELESS_PROCESSES = 2.5
"The same of calls that wait for a process: another waits longer than any of them."
RELIEVED = 0.5
"Below this share of it they are taken again: not at once, or the next would be refused."
BURST_ENDS_S = 5.0
"After so long without a refusal the next one begins another burst."
LONGEST_BURST_S = 60.0
"After so long it is told, though it goes on."
LASTS_S = 2.0
"""For so long after a queue has stood, or something was refused, all that is late counts: what
comes is still too much, and a queue would only be left to grow again."""
REPEATED_S = 32.0
"For so long an INVITE is sent again by who has no answer (RFC 3261 timer B)."
MOST_REFUSED = 4096
"Refused INVITEs that are known again; the oldest are forgotten first."
MANY = "many sources"
_PROCESSES = "processes"
"The queue of the calls that no call process has taken yet."


@dataclass(slots=True)
class _Burst:
    began_at: float
    last_at: float
    latest_s: float = 0.0
    calls: int = 0
    registrations: int = 0
    sources: tuple[str, ...] = ()
    "Two at most: more are many."


class Overload:
    """What one engine's edge decides by; `calls_late_s` in place of CALLS_LATE_S."""

    def __init__(self, calls_late_s: float = CALLS_LATE_S) -> None:
        self._calls_late_s = calls_late_s
        self._queues: dict[Hashable, Queue] = {}
        self._stood_at = float("-inf")
        "When a queue stood last, or something was refused."
        self._judged_s = 0.0
        "The lateness by which the last request was judged."
        self._refused: OrderedDict[int, float] = OrderedDict()
        "When each INVITE was refused, by what it is known by."
        self._refuses_calls = self._refuses_registrations = False
        self._burst: _Burst | None = None
        self._told: Rejection | None = None
        self._told_at = float("-inf")

    def observe(self, late_s: float, now: float, queue: Hashable = "") -> None:
        """Take how long what is read now has waited, and in which queue.

        Each is judged alone: one that is always empty says nothing of another that stands.
        """
        if (judged := self._queues.get(queue)) is None:
            hopeless = HOPELESS_PROCESSES if queue == _PROCESSES else HOPELESS
            bound_s = self._calls_late_s
            judged = self._queues[queue] = Queue(bound_s, hopeless * bound_s)
        judged.read(late_s, now)

    def refuses(
        self, method: str, now: float, *, waited_s: float = 0.0, key: int | None = None
    ) -> bool:
        """Tell whether a request that would begin something is refused.

        `waited_s` is how long calls have waited that came and have no call process yet; `key`
        stands for the transaction. An INVITE that was refused is refused when it comes again: its
        sender has the answer by then, and a phone would ring for nobody.
        """
        self.observe(waited_s, now, _PROCESSES)
        late_s = self._judged_s = self._standing_s(now)
        self._refuses_calls = late_s > _bound(self._calls_late_s, self._refuses_calls)
        self._refuses_registrations = late_s > _bound(
            self._calls_late_s * REGISTRATIONS, self._refuses_registrations
        )
        if self._burst is not None:
            self._burst.latest_s = max(self._burst.latest_s, late_s)
        if method == "REGISTER":
            return self._refuses_registrations
        return method == "INVITE" and (self._refuses_calls or self._is_known(key, now))

    def _standing_s(self, now: float) -> float:
        """Return how late we are by the queues that stand; 0 while all are worked off."""
        queues = self._queues.values()
        if any(queue.stands(now) for queue in queues):
            self._stood_at = now
        if now - self._stood_at >= LASTS_S:
            return 0.0
        return max(queue.late_s(now) for queue in queues)

    def _is_known(self, key: int | None, now: float) -> bool:
        at = self._refused.get(key) if key is not None else None
        return at is not None and now - at < REPEATED_S

    def refused(self, method: str, source: str, now: float, *, key: int | None = None) -> None:
        """Count a request that was refused; one that came again is none."""
        if self._refuses_calls:
            self._stood_at = now
        if method == "INVITE" and key is not None:
            if self._is_known(key, now):
                return
            self._refused[key] = now
            self._refused.move_to_end(key)
            if len(self._refused) > MOST_REFUSED:
                self._refused.popitem(last=False)
        burst = self._burst
        if burst is None:
            burst = self._burst = _Burst(now, now, self._judged_s)
        burst.last_at = now
        burst.calls += method == "INVITE"
        burst.registrations += method == "REGISTER"
        if source not in burst.sources:
            burst.sources = (*burst.sources, source)[:2]

    def tell(self, now: float, *, at_once: bool = False) -> Rejection | None:
        """Return the one rejection of a burst that is over, or has lasted long."""
        burst = self._burst
        if burst is None:
            return None
        is_over = now - burst.last_at >= BURST_ENDS_S
        if not (is_over or at_once or now - burst.began_at >= LONGEST_BURST_S):
            return None
        self._burst = None
        self._told, self._told_at = _rejection(burst), now
        return self._told

    def shortage(self, now: float) -> str:
        """Return what a person is told of it, now and for a minute after; empty: all is taken."""
        if self._burst is not None:
            return f"{_counted(self._burst)}, so far; calls that are up go on."
        if self._told is not None and now - self._told_at < LONGEST_BURST_S:
            return self._told.advice
        return ""


def _bound(late_s: float, is_refusing: bool) -> float:
    return late_s * RELIEVED if is_refusing else late_s


def _counted(burst: _Burst) -> str:
    counts = (_many(burst.calls, "call"), _many(burst.registrations, "registration"))
    verb = "was" if burst.calls + burst.registrations == 1 else "were"
    what = " and ".join(filter(None, counts))
    late_ms = round(burst.latest_s * 1000)
    return f"{what} {verb} refused with 503 because the engine was up to {late_ms} ms behind"


def _rejection(burst: _Burst) -> Rejection:
    seconds = max(round(burst.last_at - burst.began_at), 1)
    return Rejection(
        source_address=burst.sources[0] if len(burst.sources) == 1 else MANY,
        user="",
        method="INVITE" if burst.calls else "REGISTER",
        code=503,
        rule=Rule.OVERLOADED,
        advice=(
            f"Within {seconds} s {_counted(burst)}; each was asked to come again in a moment "
            "(Retry-After), and calls that were up went on. If that is more than a rush, see what "
            "else this machine does, have less sent to it, or add an engine."
        ),
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""
