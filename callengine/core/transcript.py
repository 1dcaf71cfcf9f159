"""What caller and voice agent said in a call, in a bounded number of lines. Pure.

A line is replaced by one of its key until it is final. Of a call so many lines are kept, and so
many characters; a last line then says how many more there were.
"""

from dataclasses import dataclass, field

from callengine.core.snapshot import SpokenSnapshot

MAX_LINES = 1000
MAX_CHARACTERS = 200_000
TOOL = "tool"
"Who a line is of that tells of a tool the agent called."
LEFT_OUT = "left-out"


@dataclass(slots=True)
class Transcript:
    """The lines of one call, numbered from 1 in the order in which they began."""

    count: int = 0
    _open: dict[tuple[str, str, str], SpokenSnapshot] = field(default_factory=dict)
    "Lines that may still change, by leg, speaker and key."
    _characters: int = 0
    _left_out: SpokenSnapshot | None = None
    _missed: int = 0
    "Finished lines that were left out."

    def take(self, line: SpokenSnapshot, *, key: str) -> SpokenSnapshot:
        """Return the line that is new or has changed, with its number; it comes with none.

        One that has changed has the number it had, and the time at which it began.
        """
        at = (line["leg"], line["who"], key)
        before = self._open.pop(at, None)
        length = len(before["text"]) if before else 0
        room = MAX_CHARACTERS - self._characters + length
        if before is None and (self.count >= MAX_LINES or room <= 0):
            return self._leave_out(line)
        number, began = (before["number"], before["at"]) if before else (self._next(), line["at"])
        taken: SpokenSnapshot = {
            **line,
            "number": number,
            "at": began,
            "text": line["text"][:room],
        }
        self._characters += len(taken["text"]) - length
        if not taken["is_final"]:
            self._open[at] = taken
        return taken

    def unfinished(self) -> list[SpokenSnapshot]:
        """Return the lines that never became final, as they are; they are now."""
        lines: list[SpokenSnapshot] = [{**line, "is_final": True} for line in self._open.values()]
        self._open.clear()
        return sorted(lines, key=lambda line: line["number"])

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _leave_out(self, line: SpokenSnapshot) -> SpokenSnapshot:
        self._missed += line["is_final"]
        text = f"And {max(self._missed, 1)} more not kept."
        before: SpokenSnapshot
        before = self._left_out or {**line, "number": self._next(), "who": LEFT_OUT}
        self._left_out = {**before, "text": text, "is_final": True, "is_interrupted": False}
        return self._left_out
