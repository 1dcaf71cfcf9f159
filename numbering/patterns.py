"""A small language for numbers, as dial plans write them, read in linear time. Pure.

X is any digit, Z one of 1 to 9, N one of 2 to 9, `.` at the end one or more characters, `!` at the
end none or more; every other character of a number stands for itself. Nothing in it repeats or
looks back, so a hostile number costs no more than its length.
"""

import re
from dataclasses import dataclass

MAX_PATTERN = 64
PATTERN_FORM = (
    "up to 64 of a number's characters, X for 0-9, Z for 1-9, N for 2-9, and at the end . for one "
    "or more of anything or ! for none or more"
)
_PATTERN = re.compile(r"[A-Za-z0-9_+*#\-]{0,63}[A-Za-z0-9_+*#\-.!]\Z")
_CLASSES = {"X": frozenset("0123456789"), "Z": frozenset("123456789"), "N": frozenset("23456789")}


class PatternError(ValueError):
    """A pattern that cannot be read; its text names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a whole number must look like."""

    text: str

    @classmethod
    def read(cls, text: str) -> "Pattern":
        """Return a pattern as people write it. Raises PatternError."""
        if not _PATTERN.match(text):
            raise PatternError(f"{text[:MAX_PATTERN]!r} is no pattern; allowed: {PATTERN_FORM}")
        return cls(text)

    def matches(self, number: str) -> bool:
        """Tell whether a number looks like this."""
        fixed = self.text.rstrip(".!")
        last = self.text[len(fixed) :]
        if len(number) < len(fixed) + (last == ".") or (not last and len(number) > len(fixed)):
            return False
        return all(
            char in _CLASSES.get(wanted, wanted)
            for wanted, char in zip(fixed, number, strict=False)
        )
