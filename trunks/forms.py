"""Forms of trunks, numbers and routes. They convert and validate; services save."""

from typing import Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from audiocodecs.fields import CodecListFormField
from sip.addresses import sip_uri_problem
from trunks.conflicts import revision
from trunks.fields import AccessLinesFormField, NetworkLinesFormField
from trunks.models import Number, Route, Trunk
from trunks.parties import KINDS, MAX_LENGTH, Kind, Party, find_party
from trunks.services import HA1_FIELDS, set_in_password
from trunks.validators import (
    ACCESS_FORM,
    NETWORK_FORM,
    NUMBER_FORM,
    PREFIX_FORM,
    TRUNK_NAME_FORM,
    plain_number,
)

Row = TypeVar("Row", bound=models.Model)


def _password(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=255,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )


def _lines(
    field: type[AccessLinesFormField], label: str, help_text: str, *, rows: int = 5
) -> AccessLinesFormField:
    widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "maxlength": 60_000})
    return field(label=label, required=False, max_length=60_000, widget=widget, help_text=help_text)


def _access_lines(help_text: str) -> AccessLinesFormField:
    help_text = f"One a line: {ACCESS_FORM}. {help_text}"
    return _lines(AccessLinesFormField, "Allowed addresses", help_text)


def _typed(**attributes: str) -> forms.TextInput:
    return forms.TextInput(
        attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"} | attributes
    )


class _InSide:
    """What holds for the IN user name and password, whichever form they are in."""

    def check_in(self: Any, cleaned: dict[str, Any]) -> None:
        username, password = cleaned.get("in_username"), cleaned.get("in_password")
        renamed = "in_username" in self.changed_data
        if username and not password and (renamed or not self.instance.in_ha1_md5):
            self.add_error("in_password", "Give the password of this IN user name.")
        if password and not username and "in_username" not in self.errors:
            self.add_error("in_username", "A password needs a user name.")

    def keep_in_password(self: Any) -> None:
        if self.cleaned_data.get("in_password") and not self.errors:
            set_in_password(trunk=self.instance, password=self.cleaned_data["in_password"])


class _OutSide:
    """What holds for the OUT user name and password, whichever form they are in."""

    def check_out(self: Any, cleaned: dict[str, Any]) -> None:
        if cleaned.get("new_out_password") and not cleaned.get("out_username"):
            self.add_error("out_username", "A password needs a user name.")

    def keep_out_password(self: Any) -> None:
        if self.errors:
            return
        if self.cleaned_data.get("new_out_password"):
            self.instance.out_password = self.cleaned_data["new_out_password"]
        elif not self.cleaned_data.get("out_username"):
            self.instance.out_password = ""


