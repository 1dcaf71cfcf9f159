"""Entries of the audit log as people read them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.models import AuditAction, AuditEntry

NOTHING = "nothing"
_ROUTES = {
    "connections.connection": "connection",
    "trunks.trunk": "trunk",
    "trunks.number": "number",
    "trunks.route": "route",
    "agents.voiceagent": "agent",
    "api.apikey": "api-key",
    "auth.user": "user",
    "callengine.call": "call",
}
"Kind of row -> the name of its page's address."


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One field: what it was and what it became."""

    label: str
    before: str
    after: str
    secret: bool = False

    def __str__(self) -> str:
        return f"{self.label}: changed" if self.secret else self._values()

    def _values(self) -> str:
        return f"{self.label}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry."""

    entry: AuditEntry
    what: str
    "`changed`, `hung up`."
    kind: str
    "`connection`, `trunk`."
    address: str
    "Name of the address of its page, if it may still have one."
    changes: tuple[ChangeLine, ...]

    @property
    def is_new(self) -> bool:
        """Whether there was nothing before."""
        return bool(self.entry.action == AuditAction.CREATED)


def present_entry(entry: AuditEntry, kinds: Mapping[str, str]) -> AuditLine:
    """Return an entry as a line; `kinds` says what people call each kind of row."""
    is_gone = entry.action == AuditAction.DELETED
    return AuditLine(
        entry=entry,
        what=entry.note or str(entry.action),
        kind=kinds.get(entry.kind, entry.kind),
        address="" if is_gone or not entry.key else _ROUTES.get(entry.kind, ""),
        changes=change_lines(entry.changes),
    )


def change_lines(changes: Mapping[str, Mapping[str, Any]]) -> tuple[ChangeLine, ...]:
    """Return what is kept of each field; of a secret that it changed, and nothing else."""
    return tuple(
        ChangeLine(one["label"], "", "", secret=True)
        if one.get("secret")
        else ChangeLine(one["label"], value_text(one.get("before")), value_text(one.get("after")))
        for one in changes.values()
    )


def value_text(value: Any) -> str:
    """Return a value in words: `G722, PCMU`, `yes`, `nothing`."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(value_text(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {value_text(one)}" for name, one in value.items())
    return str(value)
