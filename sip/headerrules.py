"""What becomes of headers that a trunk's calls bring: kept, added, or put on record. Pure.

A rule is written `keep X-Account`, `add X-Line: north`, or `record X-Ticket`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MAX_HEADER_RULES = 20
MAX_VALUE = 200
HEADER_FORM = "keep, add or record, and a name that begins with X-; add also a colon and a value"
_RULE = re.compile(
    r"(?P<what>keep|record|add)\s+(?P<name>X-[A-Za-z0-9-]{1,60})(?:\s*:\s*(?P<value>.+))?\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """One line."""

    what: str
    name: str
    value: str = ""

    @property
    def text(self) -> str:
        """The line as it is written."""
        return (
            f"{self.what} {self.name}: {self.value}" if self.value else f"{self.what} {self.name}"
        )


def read_header_rule(text: str) -> HeaderRule:
    """Return a rule as people write it. Raises ValueError naming it and what is allowed."""
    match = _RULE.match(text.strip()[: 2 * MAX_VALUE])
    if match is None or (match["what"].lower() == "add") != bool(match["value"]):
        raise ValueError(f"{text[:100]!r} is no header rule; allowed: {HEADER_FORM}")
    value = (match["value"] or "").strip()
    if len(value) > MAX_VALUE or not value.isprintable():
        raise ValueError(f"{value[:50]!r}: allowed: up to {MAX_VALUE} characters on one line")
    return HeaderRule(match["what"].lower(), match["name"], value)


def passed_on(rules: Iterable[HeaderRule], heard: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers that the other leg gets; `heard` are the call's, by small names."""
    passed: dict[str, tuple[str, str]] = {}
    for rule in rules:
        value = rule.value if rule.what == "add" else heard.get(rule.name.lower(), "")
        if rule.what != "record" and value:
            passed[rule.name.lower()] = (rule.name, value[:MAX_VALUE])
    return tuple(passed.values())


def put_on_record(
    rules: Iterable[HeaderRule], heard: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return the headers that stand in the record of a call."""
    wanted = {rule.name.lower(): rule.name for rule in rules if rule.what == "record"}
    pairs = ((name, heard.get(key, "")[:MAX_VALUE]) for key, name in wanted.items())
    return tuple((name, value) for name, value in pairs if value)
