"""What rows hold, as the log keeps it: before and after, secrets as nothing but changed."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

LONGEST = 4000
"Characters of one value as JSON; of a longer one its beginning is kept, as text."
Values = Mapping[str, Any]
Changes = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Watched:
    """What is kept of a model's rows."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    "Field -> what it is called: of these the log says that they changed, and nothing else."
    ignored: frozenset[str] = frozenset()
    covers: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    "Field -> what takes the secrets out of its value."
    part_of: str = ""
    "The field that leads to the row it belongs to, under whose name it is kept."


def read(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    """Return these fields of a row by name; a foreign key as the other row's key."""
    return {name: row.serializable_value(name) for name in names}


def names_of(model: type[models.Model], watched: Watched) -> list[str]:
    """Return the fields that are looked at."""
    return [
        one.name
        for one in model._meta.concrete_fields
        if not one.primary_key and one.name not in watched.ignored
    ]


def differences(
    model: type[models.Model], watched: Watched, before: Values, after: Values
) -> Changes:
    """Return what differs, in the shape of `AuditEntry.changes`; a missing value is None."""
    changes: Changes = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        one = model._meta.get_field(name)
        label = str(getattr(one, "verbose_name", name))
        if name in watched.secrets:
            called = watched.secrets[name]
            changes[called] = {"label": called, "secret": True}
            continue
        cover = watched.covers.get(name, lambda value: value)
        changes[name] = {
            "label": label,
            "before": _kept(one, old, cover),
            "after": _kept(one, new, cover),
        }
    return changes


def told(model: type[models.Model], watched: Watched, row: models.Model) -> dict[str, Any]:
    """Return what a new row, or one that is deleted, holds besides its defaults."""
    values = read(row, names_of(model, watched))
    return {
        name: value
        for name, value in values.items()
        if value not in (None, "", [], {}, False) and value != _default(model, name)
    }


def _default(model: type[models.Model], name: str) -> Any:
    one = model._meta.get_field(name)
    return one.get_default() if isinstance(one, models.Field) else None


def _kept(one: Any, value: Any, cover: Callable[[Any], Any]) -> Any:
    """Return a value as JSON holds it; of a foreign key the name that people know."""
    if value is None:
        return None
    if one.is_relation:
        related = one.related_model._default_manager.filter(pk=value).first()
        return str(related) if related is not None else f"no. {value}, which is gone"
    text = json.dumps(cover(value), cls=DjangoJSONEncoder)
    return json.loads(text) if len(text) <= LONGEST else f"{text[:LONGEST]}... (cut)"
