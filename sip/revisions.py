"""Two people at one row: nothing is saved over what the person who saves has not seen.

Whoever saves says what they saw and what they want, as values or as their `mark`; both are
compared with what is stored, read under a lock that holds until the transaction ends.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.crypto import salted_hmac

MAX_TOLD = 200
"Characters told of one value that somebody else stored."
Row = TypeVar("Row", bound=models.Model)
Value = TypeVar("Value")


class ConflictError(Exception):
    """Somebody else changed it since it was shown.

    `stored` is what it is now, in the shape it was compared in; the text is for the person.
    """

    def __init__(self, text: str, stored: Any = None) -> None:
        super().__init__(text)
        self.stored = stored


def is_news(*, stored: Value, seen: Value, wanted: Value, text: str = "Not saved.") -> bool:
    """Return whether what is wanted is to be written: not if it is stored already.

    Raises ConflictError, with `text`, if what is stored is neither what was seen nor wanted.
    """
    if stored == wanted:
        return False
    if stored != seen:
        raise ConflictError(text, stored)
    return True


def news(
    *, stored: Mapping[str, Any], seen: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return those fields that are to be written, each decided for itself as `is_news` does.

    Raises ConflictError, whose `stored` holds the fields that were lost; then none is written.
    """
    written, lost = {}, {}
    for name, value in wanted.items():
        try:
            if is_news(stored=stored[name], seen=seen.get(name), wanted=value):
                written[name] = value
        except ConflictError:
            lost[name] = stored[name]
    if lost:
        raise ConflictError(f"changed meanwhile: {', '.join(lost)}", lost)
    return written


def mark(row: models.Model, names: Iterable[str]) -> str:
    """Return 32 hexadecimal digits that stand for these fields' values and tell nothing of them."""
    values = [row.serializable_value(name) for name in names]
    return salted_hmac("sip.revisions", json.dumps(values)).hexdigest()[:32]


def locked(model: type[Row], pk: Any) -> Row | None:
    """Return a row that nobody else changes until the transaction ends; None if it is gone."""
    return model._default_manager.select_for_update().filter(pk=pk).first()


@transaction.atomic
def save_unless_changed(
    *, row: models.Model, shown_fields: Sequence[str], seen: str, unseen_fields: Sequence[str] = ()
) -> None:
    """Write these fields of a row if those that are shown are still what a person saw.

    `seen` is their `mark` as it was shown; empty skips the comparison. Raises ConflictError, and
    ValidationError if another row took a unique value meanwhile.
    """
    stored = locked(type(row), row.pk)
    if stored is None:
        raise ConflictError("Not saved: somebody deleted it meanwhile.")
    others = [name for name in shown_fields if getattr(stored, name) != getattr(row, name)]
    now = "; ".join(f"{_label(row, name)}: {_text(stored, name)}" for name in others)
    text = (
        f"Not saved: somebody else changed this meanwhile. Stored now: {now}. What you typed "
        "is below; save again to put it in place of theirs."
    )
    before = mark(stored, shown_fields)
    is_news(stored=before, seen=seen or before, wanted=mark(row, shown_fields), text=text)
    save(row, fields=(*shown_fields, *unseen_fields))


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


def _text(row: models.Model, name: str) -> str:
    value = getattr(row, name)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    elif isinstance(value, list | dict):
        # It may be long, and hold what nobody should read.
        value = f"{len(value)} entries" if value else ""
    text = str(value or "nothing")
    return text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]}..."
