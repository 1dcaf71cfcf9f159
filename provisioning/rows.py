"""Write rows that differ from what a file says, and tell what became of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from agents.models import VoiceAgent
from audiocodecs.models import PlatformSettings
from connections.models import Connection
from connections.templates import lock_templates
from trunks.models import Trunk


@dataclass(frozen=True, slots=True)
class RowChange:
    """What became of one row; the values are left out, as some are secrets."""

    action: str
    "`create`, `update` or `delete`."
    kind: str
    name: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        details = f": {', '.join(self.fields)}" if self.fields else ""
        return f"{self.action} {self.kind} {self.name}{details}"


@dataclass(slots=True)
class Outcome:
    """What applying a file did, or with `dry_run` would do."""

    changes: list[RowChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    "Sentences about what a person still has to do."


class Rows:
    """What the database holds while a file is applied, by the names that files use."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.connections = {row.sip_user: row for row in Connection.objects.all()}
        self.templates = {row.name: row for row in lock_templates()}
        self.trunks = {row.name: row for row in Trunk.objects.all()}
        self.agents = {row.name: row for row in VoiceAgent.objects.all()}
        self._told: set[tuple[str, str]] = set()

    def target(self, kind: str, name: str) -> models.Model:
        """Return the connection, trunk or agent of a name; it is there, which was checked."""
        rows: dict[str, Mapping[str, models.Model]] = {
            "connection": self.connections,
            "trunk": self.trunks,
            "agent": self.agents,
        }
        return rows[kind][name]

    def agent_pk(self, name: str) -> int | None:
        """Return the key of a voice agent; none of no name."""
        return self.agents[name].pk if name else None

    def template_pk(self, name: str) -> int | None:
        """Return the key of a connection template; none of no name."""
        return self.templates[name].pk if name else None

    def store(self, row: models.Model, kind: str, name: str, changed: tuple[str, ...]) -> None:
        """Store a new row, or these fields of another one."""
        if row._state.adding:
            row.save(force_insert=True)
            self._tell(RowChange("create", kind, name))
        elif changed:
            row.save(update_fields=changed)
            self._tell(RowChange("update", kind, name, _readable(row, changed)))

    def stored_part(self, kind: str, name: str, part: str) -> None:
        """Tell that what hangs on a row changed, unless a change of that row is told already."""
        if (kind, name) not in self._told:
            self._tell(RowChange("update", kind, name, (part,)))

    def store_platform(self, row: PlatformSettings, changed: tuple[str, ...]) -> None:
        """Store what changed of the platform's settings."""
        # A missing row is one with the defaults: only what differs from them makes it.
        if changed:
            row.save()
            self._tell(RowChange("update", "settings", "of the platform", changed))

    def tell_music(self, action: str, name: str) -> None:
        """Tell that other music is heard on hold."""
        self._tell(RowChange(action, "music on hold", name))

    def prune(
        self, model: type[models.Model], kind: str, column: str, keep: set[str] | None
    ) -> None:
        """Delete the rows that a section does not name; none if the file has no such section."""
        if keep is None:
            return
        for row in model._default_manager.all():
            name = str(getattr(row, column))
            if name not in keep:
                row.delete()
                self._tell(RowChange("delete", kind, name))

    def _tell(self, change: RowChange) -> None:
        self.outcome.changes.append(change)
        self._told.add((change.kind, change.name))


def set_values(row: models.Model, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Set attributes and return the names of those that changed."""
    changed = tuple(name for name, value in values.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, values[name])
    return changed


def _readable(row: models.Model, columns: Iterable[str]) -> tuple[str, ...]:
    """Return columns as a person calls them; the hashes of a password are one thing."""
    names = (
        "password"
        if "ha1" in name or name == "out_password"
        else str(row._meta.get_field(name).name)
        for name in columns
    )
    return tuple(dict.fromkeys(names))
