"""Form fields of an agent's lists and mappings: JSON, or one entry a line."""

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from dashboard.agents import jsontext

Validate = Callable[[Any], None]
MAX_LENGTH = 100_000
"Characters typed into one field; what may be stored of them is less."


def text_area(rows: int, **attributes: str) -> forms.Textarea:
    """Return an area for what no browser should correct."""
    plain = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
    return forms.Textarea(attrs={"rows": rows, **plain, **attributes})


class _TextOf(forms.CharField):
    """Text that cleans to something else; the model's validator says what that may be."""

    empty: Callable[[], Any]
    "Makes what nothing at all cleans to."

    def __init__(self, *, validate: Validate, rows: int, **options: Any) -> None:
        self.validate_value = validate
        # Django's number of tools and the like is a validator's own business.
        options |= {"required": False, "max_length": MAX_LENGTH, "widget": text_area(rows)}
        super().__init__(**options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return self.read(text) if text else self.empty()

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(self.prepare_value(initial), data))

    def read(self, text: str) -> Any:
        """Return what a text holds. Raises ValidationError that names a line."""
        raise NotImplementedError

    def check(self, value: Any, line_of: Callable[[str], int | None]) -> Any:
        """Return a value that is allowed; else say on which line it is not."""
        try:
            self.validate_value(value)
        except ValidationError as error:
            raise _at_line(error, line_of) from error
        return value


def _at_line(error: ValidationError, line_of: Callable[[str], int | None]) -> ValidationError:
    params = error.params or {}
    way = str(params.get("place", "")).removesuffix(": ")
    line = line_of(way)
    text = " ".join(error.messages)
    said = f"Line {line}: {text}" if line else text
    return ValidationError(said.replace("%", "%%"), code=error.code, params=params)


class JsonTextField(_TextOf):
    """JSON; errors name line and key."""

    def __init__(self, *, empty: Callable[[], Any], **options: Any) -> None:
        self.empty = empty
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""

    def read(self, text: str) -> Any:
        try:
            value = jsontext.read(text)
        except jsontext.JsonTextError as error:
            raise ValidationError(str(error), code="invalid") from error
        return self.check(value, lambda way: jsontext.lines(text).get(way))


class TermLinesField(_TextOf):
    """Words and phrases, one a line."""

    empty = list

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(map(str, value or ()))

    def read(self, text: str) -> Any:
        rows = _rows(text)
        index_lines = {f"[{index}]": line for index, (line, _) in enumerate(rows)}
        return self.check([row for _, row in rows], index_lines.get)


class HeaderLinesField(_TextOf):
    """SIP headers, one a line, each with the name of the parameter it becomes."""

    empty = dict

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return "\n".join(f"{header}: {name}" for header, name in (value or {}).items())

    def read(self, text: str) -> Any:
        headers: dict[str, str] = {}
        header_lines: dict[str, int] = {}
        for line, row in _rows(text):
            header, colon, name = (part.strip() for part in row.partition(":"))
            if not colon or not name:
                text = f"Line {line}: write a SIP header and a parameter: X-Customer: customer_id"
                raise ValidationError(text, code="invalid")
            if header in headers:
                raise ValidationError(f"Line {line}: {header} is named twice.", code="duplicate")
            headers[header], header_lines[header] = name, line
        return self.check(headers, header_lines.get)


def _rows(text: str) -> list[tuple[int, str]]:
    """Return the lines that hold something, each with its number."""
    numbered = enumerate(text.split("\n"), start=1)
    return [(number, line.strip()) for number, line in numbered if line.strip()]
