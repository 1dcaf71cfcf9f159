"""Lists in pages: so many rows after the one where the last page ended."""

import base64
import binascii
from http import HTTPStatus
from typing import TypeVar

from django.db import models
from django.db.models import QuerySet
from pydantic import BaseModel, Field

from api.rest.errors import refusal

MOST_ROWS = 100
LONGEST_CURSOR = 64
_MARK = "after:"
Row = TypeVar("Row", bound=models.Model)


class Paging(BaseModel):
    """Which part of a list is asked for; a query holds text, so figures are read from it."""

    limit: int = Field(20, ge=1, le=MOST_ROWS, description="Rows of a page.")
    cursor: str = Field(
        "", max_length=LONGEST_CURSOR, description="`next_cursor` of the page before; empty: none."
    )


def page(rows: QuerySet[Row], asked: Paging) -> tuple[list[Row], str | None]:
    """Return the rows of a page, oldest first, and where the next one begins; None: no more.

    Rows that come or go meanwhile move nobody from one page to another. Raises ApiError.
    """
    after, most = _read(asked.cursor) if asked.cursor else 0, asked.limit
    taken = list(rows.filter(pk__gt=after).order_by("pk")[: most + 1])
    return taken[:most], _written(taken[most - 1].pk) if len(taken) > most else None


def _written(pk: int) -> str:
    return base64.urlsafe_b64encode(f"{_MARK}{pk}".encode()).decode().rstrip("=")


def _read(cursor: str) -> int:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        mark, pk = (
            base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").split(":")
        )
        if f"{mark}:" == _MARK and pk.isdigit() and int(pk) < 2**63 and _written(int(pk)) == cursor:
            return int(pk)
    except (binascii.Error, ValueError):
        pass
    raise refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        ("query", "cursor"),
        "This is no cursor of this list.",
        kind="cursor",
        value=cursor,
        allowed="next_cursor of the page before",
    )
