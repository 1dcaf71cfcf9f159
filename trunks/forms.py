"""Forms of trunks. They convert and validate; services save."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from sip.addresses import sip_uri_problem
from sip.forms import RevisedForm, typed
from sip.names import PARTY_NAME_FORM
from trunks.fields import AccessLinesFormField, NetworkLinesFormField
from trunks.models import Trunk
from trunks.services import HA1_FIELDS, set_in_password
from trunks.validators import (
    ACCESS_FORM,
    NETWORK_FORM,
)


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


class TrunkAddForm(forms.ModelForm[Trunk]):
    """A new trunk: its name, and what most carriers need to begin."""

    in_allowed_addresses = _access_lines("Calls from there are this trunk's.")
    gateway = forms.CharField(
        label="First gateway",
        required=False,
        max_length=255,
        widget=typed(placeholder="sip:203.0.113.5:5060"),
        help_text="Where calls to this carrier are sent: a SIP URI, a host name or an address.",
    )

    class Meta:
        model = Trunk
        fields = ("name", "in_allowed_addresses")
        widgets = {"name": typed()}
        help_texts = {"name": f"{PARTY_NAME_FORM[0].upper()}{PARTY_NAME_FORM[1:]}."}

    def clean_gateway(self) -> str:
        return _gateway_uri(self.cleaned_data["gateway"])


class TrunkNameForm(RevisedForm[Trunk]):
    """Renames a trunk; its numbers and routes follow, as they refer to the row."""

    shown_fields = ("name",)

    class Meta:
        model = Trunk
        fields = ("name",)
        widgets = {"name": typed()}
        help_texts = {"name": "Calls of the past keep the name they were made with."}


class TrunkInForm(_InSide, RevisedForm[Trunk]):
    """The IN side: where calls come from, and what they must present."""

    shown_fields = ("in_allowed_addresses", "in_username", "concurrent_calls", "media_also_from")
    unseen_fields = HA1_FIELDS
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
        widgets = {"in_username": typed()}

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

    shown_fields = ("out_username",)
    unseen_fields = ("out_password",)
    new_out_password = _password("Password", "Kept encrypted. Leave empty to keep it.")
    out_remove = forms.BooleanField(label="Remove the password", required=False)

    class Meta:
        model = Trunk
        fields = ("out_username",)
        labels = {"out_username": "User name"}
        widgets = {"out_username": typed()}
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
    """A gateway to add; `gw.example:5060` is taken for its SIP URI."""

    uri = forms.CharField(
        label="Add a gateway",
        max_length=255,
        widget=typed(placeholder="sip:203.0.113.5:5060;transport=udp"),
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
