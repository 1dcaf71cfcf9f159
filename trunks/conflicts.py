"""Two people at the same form: nothing is saved over what the person who saves has not seen."""

import json
from collections.abc import Iterable, Sequence

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.crypto import salted_hmac


class ConflictError(Exception):
    """Somebody else changed it since it was shown; the message is for the person who saves."""


def revision(row: models.Model, names: Iterable[str]) -> str:
    """Return a mark of these fields' values; it tells nothing about them."""
    values = [row.serializable_value(name) for name in names]
    return salted_hmac("trunks.revision", json.dumps(values)).hexdigest()[:32]


@transaction.atomic
def save_unless_changed(
    *, row: models.Model, shown: Sequence[str], based_on: str, also: Sequence[str] = ()
) -> None:
    """Write the fields `shown` and `also` of a row if those `shown` are still what a person saw.

    `based_on` is their `revision` as it was shown; empty skips the comparison. Raises
    ConflictError, and ValidationError if another row took a unique value meanwhile.
    """
    stored = type(row)._default_manager.select_for_update().filter(pk=row.pk).first()
    if stored is None:
        raise ConflictError("Not saved: somebody deleted it meanwhile.")
    if based_on and based_on != revision(stored, shown):
        now = "; ".join(f"{_label(row, name)}: {_value(stored, name)}" for name in shown)
        raise ConflictError(
            f"Not saved: somebody else changed this meanwhile. Stored now: {now}. What you typed "
            "is below; save again to put it in place of theirs."
        )
    save(row, fields=(*shown, *also))


def save(row: models.Model, *, fields: Sequence[str] | None = None) -> None:
    """Save a validated row; raises ValidationError if another took a unique value meanwhile."""
    try:
        with transaction.atomic():
            row.save(update_fields=fields)
    except IntegrityError as error:
        raise ValidationError(
            "Not saved: somebody else stored the same value a moment ago.", code="unique"
        ) from error


def _label(row: models.Model, name: str) -> str:
    return str(row._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def _value(row: models.Model, name: str) -> str:
    value = getattr(row, name)
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return str(value or "nothing")
