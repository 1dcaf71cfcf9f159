"""What is wrong with a provisioning file: where, which key, which value, what is allowed."""

from collections.abc import Iterable
from dataclasses import dataclass

from provisioning.reader import Entry

HIDDEN = "(hidden)"
MAX_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, as one line of what the person is told: `FILE:LINE: KEY = VALUE: WHAT`."""

    file: str
    line: int
    key: str
    value: str
    what: str
    allowed: str = ""

    def __str__(self) -> str:
        subject = " = ".join(part for part in (self.key, self.value) if part)
        text = f"{self.file}:{self.line}: {subject + ': ' if subject else ''}{self.what}"
        return f"{text}; allowed: {self.allowed}" if self.allowed else text


class ProvisionError(Exception):
    """A file that was not applied; nothing was changed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """Collect what is wrong with one file, so that a person sees all of it at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._noted: list[Problem] = []

    def add(self, entry: Entry, what: str, *, allowed: str = "", secret: bool = False) -> None:
        """Note that something is wrong with an entry."""
        value = HIDDEN if secret else display(entry)
        self._noted.append(Problem(self.file, entry.line, entry.key, value, what, allowed))

    def has(self, entry: Entry) -> bool:
        """Return whether something is wrong with this very entry already."""
        return any(one.line == entry.line and one.key == entry.key for one in self._noted)

    def raise_any(self) -> None:
        """Raise ProvisionError if anything was noted."""
        if self._noted:
            raise ProvisionError(sorted(self._noted, key=lambda problem: problem.line))


def display(entry: Entry) -> str:
    """Return the value for a message; of a list or mapping nothing, it may hold passwords."""
    if isinstance(entry.value, dict | list):
        return ""
    return repr(entry.value)[:100]


def listed(names: Iterable[str]) -> str:
    """Return names for a message: the first twenty, and how many more."""
    ordered = sorted(names)
    more = f" and {len(ordered) - MAX_SHOWN} more" if len(ordered) > MAX_SHOWN else ""
    return (", ".join(ordered[:MAX_SHOWN]) or "none yet") + more
