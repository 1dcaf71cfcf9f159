"""Rows whose every change is in the log, however it comes about: pages, API, files, admin.

The log hangs on the saving of the model, below the services. What passes it by (`update`,
`bulk_create`, `bulk_update`) has to stand within `as_one`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from audit.actors import is_asked
from audit.models import AuditAction
from audit.services import is_quiet, record
from audit.values import Changes, Watched, differences, names_of, read, told

WATCHED: dict[type[models.Model], Watched] = {}
_BEFORE = "_audit_before"


def watch(
    model: type[models.Model],
    *,
    secrets: Mapping[str, str] | None = None,
    ignored: Iterable[str] = (),
    covers: Mapping[str, Callable[[Any], Any]] | None = None,
    part_of: str = "",
) -> None:
    """Have every row of a model that is created, changed or deleted in the log."""
    WATCHED[model] = Watched(secrets or {}, frozenset(ignored), covers or {}, part_of)
    uid = f"audit:{model._meta.label_lower}"
    pre_save.connect(_before_saving, sender=model, dispatch_uid=uid)
    post_save.connect(_saved, sender=model, dispatch_uid=uid)
    post_delete.connect(_deleted, sender=model, dispatch_uid=uid)


def watch_members(model: type[models.Model], field: str) -> None:
    """Have it in the log whenever somebody adds to a many-to-many field, or takes from it."""
    through = model._meta.get_field(field).remote_field.through  # type: ignore[union-attr]
    m2m_changed.connect(_members, sender=through, dispatch_uid=f"audit:{model.__name__}.{field}")


def remember(row: models.Model) -> None:
    """Take what is stored of a row now as what it was before the next time it is saved."""
    setattr(row, _BEFORE, _stored(row))


def _stored(row: models.Model) -> dict[str, Any] | None:
    model = type(row)
    names = names_of(model, WATCHED[model])
    return model._base_manager.filter(pk=row.pk).values(*names).first()


def _before_saving(instance: models.Model, raw: bool, **_: Any) -> None:
    if not raw and not is_quiet() and not instance._state.adding and not hasattr(instance, _BEFORE):
        remember(instance)


def _saved(
    sender: type[models.Model],
    instance: models.Model,
    created: bool,
    raw: bool,
    update_fields: frozenset[str] | None,
    **_: Any,
) -> None:
    before = instance.__dict__.pop(_BEFORE, None)
    if raw or is_quiet():
        return
    watched = WATCHED[sender]
    if created:
        changes = differences(sender, watched, {}, told(sender, watched, instance))
        _tell(AuditAction.CREATED, instance, watched, changes)
        return
    if before is None:
        return
    names = [name for name in before if update_fields is None or name in update_fields]
    after = read(instance, names)
    changes = differences(sender, watched, {name: before[name] for name in names}, after)
    if changes:
        _tell(AuditAction.CHANGED, instance, watched, changes)


def _deleted(sender: type[models.Model], instance: models.Model, origin: Any, **_: Any) -> None:
    # What goes with another row is told by that one.
    first = origin if isinstance(origin, models.Model) else getattr(origin, "model", None)
    if is_quiet() or first is not (instance if isinstance(origin, models.Model) else sender):
        return
    watched = WATCHED[sender]
    changes = differences(sender, watched, told(sender, watched, instance), {})
    _tell(AuditAction.DELETED, instance, watched, changes)


def _tell(action: AuditAction, instance: models.Model, watched: Watched, changes: Changes) -> None:
    if not watched.part_of:
        record(action, row=instance, changes=changes)
        return
    whole = getattr(instance, watched.part_of)
    label = str(instance._meta.verbose_name)
    parts: Changes = {
        f"{label}: {name}": {**change, "label": f"{label} {instance}: {change['label']}"}
        for name, change in changes.items()
    }
    record(AuditAction.CHANGED, row=whole, changes=parts, note=f"{action} {label} {instance}")


def _members(
    instance: Any, action: str, model: type[models.Model], pk_set: set[Any] | None, **_: Any
) -> None:
    if action not in ("post_add", "post_remove", "post_clear") or not is_asked() or is_quiet():
        return
    if action != "post_clear" and not pk_set:
        return
    rows = model._default_manager.filter(pk__in=pk_set or ())
    words = {"post_add": "added", "post_remove": "removed", "post_clear": "removed all"}
    plural = str(model._meta.verbose_name_plural)
    names = ", ".join(map(str, rows))
    record(AuditAction.CHANGED, row=instance, note=f"{plural}: {words[action]} {names}".strip())
