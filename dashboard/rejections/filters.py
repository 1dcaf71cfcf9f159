"""What the record of rejections can be asked for."""

from django import forms
from django.http import QueryDict

from dashboard.parts.times import TimesForm
from dashboard.rejections.queries import rule_names
from trunks.validators import plain_number


def _rule_choices() -> list[tuple[str, str]]:
    return [("", "Any rule"), *((rule, rule) for rule in rule_names())]


class RejectionFilterForm(TimesForm):
    """Filters of what was refused."""

    rule = forms.ChoiceField(label="Rule", required=False, choices=_rule_choices)
    source = forms.CharField(
        label="Source address",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "begins with"}),
    )
    user = forms.CharField(
        label="User or number",
        required=False,
        max_length=128,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "begins with"}),
    )
    view = forms.ChoiceField(
        choices=[("", ""), ("each", "")], required=False, widget=forms.HiddenInput
    )

    field_order = ("time", "rule", "source", "user", "since", "until")

    def __init__(self, data: QueryDict) -> None:
        """Ask for the last day unless the query says which time; `time=` is any time."""
        if not data.keys() & {"time", "since", "until"}:
            data = data.copy()
            data["time"] = "day"
        super().__init__(data)

    def clean_user(self) -> str:
        """Take a number as people write it."""
        return plain_number(self.cleaned_data["user"])
