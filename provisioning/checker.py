"""Take typed values out of a file's entries, noting what is wrong with each."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError

from audiocodecs.lists import ALLOWED, CodecListError, parse_codec_list
from provisioning.problems import Problems
from provisioning.reader import Entry

Spec = TypeVar("Spec")

ONE_LINE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,255}\Z")
SECRETIVE = re.compile("pas|pw|secret|key|token|ha1", re.IGNORECASE)
"Part of a key, perhaps misspelt, whose value is not to be shown."
ONE_LINE_FORM = "1 to 255 characters on one line"


class Checker:
    """Read entries of one file. A value that is wrong is noted and read as its default."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def fields(
        self, entry: Entry, keys: Sequence[str], required: Sequence[str] = ()
    ) -> dict[str, Entry]:
        """Return a mapping's entries; only `keys` may stand in it, and `required` must."""
        if not isinstance(entry.value, dict):
            self.problems.add(entry, "not a mapping", allowed="keys " + ", ".join(keys))
            return {}
        for name, item in entry.value.items():
            if name not in keys:
                secret = SECRETIVE.search(name) is not None
                self.problems.add(item, "unknown key", allowed=", ".join(keys), secret=secret)
        for name in required:
            if name not in entry.value:
                self.problems.add(entry, f"the key {name} is missing")
        return {name: item for name, item in entry.value.items() if name in keys}

    def items(self, entry: Entry | None, what: str) -> list[Entry]:
        """Return a list's entries; none if it is missing or no list, which is noted."""
        if entry is None:
            return []
        if not isinstance(entry.value, list):
            self.problems.add(entry, "not a list", allowed=f"a list of {what}")
            return []
        return entry.value

    def section(
        self, entry: Entry | None, what: str, read: Callable[[Entry], Spec]
    ) -> list[Spec] | None:
        """Return what `read` makes of each item; None if the file has no such section."""
        return None if entry is None else [read(item) for item in self.items(entry, what)]

    def part(
        self, entry: Entry | None, keys: Sequence[str], required: Sequence[str] = ()
    ) -> dict[str, Entry]:
        """Return the entries of a mapping that may be missing."""
        return {} if entry is None else self.fields(entry, keys, required)

    def text(
        self,
        entry: Entry | None,
        *,
        pattern: re.Pattern[str] = ONE_LINE,
        form: str = ONE_LINE_FORM,
        secret: bool = False,
    ) -> str:
        """Return text that matches `pattern`; nothing if the entry is missing or wrong."""
        if entry is None:
            return ""
        if not isinstance(entry.value, str):
            # 1001 and +44 are numbers to YAML, and would lose their zeros and their plus.
            what = f"a {_type_name(entry.value)} where text belongs; put it in quotes"
            self.problems.add(entry, what, allowed=form, secret=secret)
            return ""
        if not pattern.match(entry.value):
            self.problems.add(entry, "not allowed here", allowed=form, secret=secret)
            return ""
        return entry.value

    def checked(self, entry: Entry | None, validate: Callable[[str], None]) -> str:
        """Return text that a validator of a model accepts; empty if missing or wrong."""
        value = self.text(entry)
        if entry is not None and value:
            try:
                validate(value)
            except ValidationError as error:
                self.problems.add(entry, "; ".join(error.messages))
                return ""
        return value

    def password(self, entry: Entry | None) -> str | None:
        """Return a password, or None if the entry is missing."""
        return None if entry is None else self.text(entry, secret=True)

    def parsed(
        self, entry: Entry | None, parse: Callable[[list[object]], list[str]], form: str
    ) -> list[str]:
        """Return a list whose items `parse` takes one after the other, noting those it refuses."""
        before: list[str] = []
        for item in self.items(entry, form):
            try:
                before = parse([*before, item.value])
            except ValidationError as error:
                what, _, allowed = "; ".join(error.messages).partition("; allowed: ")
                self.problems.add(item, what, allowed=allowed)
        return before

    def boolean(self, entry: Entry | None) -> bool | None:
        """Return true or false, or None if the entry is missing or wrong."""
        if entry is None or isinstance(entry.value, bool):
            return None if entry is None else entry.value
        self.problems.add(entry, f"a {_type_name(entry.value)}", allowed="true, false")
        return None

    def whole(self, entry: Entry | None, *, minimum: int, maximum: int) -> int | None:
        """Return a whole number, or None if the entry is missing or wrong."""
        if entry is None:
            return None
        value = entry.value
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        allowed = f"a whole number from {minimum} to {maximum}"
        self.problems.add(entry, "not allowed here", allowed=allowed)
        return None

    def codecs(self, entry: Entry | None) -> list[str]:
        """Return a codec list; empty if the entry is missing or wrong."""
        if entry is None:
            return []
        before: list[str] = []
        for item in self.items(entry, f"codecs ({ALLOWED})"):
            try:
                before = list(parse_codec_list([*before, item.value]))
            except CodecListError as error:
                what, _, allowed = str(error).partition("; allowed: ")
                self.problems.add(item, what, allowed=allowed)
        if entry.value == []:
            self.problems.add(entry, "a codec list cannot be empty", allowed=ALLOWED)
        return before

    def plain(self, entry: Entry) -> Any:
        """Return what JSON could hold, without lines and keys; anything else is read as null."""
        value = entry.value
        if isinstance(value, dict):
            return {name: self.plain(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if value is None or isinstance(value, str | int | float):
            return value
        # 2026-01-02 is a date to YAML.
        what = f"a {_type_name(value)} where text belongs; put it in quotes"
        self.problems.add(entry, what, allowed="what JSON can hold")
        return None

    def unique(self, entries: Sequence[tuple[str, Entry]], what: str) -> None:
        """Note every name that stands twice."""
        first: dict[str, Entry] = {}
        for name, entry in entries:
            if name and name in first:
                line = first[name].line
                self.problems.add(entry, f"duplicate {what}; it stands on line {line} already")
            first.setdefault(name, entry)


def _type_name(value: object) -> str:
    names = {bool: "boolean", int: "number", float: "number", dict: "mapping", list: "list"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
