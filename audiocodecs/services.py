"""Saving a codec list; owns its transaction."""

from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from audiocodecs.arranging import StoredList
from sip.revisions import is_news, locked


@dataclass(frozen=True, slots=True)
class ListFields:
    """Where a list is stored: the model, its field, and the field of forcing if it has one."""

    model: type[models.Model]
    codecs: str
    force: str = ""
    follows: str = ""
    "The field of whom a row's list is taken from; meanwhile it changes without the row's doing."

    def read(self, row: models.Model) -> StoredList:
        """Return a row's list; a model without the field of forcing forces nobody."""
        force = bool(self.force) and bool(getattr(row, self.force))
        return StoredList(tuple(getattr(row, self.codecs)), force)


@transaction.atomic
def save_codec_list(*, fields: ListFields, pk: Any, wanted: StoredList, base: StoredList) -> None:
    """Store a list if what is stored is still what the person started from.

    Raises ConflictError, whose `stored` is the StoredList of somebody who was faster, and
    LookupError if the row is gone.
    """
    row = locked(fields.model, pk)
    if row is None:
        raise LookupError(f"no {fields.model._meta.verbose_name} has the key {pk!r}")
    if not is_news(stored=fields.read(row), seen=base, wanted=wanted):
        return
    setattr(row, fields.codecs, list(wanted.codecs))
    written = [fields.codecs]
    if fields.force:
        setattr(row, fields.force, wanted.force)
        written.append(fields.force)
    row.save(update_fields=written)
