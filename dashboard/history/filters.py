"""What the record of calls can be asked for."""

from collections.abc import Iterable

from django import forms

from audiocodecs.arranging import PICKED
from dashboard.history.outcomes import ALL_FAILED, CallOutcome, SoundFilter
from dashboard.parts.times import TimesForm
from trunks.models import Trunk
from trunks.validators import plain_number

MOST_TRUNKS = 500
"Names in the select; further trunks are found by their own pages."


def trunk_names() -> list[tuple[str, str]]:
    """Return choices of trunk names. One query."""
    names: Iterable[str] = Trunk.objects.order_by("name").values_list("name", flat=True)
    return [("", "Any trunk"), *((name, name) for name in names[:MOST_TRUNKS])]  # type: ignore[index]


class CallFilterForm(TimesForm):
    """Filters of the record of calls."""

    number = forms.CharField(
        label="Number or user",
        required=False,
        max_length=128,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "part of a name"}),
    )
    connection = forms.CharField(
        label="Connection",
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "SIP user"}),
    )
    trunk = forms.ChoiceField(label="Trunk", required=False, choices=trunk_names)
    codec = forms.ChoiceField(
        label="Codec, either leg",
        required=False,
        choices=(("", "Any codec"), *((name, name) for name in PICKED)),
    )
    outcome = forms.ChoiceField(
        label="Outcome",
        required=False,
        choices=(("", "Any outcome"), ALL_FAILED, *CallOutcome.choices),
    )

    quality = forms.ChoiceField(
        label="Sound", required=False, choices=(("", "Any sound"), *SoundFilter.choices)
    )

    field_order = (
        *("time", "number", "connection", "trunk", "codec", "outcome", "quality"),
        *("since", "until"),
    )

    def clean_number(self) -> str:
        """Take a number as people write it."""
        return plain_number(self.cleaned_data["number"])

    def clean_connection(self) -> str:
        """Take a SIP user with or without the word for what it is."""
        return str(self.cleaned_data["connection"]).strip().removeprefix("connection:")
