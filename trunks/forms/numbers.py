"""What a trunk does to numbers, callers and headers."""

from typing import Any

from django import forms

from sip.forms import RevisedForm, typed
from trunks.models import Trunk
from trunks.models.numbers import NUMBER_FIELDS
from trunks.validators import plain_number


class TrunkNumbersForm(RevisedForm[Trunk]):
    """Rewriting rules both ways, who calls, filters and headers."""

    shown_fields = NUMBER_FIELDS

    class Meta:
        model = Trunk
        fields = NUMBER_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.Textarea):
                field.widget.attrs |= {"rows": 4, "spellcheck": "false", "maxlength": 40_000}


class TryNumberForm(forms.Form):
    """A number to see what it would become."""

    number = forms.CharField(
        label="What would it become?", max_length=64, widget=typed(placeholder="020 7946 0018")
    )

    def clean_number(self) -> str:
        """Take a number as people write it."""
        return plain_number(self.cleaned_data["number"])
