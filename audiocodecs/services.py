"""Saving a codec list that more than one person may be editing; owns its transaction."""

from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from audiocodecs.arranging import StoredList


@dataclass(frozen=True, slots=True)
class ListFields:
    """Where a list is stored: the model, its field, and the field of forcing if it has one."""

    model: type[models.Model]
    codecs: str
    force: str = ""

    def read(self, row: models.Model) -> StoredList:
        """Return what a row holds."""
        force = bool(self.force) and bool(getattr(row, self.force))
        return StoredList(tuple(getattr(row, self.codecs)), force)


@transaction.atomic
def save_codec_list(
    *, fields: ListFields, pk: Any, wanted: StoredList, base: StoredList
) -> StoredList | None:
    """Store a list if what is stored is still what the person started from.

    Returns None when it is stored, and else what is stored now: somebody was faster, and nothing
    is written. Raises LookupError if the row is gone.
    """
    row = fields.model._default_manager.select_for_update().filter(pk=pk).first()
    if row is None:
        raise LookupError(f"no {fields.model._meta.verbose_name} has the key {pk!r}")
    now = fields.read(row)
    if now == wanted:
        return None
    if now != base:
        return now
    setattr(row, fields.codecs, list(wanted.codecs))
    written = [fields.codecs]
    if fields.force:
        setattr(row, fields.force, wanted.force)
        written.append(fields.force)
    row.save(update_fields=written)
    return None
