"""A call's timeline in a bounded number of lines: what a peer repeats without end is gathered.

Keys that follow one another become one line that grows. Of everything else so many lines of one
kind are kept, and so many in all; a last line then says how many more there were. Only the line
about the end is always kept, and the last about who listens is true.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from callengine.core.snapshot import EventSnapshot

MAX_LINES = 400
MAX_OF_A_KIND = 100
"So that one party's holds leave room for what else happens."
KEYS = frozenset({"dtmf", "dtmf-refused"})
"Kinds that people repeat by nature; only keys may come between for them to be gathered."
LEFT_OUT, ENDED = "left-out", "ended"
LISTENING, NOBODY_LISTENS = "listening", "listening-over"
"The last line of these kinds says who listens now."


@dataclass(slots=True)
class _Gathered:
    """A line that grows."""

    number: int
    text: str
    at: datetime
    count: int = 1


@dataclass(slots=True)
class Timeline:
    """The lines of one call, numbered from 1 in the order in which they began."""

    count: int = 0
    _of_kind: Counter[str] = field(default_factory=Counter)
    _keys: dict[tuple[str, str, str], _Gathered] = field(default_factory=dict)
    "The lines of keys that may still grow, by kind, leg and text."
    _left_out: _Gathered | None = None
    _who_listens: int = 0
    "The number of the last line about that."

    def add(self, *, at: str, leg: str, kind: str, text: str) -> EventSnapshot:
        """Return the line that is new or has changed; `at` is ISO 8601.

        One that has changed has the number it had, and the time at which it began.
        """
        event = EventSnapshot(number=0, at=at, leg=leg, kind=kind, text=text)
        if kind not in KEYS:
            self._keys.clear()
        elif (line := self._keys.get((kind, leg, text))) is not None:
            return _grown(line, event)
        listens = kind in (LISTENING, NOBODY_LISTENS)
        if kind != ENDED and self._is_full_for(kind):
            return self._in_place(event) if listens else self._leave_out(event)
        self._of_kind[kind] += 1
        event["number"] = self._next_number()
        if listens:
            self._who_listens = event["number"]
        if kind in KEYS:
            began = datetime.fromisoformat(at)
            self._keys[(kind, leg, text)] = _Gathered(event["number"], text, began)
        return event

    def _is_full_for(self, kind: str) -> bool:
        return self.count >= MAX_LINES or self._of_kind[kind] >= MAX_OF_A_KIND

    def _next_number(self) -> int:
        self.count += 1
        return self.count

    def _in_place(self, event: EventSnapshot) -> EventSnapshot:
        """Put a line about who listens in the place of the one before."""
        self._who_listens = self._who_listens or self._next_number()
        return {**event, "number": self._who_listens}

    def _leave_out(self, event: EventSnapshot) -> EventSnapshot:
        if self._left_out is None:
            began = datetime.fromisoformat(event["at"])
            self._left_out = _Gathered(self._next_number(), "", began, count=0)
        line = self._left_out
        line.count += 1
        text = f"And {line.count} more not kept."
        return EventSnapshot(
            number=line.number, at=line.at.isoformat(), leg="", kind=LEFT_OUT, text=text
        )


def _grown(line: _Gathered, event: EventSnapshot) -> EventSnapshot:
    line.count += 1
    span_s = (datetime.fromisoformat(event["at"]) - line.at).total_seconds()
    text = f"{line.text} {line.count} times within {max(span_s, 0.0):.1f} s."
    return {**event, "number": line.number, "at": line.at.isoformat(), "text": text}
