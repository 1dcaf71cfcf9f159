"""Forms that two people may have open at once; what they saw is compared by `sip.revisions`."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from sip import srtp
from sip.revisions import mark

Row = TypeVar("Row", bound=models.Model)


def typed(**attributes: str) -> forms.TextInput:
    """Return an input for what no browser should complete, capitalise or correct."""
    return forms.TextInput(
        attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"} | attributes
    )


def srtp_field(help_text: str) -> forms.ChoiceField:
    """Return the field of what is asked of a peer's audio; nothing chosen leaves it as it is."""
    return forms.ChoiceField(
        label="SRTP", required=False, choices=srtp.CHOICES, help_text=help_text
    )


class SrtpKept:
    """A form with a field `srtp_field`."""

    cleaned_data: dict[str, Any]
    instance: Any

    def clean_srtp(self) -> str:
        """Keep what it was where nothing was chosen."""
        return str(self.cleaned_data["srtp"] or self.instance.srtp)


class RevisedForm(forms.ModelForm[Row]):
    """A form with a mark of all that was shown in it: it is saved as a whole or not at all."""

    revision = forms.CharField(required=False, max_length=32, widget=forms.HiddenInput)
    shown_fields: ClassVar[tuple[str, ...]]
    "Model fields a person sees and may overwrite."
    unseen_fields: ClassVar[tuple[str, ...]] = ()
    "Model fields that are written with them, if the form changes them."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loaded = {name: getattr(self.instance, name) for name in self.unseen_fields}
        if self.instance.pk is not None:
            self.initial["revision"] = mark(self.instance, self.shown_fields)

    @property
    def written(self) -> tuple[str, ...]:
        """Those of `unseen_fields` that this form changes; no revision tells of them.

        Written back as it was loaded, one would undo what somebody else set meanwhile.
        """
        return tuple(
            name
            for name in self.unseen_fields
            if getattr(self.instance, name) != self._loaded[name]
        )

    def renew(self) -> None:
        """Take what is stored now as seen: the person has been told of it."""
        stored = type(self.instance)._default_manager.filter(pk=self.instance.pk).first()
        seen = mark(stored, self.shown_fields) if stored else ""
        self.data = {**self.data.dict(), self.add_prefix("revision"): seen}  # type: ignore[attr-defined]


class FieldwiseForm(forms.ModelForm[Row]):
    """A form whose every field carries what was shown in it: only what is changed is written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = True

    @property
    def changes(self) -> dict[str, Any]:
        """What this person changed."""
        return {name: self.cleaned_data[name] for name in self.changed_data}

    @property
    def seen(self) -> dict[str, Any]:
        """What this person saw in the fields that were changed."""
        return {name: self._seen(name) for name in self.changed_data}

    def _seen(self, name: str) -> Any:
        text = self.data.get(self[name].html_initial_name, "")
        try:
            return self.fields[name].to_python(text)
        except ValidationError:
            return text

    def show_conflict(self, stored: Mapping[str, Any]) -> None:
        """Say what others stored meanwhile; saved again, the form is based on that."""
        data = {name: self.data[name] for name in self.data}
        for name, value in stored.items():
            plain = self.fields[name].prepare_value(value)
            data[self[name].html_initial_name] = "" if plain is None else str(plain)
            value = str(value) if isinstance(value, models.Model) else value
            value = plain if isinstance(value, list) else value
            display = {True: "on", False: "off", None: "nothing", "": "nothing"}.get(value, value)
            text = f"Somebody else changed this to {display!r} meanwhile. Save again to put yours "
            self.add_error(name, f"{text}in its place.")
        self.data = data
