"""Lists of short texts as fields of models and of forms: one line, or one entry a line."""

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ListFormField(forms.CharField):
    """Entries separated by commas or white space; cleans to a list.

    `parse` returns a list as it is kept and raises ValidationError naming what is wrong with it.
    """

    def __init__(self, *, parse: Callable[[Any], list[str]], **kwargs: Any) -> None:
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        super().__init__(**kwargs)
        self.parse = parse

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        if isinstance(value, str):
            value = [item for item in re.split(r"[\s,]+", value) if item]
        return self.parse(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != [item for item in re.split(r"[\s,]+", data or "") if item]


class LinesFormField(ListFormField):
    """One entry a line; cleans to a list."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        lines = (value or "").splitlines() if isinstance(value, str) else value
        return self.parse([line.strip() for line in lines or () if line.strip()])

    def has_changed(self, initial: Any, data: Any) -> bool:
        return "\n".join(initial or []) != (data or "").replace("\r", "").strip()


class ListField(models.JSONField):
    """A list of texts, stored as JSON, as `parse` has normalised it."""

    @staticmethod
    def parse(value: Any) -> list[str]:
        """Return a list as it is kept. Raises ValidationError naming what is wrong with it."""
        raise NotImplementedError

    form_class: type[ListFormField] = ListFormField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", list)
        super().__init__(*args, **kwargs)

    def clean(self, value: Any, model_instance: models.Model | None) -> list[str]:
        return self.parse(value)

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        if not hasattr(value, "resolve_expression"):
            value = self.parse(value)
        return super().get_db_prep_save(value, connection)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": self.form_class, "parse": self.parse, **kwargs})
