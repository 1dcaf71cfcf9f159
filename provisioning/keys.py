"""Keys of a file that stand for one field of a row each: one line here serves both ways."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from provisioning import yamltext
from provisioning.checker import Checker
from provisioning.reader import Entry

Read = Callable[[Checker, Entry], Any]


@dataclass(frozen=True, slots=True)
class FieldKey:
    """A key, how its value is read, and the field of the model that keeps it."""

    name: str
    read: Read
    field: str = ""
    "Left out: called as the key."
    is_kept: bool = False
    "Whether a row keeps what it has where the key is left out; it is then always written."

    @property
    def column(self) -> str:
        """The model's field."""
        return self.field or self.name


def names(keys: Iterable[FieldKey]) -> tuple[str, ...]:
    """Return the keys as they stand in a file."""
    return tuple(key.name for key in keys)


def values(
    checker: Checker,
    model: type[models.Model],
    keys: Iterable[FieldKey],
    fields: Mapping[str, Entry],
) -> dict[str, Any]:
    """Return the value of each key's field: the file's, or without one the model's default.

    Fields that are kept without their key are left out then.
    """
    return {
        key.column: key.read(checker, fields[key.name])
        if key.name in fields
        else model._meta.get_field(key.column).get_default()  # type: ignore[union-attr]
        for key in keys
        if key.name in fields or not key.is_kept
    }


def written(row: models.Model, keys: Iterable[FieldKey]) -> Iterator[str]:
    """Return `key: value` of each key whose field is not the model's default, or may be kept."""
    for key in keys:
        value = getattr(row, key.column)
        default = row._meta.get_field(key.column).get_default()  # type: ignore[union-attr]
        if value != default or key.is_kept:
            yield f"{key.name}: {_yaml(value)}"


def _yaml(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return yamltext.flow(value)
    return yamltext.value(value)


def whole(minimum: int, maximum: int) -> Read:
    """Read a whole number."""
    return lambda checker, entry: checker.whole(entry, minimum=minimum, maximum=maximum)


def text(pattern: re.Pattern[str], form: str) -> Read:
    """Read text that matches."""
    return lambda checker, entry: checker.text(entry, pattern=pattern, form=form)


def checked(validate: Callable[[str], None]) -> Read:
    """Read text that a validator of a model accepts."""
    return lambda checker, entry: checker.checked(entry, validate)


def choice(words: Sequence[str]) -> Read:
    """Read one of these words."""
    pattern = re.compile(rf"(?:{'|'.join(map(re.escape, words))})\Z")
    return text(pattern, ", ".join(words))


def parsed(parse: Callable[[list[object]], list[str]], form: str) -> Read:
    """Read a list whose items a parser of a model accepts one after the other."""
    return lambda checker, entry: checker.parsed(entry, parse, form)
