"""Many rows of one table in one statement: SQL of our own, the same for SQLite and PostgreSQL.

Django's models would make an object of each row and compile the statement anew for each batch,
which costs more than the writing itself. What they know of columns is asked of them once.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from django.db import connection, models

from callengine.record.cleaning import MAX_JSON_TEXT, clean_json, text_within
from callengine.record.columns import moment

Fit = Callable[[Any], Any]
OnConflict = Literal["fail", "nothing", "update"]
MAX_TEXT = 2000
"Characters of a text whose column has no bound of its own."
_LONG_TEXT = re.compile(rf'"(?:[^"\\]|\\.){{{MAX_JSON_TEXT + 1},}}"')
_ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])")
"What no database stores: NUL and surrogates, as `json` spells them."


class Table:
    """Columns of a model, and what is made of values so that any database takes them."""

    def __init__(
        self,
        model: type[models.Model],
        *columns: str,
        key: Sequence[str] = (),
        limits: Mapping[str, int] | None = None,
    ) -> None:
        """`key` are the columns of a unique constraint; `limits` bound texts, in characters."""
        self._model, self._columns, self._key = model, columns, key
        self._limits = limits or {}
        self._fitting: tuple[object, list[Fit]] = (None, [])
        "With the operations of the connection that it is for."
        self._statements: dict[tuple[str, ...], str] = {}

    def insert(
        self,
        rows: Iterable[Sequence[Any]],
        *,
        on_conflict: OnConflict = "fail",
        update: Sequence[str] = (),
        of: "Table | None" = None,
        which: str = "",
    ) -> int:
        """Insert rows in the order of the columns; return how many were written.

        `update` names what a row that is there already takes over. With `of`, whose rows the first
        column names, a row is left out if that one is not stored, or is none `which` holds for: a
        condition with one placeholder, for the time that follows the columns in each row.
        """
        owner = ""
        if of is not None:
            condition = f"id = %s AND {which}" if which else "id = %s"
            owner = f"EXISTS (SELECT 1 FROM {of.name} WHERE {condition})"  # noqa: S608 (ours)
        fits, values = self._fits, []
        time = _time_for(connection.ops.adapt_datetimefield_value)
        for row in rows:
            fitted = [fit(value) for fit, value in zip(fits, row, strict=False)]
            if of is not None:
                fitted += [fitted[0], *map(time, row[len(fits) :])]
            values.append(fitted)
        return _executed(self._insertion(on_conflict, update, owner), values)

    def update(self, rows: Iterable[Sequence[Any]], *, setting: str, where: str) -> int:
        """Update with rows of these columns' values, in their order; return how many there were.

        The columns of `where` follow those of `setting`.
        """
        sql = f"UPDATE {self.name} SET {setting} WHERE {where}"  # noqa: S608 (ours)
        fits = self._fits
        return _executed(
            sql, [tuple(fit(value) for fit, value in zip(fits, row, strict=True)) for row in rows]
        )

    @property
    def name(self) -> str:
        """Its name, as SQL has it."""
        return f'"{self._model._meta.db_table}"'

    @property
    def _fits(self) -> list[Fit]:
        """What fits each column's values to the database of this thread's connection."""
        operations, fits = self._fitting
        if operations is not (asked := connection.ops):
            fields = {field.attname: field for field in self._model._meta.concrete_fields}
            fits = [_fit(fields[name], self._limits.get(name)) for name in self._columns]
            self._fitting = asked, fits
        return fits

    def _insertion(self, on_conflict: OnConflict, update: Sequence[str], only_if: str) -> str:
        shape = (on_conflict, *update, only_if)
        if (statement := self._statements.get(shape)) is not None:
            return statement
        values = ", ".join(["%s"] * len(self._columns))
        what = f"SELECT {values} WHERE {only_if}" if only_if else f"VALUES ({values})"
        sql = f"INSERT INTO {self.name} ({_names(self._columns)}) {what}"
        if on_conflict == "nothing":
            sql += " ON CONFLICT DO NOTHING"
        elif on_conflict == "update":
            changes = ", ".join(f'"{name}" = excluded."{name}"' for name in update)
            sql += f" ON CONFLICT ({_names(self._key)}) DO UPDATE SET {changes}"
        self._statements[shape] = sql
        return sql


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _executed(sql: str, rows: Sequence[Sequence[Any]]) -> int:
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)
        return int(cursor.rowcount)


def _fit(field: models.Field[Any, Any], limit: int | None) -> Fit:
    """Return what makes a value one that this thread's connection stores in a column."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(target, models.UUIDField):
        return _as_it_is if connection.features.has_native_uuid_field else _hexadecimal
    if isinstance(target, models.DateTimeField):
        return _time_for(connection.ops.adapt_datetimefield_value)
    if isinstance(target, models.JSONField):
        return json_text
    if isinstance(target, models.CharField | models.TextField):
        return text_within(limit or target.max_length or MAX_TEXT)
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _hexadecimal(value: Any) -> Any:
    """Return a UUID's digits; `str` and `UUID` are taken."""
    return value.hex if hasattr(value, "hex") else value.replace("-", "")


def _time_for(adapt: Callable[[Any], Any]) -> Fit:
    def fit(value: Any) -> Any:
        at = moment(value) if isinstance(value, str) else value
        return None if at is None else adapt(at)

    return fit


def json_text(value: Any) -> str | None:
    """Return JSON that any database stores (`cleaning.clean_json`); None for None."""
    if value is None:
        return None
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(clean_json(value))
    if _ESCAPED.search(text) or (len(text) > MAX_JSON_TEXT and _LONG_TEXT.search(text)):
        return json.dumps(clean_json(value))
    return text
