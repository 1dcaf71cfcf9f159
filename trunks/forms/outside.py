"""The OUT side of a trunk, and its gateways."""

from typing import Any

from django import forms

from sip.forms import RevisedForm, typed
from trunks.forms.parts import gateway_uri, password_field
from trunks.models import Trunk
from trunks.models.gateway import MAX_WEIGHT


class OutSide:
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


OUT_SETTINGS = (
    "probe_interval_s",
    "registers",
    "registrar",
    "register_user",
    "register_expires_s",
    "holds_back_early_media",
)
"Fields of the OUT side beside its credentials."


class TrunkOutForm(OutSide, RevisedForm[Trunk]):
    """The credentials we present to a carrier, whether we register there, and its probes."""

    shown_fields = ("out_username", *OUT_SETTINGS)
    unseen_fields = ("out_password",)
    new_out_password = password_field("Password", "Kept encrypted. Leave empty to keep it.")
    out_remove = forms.BooleanField(label="Remove the password", required=False)

    class Meta:
        model = Trunk
        fields = ("out_username", *OUT_SETTINGS)
        labels = {
            "out_username": "User name",
            "registers": "Register at this carrier",
            "registrar": "Registrar",
            "register_user": "Registered user",
            "register_expires_s": "A registration lasts, in seconds",
            "probe_interval_s": "Seconds between probes",
            "holds_back_early_media": "Callers hear ringing (180) in place of its early media",
        }
        widgets = {
            "out_username": typed(),
            "registrar": typed(placeholder="sip:carrier.example"),
            "register_user": typed(),
        }
        help_texts = {
            "out_username": "Presented when a gateway asks for it. Empty: none.",
            "registers": "So that it knows where to send its calls.",
        }

    field_order = (
        "out_username",
        "new_out_password",
        "out_remove",
        "registers",
        "registrar",
        "register_user",
        "register_expires_s",
        "probe_interval_s",
        "holds_back_early_media",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("out_remove") and cleaned.get("new_out_password"):
            self.add_error("out_remove", "Either give a password or remove it.")
        self.check_out(cleaned)
        if cleaned.get("registers") and not (
            cleaned.get("registrar") or self.instance.gateways.exists()
        ):
            self.add_error(
                "registrar", "Say where to register: there is no gateway to take it from."
            )
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
        return gateway_uri(self.cleaned_data["uri"])


class GatewayShareForm(forms.Form):
    """When a gateway is tried, and its share among those of the same priority."""

    priority = forms.IntegerField(min_value=0, max_value=32767)
    weight = forms.IntegerField(min_value=1, max_value=MAX_WEIGHT)