class TrunkForm(_InSide, _OutSide, forms.ModelForm[Trunk]):
    """A trunk, with passwords that are written and never shown."""

    in_password = _password(
        "IN: password", "Only its digest is kept. Leave empty to keep the one it has."
    )
    new_out_password = _password(
        "OUT: password", "Kept encrypted. Leave empty to keep the one it has."
    )

    class Meta:
        model = Trunk
        fields = (
            "name",
            "enabled",
            "in_allowed_addresses",
            "in_username",
            "concurrent_calls",
            "media_also_from",
            "in_codecs",
            "out_username",
            "out_codecs",
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.check_in(cleaned)
        self.check_out(cleaned)
        return cleaned

    def _post_clean(self) -> None:
        # Before the constraints are checked: without a user name there may be no digest.
        if not self.cleaned_data.get("in_username"):
            set_in_password(trunk=self.instance, password="")
        super()._post_clean()  # type: ignore[misc]
        self.keep_in_password()
        self.keep_out_password()


class RevisedForm(forms.ModelForm[Row]):
    """A form that remembers what was stored when it was shown (see `trunks.conflicts`)."""

    revision = forms.CharField(required=False, max_length=32, widget=forms.HiddenInput)
    shown: ClassVar[tuple[str, ...]]
    "Model fields a person sees and may overwrite."
    also: ClassVar[tuple[str, ...]] = ()
    "Model fields that are written with them, if the form changes them."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loaded = {name: getattr(self.instance, name) for name in self.also}
        if self.instance.pk is not None:
            self.initial["revision"] = revision(self.instance, self.shown)

    @property
    def written(self) -> tuple[str, ...]:
        """Those of `also` that this form changes: nobody sees them, so no revision tells of them.

        Written back as it was loaded, one would undo what somebody else set meanwhile.
        """
        return tuple(
            name for name in self.also if getattr(self.instance, name) != self._loaded[name]
        )

    def renew(self) -> None:
        """Take what is stored now as seen: the person has been told of it."""
        stored = type(self.instance)._default_manager.filter(pk=self.instance.pk).first()
        seen = revision(stored, self.shown) if stored else ""
        self.data = {**self.data.dict(), self.add_prefix("revision"): seen}  # type: ignore[attr-defined]


class TrunkAddForm(forms.ModelForm[Trunk]):
    """A new trunk: its name, and what most carriers need to begin."""

    in_allowed_addresses = _access_lines("Calls from there are this trunk's.")
    gateway = forms.CharField(
        label="First gateway",
        required=False,
        max_length=255,
        widget=_typed(placeholder="sip:203.0.113.5:5060"),
        help_text="Where calls to this carrier are sent: a SIP URI, a host name or an address.",
    )

    class Meta:
        model = Trunk
        fields = ("name", "in_allowed_addresses")
        widgets = {"name": _typed()}
        help_texts = {"name": f"{TRUNK_NAME_FORM[0].upper()}{TRUNK_NAME_FORM[1:]}."}

    def clean_gateway(self) -> str:
        return _gateway_uri(self.cleaned_data["gateway"])


class TrunkNameForm(RevisedForm[Trunk]):
    """A trunk's name."""

    shown = ("name",)

    class Meta:
        model = Trunk
        fields = ("name",)
        widgets = {"name": _typed()}
        help_texts = {"name": "Calls of the past keep the name they were made with."}


class TrunkInForm(_InSide, RevisedForm[Trunk]):
    """The IN side: where calls come from, and what they must present."""

    shown = ("in_allowed_addresses", "in_username", "concurrent_calls", "media_also_from")
    also = HA1_FIELDS
    in_allowed_addresses = _access_lines(
        "With no entry, calls are known by user name and password alone."
    )
    media_also_from = _lines(
        NetworkLinesFormField,
        "Media also from",
        f"One a line: {NETWORK_FORM}. Audio is taken from the addresses that its SDP and its "
        "signalling name; add those that a carrier sends from besides. Calls both ways.",
        rows=3,
    )
    concurrent_calls = forms.IntegerField(
        label="Concurrent calls",
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="At once, both ways together. Empty: as many as the engine holds.",
    )
    in_password = _password("Password", "Only its digest is kept. Leave empty to keep it.")
    in_remove = forms.BooleanField(
        label="Remove user name and password",
        required=False,
        help_text="Calls are then known by their address alone.",
    )

    class Meta:
        model = Trunk
        fields = ("in_allowed_addresses", "in_username", "concurrent_calls", "media_also_from")
        labels = {"in_username": "User name"}
        widgets = {"in_username": _typed()}

    field_order = (
        "in_allowed_addresses",
        "in_username",
        "in_password",
        "in_remove",
        "concurrent_calls",
        "media_also_from",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("in_remove"):
            self.check_in(cleaned)
        elif cleaned.get("in_password"):
            self.add_error("in_remove", "Either give a password or remove it.")
        else:
            cleaned["in_username"] = ""
        return cleaned

    def _post_clean(self) -> None:
        if not self.cleaned_data.get("in_username"):
            set_in_password(trunk=self.instance, password="")
        super()._post_clean()  # type: ignore[misc]
        self.keep_in_password()


class TrunkOutForm(_OutSide, RevisedForm[Trunk]):
    """The credentials we present to a carrier that challenges."""

    shown = ("out_username",)
    also = ("out_password",)
    new_out_password = _password("Password", "Kept encrypted. Leave empty to keep it.")
    out_remove = forms.BooleanField(label="Remove the password", required=False)

    class Meta:
        model = Trunk
        fields = ("out_username",)
        labels = {"out_username": "User name"}
        widgets = {"out_username": _typed()}
        help_texts = {"out_username": "Presented when a gateway asks for it. Empty: none."}

    field_order = ("out_username", "new_out_password", "out_remove")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("out_remove") and cleaned.get("new_out_password"):
            self.add_error("out_remove", "Either give a password or remove it.")
        self.check_out(cleaned)
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        self.keep_out_password()
        if self.cleaned_data.get("out_remove") and not self.errors:
            self.instance.out_password = ""


class GatewayForm(forms.Form):
    """One more gateway of a trunk."""

    uri = forms.CharField(
        label="Add a gateway",
        max_length=255,
        widget=_typed(placeholder="sip:203.0.113.5:5060;transport=udp"),
        help_text="A SIP URI, a host name or an address. It is tried last at first.",
    )

    def clean_uri(self) -> str:
        return _gateway_uri(self.cleaned_data["uri"])


def _gateway_uri(text: str) -> str:
    """Return the SIP URI that is meant: `gw.example:5060` becomes `sip:gw.example:5060`."""
    if not text:
        return ""
    uri = text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}"
    problem = sip_uri_problem(uri)
    if problem:
        raise ValidationError(problem, code="invalid")
    return uri


class PartyField(forms.CharField):
    """A connection or a trunk by name; cleans to a Party."""

    def __init__(self, *, kinds: tuple[Kind, ...] = KINDS, **kwargs: Any) -> None:
        self.kinds = kinds
        kwargs.setdefault("max_length", MAX_LENGTH)
        super().__init__(**kwargs)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        # The names to choose from are in a list beside the field.
        bound = super().get_bound_field(form, field_name)
        self.widget.attrs["list"] = f"{bound.id_for_label}_names"
        return bound

    def clean(self, value: Any) -> Party | None:
        text = super().clean(value)
        return find_party(text, kinds=self.kinds) if text else None


class NumberForm(RevisedForm[Number]):
    """A number and the one place its calls go."""

    shown = ("number", "connection", "trunk")
    destination = PartyField(
        label="Goes to",
        widget=_typed(),
        help_text="The SIP user of a connection, or the name of a trunk.",
    )

    class Meta:
        model = Number
        fields = ("number",)
        widgets = {"number": _typed()}
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
    """A route's prefix."""

    shown = ("prefix",)

    class Meta:
        model = Route
        fields = ("prefix",)
        widgets = {"prefix": _typed()}
        help_texts = {"prefix": f"The longest prefix that fits wins. {PREFIX_FORM.capitalize()}."}

    def clean_prefix(self) -> str:
        """Take a prefix as people write it."""
        return plain_number(self.cleaned_data["prefix"])


class RouteAddForm(RouteForm):
    """A new route and its first trunk."""

    trunk = PartyField(
        label="First trunk",
        kinds=("trunk",),
        widget=_typed(),
        help_text="The name of the trunk that is tried first; more can be added after.",
    )


class RouteTrunkForm(forms.Form):
    """One more trunk of a route."""

    trunk = PartyField(
        label="Add a trunk",
        kinds=("trunk",),
        widget=_typed(),
        help_text="The name of a trunk. It is tried last at first.",
    )


class WhereForm(forms.Form):
    """The question where a number would go for a caller."""

    number = forms.CharField(
        label="Dialled number", max_length=128, widget=_typed(placeholder="+44 20 7946 0018")
    )
    source = PartyField(
        label="Called by",
        required=False,
        widget=_typed(placeholder="somebody unknown"),
        help_text="A SIP user or a trunk. Empty: somebody unknown.",
    )
    offer = CodecListFormField(
        label="Codecs offered",
        required=False,
        widget=_typed(placeholder="all"),
        help_text="Such as PCMU, PCMA. Empty: all.",
    )

    def clean_number(self) -> str:
        """Take a number as people write it."""
        return plain_number(self.cleaned_data["number"])
