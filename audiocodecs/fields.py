"""The ordered codec list as a model field and as a form field."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from audiocodecs.lists import ALLOWED, CodecListError, names_in, parse_codec_list
from audiocodecs.widgets import CodecListInput


class CodecListFormField(forms.CharField):
    """Codec names in order, separated by commas or spaces; cleans to a list of names."""

    widget = CodecListInput

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", f"Best first, separated by commas. Known: {ALLOWED}.")
        kwargs.pop("encoder", None)
        kwargs.pop("decoder", None)
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        if isinstance(value, list | tuple):
            return _parsed(value)
        return _parsed(names_in(value or ""))

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return list(initial or []) != self.to_python(data)
        except ValidationError:
            return True


class CodecListField(models.JSONField):
    """An ordered list of catalogue names, stored as JSON.

    With `blank=True` an empty list is allowed and means the platform list. Names are normalised to
    the catalogue's spelling; `clean` and `save` raise ValidationError for anything else.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", list)
        super().__init__(*args, **kwargs)

    def clean(self, value: Any, model_instance: models.Model | None) -> list[str]:
        names = _parsed(value)
        if not names and not self.blank:
            raise ValidationError(self.error_messages["blank"], code="blank")
        return names

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        # The last gate: bulk_create and update() come through here without validation.
        if not hasattr(value, "resolve_expression"):
            value = self.clean(value, None)
        return super().get_db_prep_save(value, connection)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": CodecListFormField, **kwargs})


def _parsed(value: Any) -> list[str]:
    """Return the names as a list; None and empty give an empty list."""
    if value is None or value in ([], ()):
        return []
    try:
        return list(parse_codec_list(value))
    except CodecListError as error:
        raise ValidationError(str(error), code="invalid") from error
