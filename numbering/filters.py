"""Which calls a trunk may bring, by who calls and who is called: the first rule that fits. Pure.

A rule is written `allow called +4420.` or `deny caller +881!`, with the patterns of dial plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from numbering.patterns import PATTERN_FORM, Pattern, PatternError

Verdict = Literal["allow", "deny"]
Side = Literal["caller", "called"]
MAX_FILTERS = 200
FILTER_FORM = f"allow or deny, caller or called, and a pattern ({PATTERN_FORM})"


class FilterError(ValueError):
    """A filter that cannot be read; its text names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """One line."""

    verdict: Verdict
    side: Side
    pattern: Pattern

    @property
    def text(self) -> str:
        """The line as it is written."""
        return f"{self.verdict} {self.side} {self.pattern.text}"


def read_filter(text: str) -> CallFilter:
    """Return a filter as people write it. Raises FilterError."""
    words = text.split()
    if len(words) != 3 or words[0] not in ("allow", "deny") or words[1] not in ("caller", "called"):
        raise FilterError(f"{text[:100]!r} is no filter; allowed: {FILTER_FORM}")
    try:
        pattern = Pattern.read(words[2])
    except PatternError as error:
        raise FilterError(str(error)) from error
    return CallFilter(cast("Verdict", words[0]), cast("Side", words[1]), pattern)


def refused_by(filters: Sequence[CallFilter], *, caller: str, called: str) -> str:
    """Return what refuses a call, in words; empty if nothing does.

    Each side is held against its own lines from the top. What no line fits is let through, unless
    a line of that side allows something: then only what is allowed is.
    """
    for side, number in (("caller", caller), ("called", called)):
        lines = [line for line in filters if line.side == side]
        fits = next((line for line in lines if line.pattern.matches(number)), None)
        if fits is not None and fits.verdict == "deny":
            return f"the filter `{fits.text}` refuses {number or 'an unknown number'}"
        if fits is None and any(line.verdict == "allow" for line in lines):
            return f"no filter allows the {side} {number or 'without a number'}"
    return ""
