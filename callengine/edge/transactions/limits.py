"""Bounds on what a flood can make us store: rejections per source, challenges nobody answered."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from callengine.core.outcomes import Rejection
from callengine.core.reasons import Rule

WINDOW_S = 60.0
MAX_SOURCES = 2000
MAX_PER_MINUTE_IN_ALL = 600


@dataclass(slots=True)
class _Window:
    started: float
    passed: int
    held_back: int
    last: Rejection


class RejectionGate:
    """Lets the first rejections of a source and rule through, then one summary a minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()
        self._in_all = 0
        self._minute = 0.0
        self._unlisted = 0
        self._told = -WINDOW_S

    def admit(self, rejection: Rejection, now: float) -> bool:
        """Tell whether to store this one now; `now` in seconds of any steady clock."""
        if now - self._minute >= WINDOW_S:
            self._minute, self._in_all = now, 0
        key = (rejection.source_address, rejection.rule)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= MAX_SOURCES:
                self._unlisted += 1
                return False
            window = self._windows[key] = _Window(now, 0, 0, rejection)
        if window.passed >= self._per_minute or self._in_all >= MAX_PER_MINUTE_IN_ALL:
            window.held_back += 1
            window.last = rejection
            return False
        window.passed += 1
        self._in_all += 1
        return True

    def summaries(self, now: float) -> Iterator[Rejection]:
        """Yield one rejection for each minute that had more than its share, and forget it."""
        if self._unlisted and now - self._told >= WINDOW_S:
            count, self._unlisted, self._told = self._unlisted, 0, now
            advice = (
                f"{count} more requests of sources without number were refused and are not listed "
                "one by one. Somebody floods with invented addresses; stop it at the firewall."
            )
            yield Rejection("many sources", "", "", 0, Rule.TOO_MANY_SOURCES, advice)
        while self._windows:
            key, window = next(iter(self._windows.items()))
            if now - window.started < WINDOW_S:
                return
            del self._windows[key]
            if window.held_back:
                yield replace(
                    window.last,
                    advice=f"{window.held_back} more requests like this one came from "
                    f"{window.last.source_address} within a minute and were not listed one by one. "
                    + window.last.advice,
                )


@dataclass(frozen=True, slots=True)
class _Challenge:
    at: float
    rejection: Rejection


class ChallengeWatch:
    """Remembers challenges until they are answered or become a rejection."""

    def __init__(self, answer_s: float) -> None:
        self._answer_s = answer_s
        self._open: OrderedDict[tuple[str, str], _Challenge] = OrderedDict()
        self._gave_up: OrderedDict[tuple[str, str], None] = OrderedDict()

    def gave_up(self, source_address: str, user: str) -> bool:
        """Tell whether this user's phone there left an earlier challenge unanswered."""
        return (source_address, user) in self._gave_up

    def issued(self, rejection: Rejection, now: float) -> None:
        """Note a challenge; `rejection` is what it becomes if nobody answers."""
        key = (rejection.source_address, rejection.call_id)
        if len(self._open) < MAX_SOURCES and key not in self._open:
            self._open[key] = _Challenge(now, rejection)

    def answered(self, source_address: str, call_id: str) -> None:
        """Note that credentials came, right or wrong."""
        self._open.pop((source_address, call_id), None)

    def unanswered(self, now: float) -> Iterator[Rejection]:
        """Yield what nobody answered in time."""
        while self._open:
            key, challenge = next(iter(self._open.items()))
            if now - challenge.at < self._answer_s:
                return
            del self._open[key]
            self._gave_up[challenge.rejection.source_address, challenge.rejection.user] = None
            if len(self._gave_up) > MAX_SOURCES:
                self._gave_up.popitem(last=False)
            yield challenge.rejection
