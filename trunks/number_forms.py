"""Forms of numbers and routes, and of the question where a number would go."""

from typing import Any

from django import forms

from audiocodecs.fields import CodecListFormField
from sip.forms import RevisedForm, typed
from sip.selftests import DIALLED_FORM
from trunks.models import Number, Route
from trunks.parties import (
    KINDS,
    MAX_LENGTH,
    PLACES,
    Kind,
    NamedParty,
    find_party,
    in_words,
    leads_to,
)
from trunks.validators import NUMBER_FORM, PREFIX_FORM, plain_number

CHOSEN = "_chosen"
"Ends the name of the select that stands beside a party's text where there is no JavaScript."


class PartyInput(forms.TextInput):
    """A text with names to choose from; what is chosen without JavaScript takes its place."""

    def __init__(self, **attributes: str) -> None:
        super().__init__(typed(**attributes).attrs)

    def use_required_attribute(self, initial: Any) -> bool:
        """Let a browser send it empty: a name may be chosen instead."""
        return False

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(f"{name}{CHOSEN}") or data.get(name)


class PartyField(forms.CharField):
    """A connection, a trunk, a voice agent or a test destination; cleans to a NamedParty."""

    widget = PartyInput

    def __init__(self, *, kinds: tuple[Kind, ...] = KINDS, **kwargs: Any) -> None:
        self.kinds = kinds
        kwargs.setdefault("max_length", MAX_LENGTH)
        super().__init__(**kwargs)

    def clean(self, value: Any) -> NamedParty | None:
        text = super().clean(value)
        return find_party(text, kinds=self.kinds) if text else None

    def prepare_value(self, value: Any) -> Any:
        """Write what an address of a page has, such as `connection:alice`, as people read it."""
        return in_words(value, kinds=self.kinds) if isinstance(value, str) else value


class NumberForm(RevisedForm[Number]):
    """A number and the one place its calls go."""

    shown_fields = ("number", *KINDS, "selftest")
    destination = PartyField(
        label="Goes to",
        kinds=PLACES,
        widget=PartyInput(),
        help_text="A connection by its SIP user or name, a trunk or a voice agent by its name, "
        f"or a test: {DIALLED_FORM}.",
    )

    class Meta:
        model = Number
        fields = ("number",)
        widgets = {"number": typed()}
        help_texts = {"number": f"E.164 with +, an extension or a name: {NUMBER_FORM}."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (party := leads_to(self.instance)) is not None:
            self.initial["destination"] = party.words

    def clean_number(self) -> str:
        """Take a number as people write it."""
        return plain_number(self.cleaned_data["number"])

    def _post_clean(self) -> None:
        party = self.cleaned_data.get("destination")
        if party is not None:
            for kind in KINDS:
                setattr(self.instance, kind, party.row if kind == party.kind else None)
            self.instance.selftest = party.key if party.kind == "test" else ""
        super()._post_clean()  # type: ignore[misc]


class RouteForm(RevisedForm[Route]):
    """Changes a prefix and its last resort; the trunks in their order are stored by themselves."""

    shown_fields = ("prefix", "last_resort_agent")
    last_resort = PartyField(
        label="Last resort",
        kinds=("agent",),
        required=False,
        widget=PartyInput(placeholder="nobody"),
        help_text="The name of the voice agent that takes the call if none of the trunks does.",
    )

    class Meta:
        model = Route
        fields = ("prefix",)
        widgets = {"prefix": typed()}
        help_texts = {"prefix": f"The longest prefix that fits wins. {PREFIX_FORM.capitalize()}."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (agent := self.instance.last_resort_agent) is not None:
            self.initial["last_resort"] = agent.name

    def clean_prefix(self) -> str:
        """Take a prefix as people write it."""
        return plain_number(self.cleaned_data["prefix"])

    def _post_clean(self) -> None:
        if "last_resort" in self.cleaned_data:
            party = self.cleaned_data["last_resort"]
            self.instance.last_resort_agent = party.row if party else None
        super()._post_clean()  # type: ignore[misc]


class RouteAddForm(RouteForm):
    """A new route with its first trunk: one without any would lead nowhere."""

    trunk = PartyField(
        label="First trunk",
        kinds=("trunk",),
        widget=PartyInput(),
        help_text="The name of the trunk that is tried first; more can be added after.",
    )
    field_order = ("prefix", "trunk", "last_resort")


class RouteTrunkForm(forms.Form):
    """A trunk to add to a route, tried after those it has."""

    trunk = PartyField(
        label="Add a trunk",
        kinds=("trunk",),
        widget=PartyInput(),
        help_text="The name of a trunk. It is tried last at first.",
    )


class WhereForm(forms.Form):
    """The question where a number would go for a caller."""

    number = forms.CharField(
        label="Dialled number", max_length=128, widget=typed(placeholder="+44 20 7946 0018")
    )
    source = PartyField(
        label="Called by",
        kinds=("connection", "trunk"),
        required=False,
        widget=PartyInput(placeholder="somebody unknown"),
        help_text="A connection or a trunk. Empty: somebody unknown.",
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
