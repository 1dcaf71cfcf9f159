"""What the forms of an agent's parts have in common."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, FieldDoesNotExist, ValidationError

from agents.models import VoiceAgent
from sip.forms import RevisedForm

FORMATS = ("input_encoding", "output_encoding")


class OfAgent(forms.ModelForm[VoiceAgent]):
    """A form with some of an agent's fields; what is wrong with another is said above it."""

    def add_error(self, field: str | None, error: Any) -> None:
        if field is None and hasattr(error, "error_dict"):
            error = ValidationError(_placed(error.error_dict, self.fields))
        super().add_error(field, error)


class AgentPart(OfAgent, RevisedForm[VoiceAgent]):
    """Some of an agent's settings; whoever saves them has it say when."""

    @property
    def written(self) -> tuple[str, ...]:
        return (*super().written, "updated_at")


def _placed(
    errors: Mapping[str, list[ValidationError]], fields: Collection[str]
) -> dict[str, list[ValidationError]]:
    """Return errors by the fields that a form has, those of others by none, with their names."""
    placed: dict[str, list[ValidationError]] = {}
    for name, told in errors.items():
        place = "new_secret" if name == "secret" else name
        if place not in fields:
            place, told = NON_FIELD_ERRORS, _named(name, told)
        placed.setdefault(place, []).extend(told)
    return placed


def _named(name: str, errors: Sequence[ValidationError]) -> list[ValidationError]:
    try:
        label = str(VoiceAgent._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    except FieldDoesNotExist:
        return list(errors)
    texts = [text for error in errors for text in error.messages]
    return [ValidationError(f"{label.capitalize()}: {text}") for text in texts]
