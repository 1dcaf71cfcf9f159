"""The form of the codec picker."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from audiocodecs.arranging import Arrangement, StoredList
from audiocodecs.catalogue import CATALOGUE
from audiocodecs.lists import CodecListError, parse_codec_list

EMPTY = (
    "Not saved: nothing is selected, and a list is never saved empty. Move a codec to Selected, "
    "or press {words}."
)


class PickerForm(forms.Form):
    """What a person has arranged, what it was based on, and what is to be done.

    Cleans to `arrangement` (Arrangement), `base` (StoredList) and `do` (str). Only saving insists
    on a list that is not empty.
    """

    do = forms.CharField(max_length=40)
    codec = forms.TypedMultipleChoiceField(
        choices=[(name, name) for name in CATALOGUE],
        required=False,
        error_messages={"invalid_choice": "%(value)s is not a codec known here."},
    )
    follows = forms.BooleanField(required=False)
    force = forms.BooleanField(required=False)
    base = forms.CharField(max_length=400, required=False)

    def __init__(self, *args: Any, has_force: bool, follow_words: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_force, self.follow_words = has_force, follow_words

    def clean_base(self) -> StoredList:
        """Return the list that was stored when the form was shown; see `sip.revisions`."""
        try:
            return StoredList.from_token(self.cleaned_data["base"])
        except CodecListError as error:
            raise ValidationError(str(error), code="invalid") from error

    def clean_codec(self) -> tuple[str, ...]:
        """Return the codecs in order; none may stand twice."""
        names = self.cleaned_data["codec"]
        try:
            return parse_codec_list(names) if names else ()
        except CodecListError as error:
            raise ValidationError(str(error), code="invalid") from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        force = self.has_force and cleaned.get("force", False)
        arrangement = Arrangement(cleaned.get("codec", ()), cleaned.get("follows", False), force)
        cleaned["arrangement"] = arrangement
        if cleaned.get("do") == "save" and not (arrangement.codecs or arrangement.follows):
            self.add_error(None, EMPTY.format(words=f'"{self.follow_words}"'))
        return cleaned

    @property
    def problem(self) -> str:
        """Everything that is wrong, as one text."""
        return " ".join(str(text) for errors in self.errors.values() for text in errors)
