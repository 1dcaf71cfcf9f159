"""The base of every schema: what it does not know is refused, and nothing is converted."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

BLANKS = r"\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Controls, and what Python calls white space, for a pattern in the document: what `\\s` means in
JSON Schema, which has it of ECMA-262, lacks U+0085."""


class Strict(BaseModel):
    """Values are taken as they are: `"1"` is no number, false is no volume, null is no name."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Checked:
    """Holds a text against the rule of the model, and says the rule in the document."""

    validate: Callable[[str], object]
    "Raises ValidationError."
    allowed: str
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)
    "What JSON Schema can say of the rule."

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(core), **self.schema}

    def _check(self, value: str) -> str:
        try:
            self.validate(value)
        except ValidationError:
            raise PydanticCustomError(
                "value", "This value is not allowed.", {"allowed": self.allowed}
            ) from None
        return value


def formed(pattern: re.Pattern[str], form: str) -> Checked:
    """Return the check of a whole text by a pattern, which people know as `form`."""

    def validate(value: str) -> None:
        if not pattern.match(value):
            raise ValidationError(form)

    written = pattern.pattern.removeprefix(r"\A").removesuffix(r"\Z")
    return Checked(validate, form, {"pattern": f"^{written}$"})


def one_of(values: Iterable[str]) -> Checked:
    """Return the check of a text that is one of some words."""
    words = [str(value) for value in values]

    def validate(value: str) -> None:
        if value not in words:
            raise ValidationError(words)

    return Checked(validate, ", ".join(words), {"enum": words})
