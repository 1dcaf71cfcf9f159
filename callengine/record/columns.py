"""Values as columns of the record take them."""

from datetime import UTC, datetime

from django.db.models import Model

from callengine.record.cleaning import clean_text


def fit(model: type[Model], column: str, value: object) -> str:
    """Return text that a database can store in a column of a model, cut to its length."""
    limit = getattr(model._meta.get_field(column), "max_length", None)
    return clean_text(value, limit or 2000)


def moment(text: str | None) -> datetime | None:
    """Return the time that a snapshot spells."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
