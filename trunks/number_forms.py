"""Forms of numbers and routes, and of the question where a number would go."""

from typing import Any

from django import forms

from audiocodecs.fields import CodecListFormField
from sip.forms import RevisedForm, typed
from trunks.models import Number, Route
from trunks.parties import KINDS, MAX_LENGTH, Kind, NamedParty, find_party
from trunks.validators import NUMBER_FORM, PREFIX_FORM, plain_number


class PartyField(forms.CharField):
    """A connection or a trunk by name; cleans to a NamedParty."""

    def __init__(self, *, kinds: tuple[Kind, ...] = KINDS, **kwargs: Any) -> None:
        self.kinds = kinds
        kwargs.setdefault("max_length", MAX_LENGTH)
        super().__init__(**kwargs)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        # The names to choose from are in a list beside the field.
        bound = super().get_bound_field(form, field_name)
        self.widget.attrs["list"] = f"{bound.id_for_label}_names"
        return bound

    def clean(self, value: Any) -> NamedParty | None:
        text = super().clean(value)
        return find_party(text, kinds=self.kinds) if text else None


class NumberForm(RevisedForm[Number]):
    """A number and the one place its calls go."""

    shown_fields = ("number", "connection", "trunk")
    destination = PartyField(
        label="Goes to",
        widget=typed(),
        help_text="The SIP user of a connection, or the name of a trunk.",
    )

    class Meta:
        model = Number
        fields = ("number",)
        widgets = {"number": typed()}
        help_texts = {"number": f"E.164 with +, an extension or a name: {NUMBER_FORM}."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connection, trunk = self.instance.connection, self.instance.trunk
        if connection is not None:
            self.initial["destination"] = f"connection:{connection.sip_user}"
        elif trunk is not None:
            self.initial["destination"] = f"trunk:{trunk.name}"

    def clean_number(self) -> str:
        """Take a number as people write it."""
        return plain_number(self.cleaned_data["number"])

    def _post_clean(self) -> None:
        party = self.cleaned_data.get("destination")
        if party is not None:
            is_connection = party.kind == "connection"
            self.instance.connection = party.row if is_connection else None
            self.instance.trunk = None if is_connection else party.row
        super()._post_clean()  # type: ignore[misc]


class RouteForm(RevisedForm[Route]):
    """Changes a prefix; which trunks are tried, and in which order, is stored by itself."""

    shown_fields = ("prefix",)

    class Meta:
        model = Route
        fields = ("prefix",)
        widgets = {"prefix": typed()}
        help_texts = {"prefix": f"The longest prefix that fits wins. {PREFIX_FORM.capitalize()}."}

    def clean_prefix(self) -> str:
        """Take a prefix as people write it."""
        return plain_number(self.cleaned_data["prefix"])


class RouteAddForm(RouteForm):
    """A new route with its first trunk: one without any would lead nowhere."""

    trunk = PartyField(
        label="First trunk",
        kinds=("trunk",),
        widget=typed(),
        help_text="The name of the trunk that is tried first; more can be added after.",
    )


class RouteTrunkForm(forms.Form):
    """A trunk to add to a route, tried after those it has."""

    trunk = PartyField(
        label="Add a trunk",
        kinds=("trunk",),
        widget=typed(),
        help_text="The name of a trunk. It is tried last at first.",
    )


class WhereForm(forms.Form):
    """The question where a number would go for a caller."""

    number = forms.CharField(
        label="Dialled number", max_length=128, widget=typed(placeholder="+44 20 7946 0018")
    )
    source = PartyField(
        label="Called by",
        required=False,
        widget=typed(placeholder="somebody unknown"),
        help_text="A SIP user or a trunk. Empty: somebody unknown.",
    )
    offer = CodecListFormField(
        label="Codecs offered",
        required=False,
        widget=typed(placeholder="all"),
        help_text="Such as PCMU, PCMA. Empty: all.",
    )

    def clean_number(self) -> str:
        """Take a number as people write it."""
        return plain_number(self.cleaned_data["number"])
