"""A trunk as a whole."""

from typing import Any

from django import forms

from numbering.allowance import ALLOWANCE_FIELDS
from sip.forms import RevisedForm, SrtpKept, srtp_field, typed
from sip.names import PARTY_NAME_FORM
from sip.srtp import SRTP_HELP
from trunks.forms.inside import IN_FIELDS, InSide
from trunks.forms.outside import OUT_SETTINGS, OutSide
from trunks.forms.parts import access_lines_field, gateway_uri, password_field
from trunks.models import Trunk
from trunks.models.numbers import NUMBER_FIELDS


class TrunkForm(SrtpKept, InSide, OutSide, forms.ModelForm[Trunk]):
    """A trunk, with passwords that are written and never shown."""

    in_password = password_field(
        "IN: password", "Only its digest is kept. Leave empty to keep the one it has."
    )
    new_out_password = password_field(
        "OUT: password", "Kept encrypted. Leave empty to keep the one it has."
    )

    srtp = srtp_field(f"{SRTP_HELP} Calls both ways.")

    class Meta:
        model = Trunk
        fields = (
            "name",
            "enabled",
            *IN_FIELDS,
            "in_codecs",
            "out_username",
            "out_codecs",
            *OUT_SETTINGS,
            *ALLOWANCE_FIELDS,
            *NUMBER_FIELDS,
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.check_in(cleaned)
        self.check_out(cleaned)
        return cleaned

    def _post_clean(self) -> None:
        self.drop_in_password()
        super()._post_clean()  # type: ignore[misc]
        self.keep_in_password()
        self.keep_out_password()


class TrunkAddForm(forms.ModelForm[Trunk]):
    """A new trunk: its name, and what most carriers need to begin."""

    in_allowed_addresses = access_lines_field("Calls from there are this trunk's.")
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
        return gateway_uri(self.cleaned_data["gateway"])


class TrunkNameForm(RevisedForm[Trunk]):
    """Renames a trunk; its numbers and routes follow, as they refer to the row."""

    shown_fields = ("name",)

    class Meta:
        model = Trunk
        fields = ("name",)
        widgets = {"name": typed()}
        help_texts = {"name": "Calls of the past keep the name they were made with."}
