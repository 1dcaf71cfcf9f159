"""The IN side of a trunk."""

from typing import Any

from django import forms

from sip.forms import RevisedForm, SrtpKept, srtp_field, typed
from sip.srtp import SRTP_HELP
from trunks.forms.parts import access_lines_field, lines_field, password_field
from trunks.models import Trunk
from trunks.services import HA1_FIELDS, set_in_password
from trunks.validators import NETWORK_FORM, network_lines

IN_FIELDS = (
    "in_allowed_addresses",
    "in_username",
    "in_domain",
    "concurrent_calls",
    "media_also_from",
    "refer",
    "passes_refer",
    "srtp",
    "avoids_transcoding",
)
"What belongs to it, but for codecs and numbers."


class InSide:
    """What holds for the IN user name and password, whichever form they are in."""

    def check_in(self: Any, cleaned: dict[str, Any]) -> None:
        username, password = cleaned.get("in_username"), cleaned.get("in_password")
        renamed = "in_username" in self.changed_data
        if username and not password and (renamed or not self.instance.in_ha1_md5):
            self.add_error("in_password", "Give the password of this IN user name.")
        if password and not username and "in_username" not in self.errors:
            self.add_error("in_username", "A password needs a user name.")

    def drop_in_password(self: Any) -> None:
        """Without a user name there may be no digest; before the constraints are checked."""
        if not self.cleaned_data.get("in_username"):
            set_in_password(trunk=self.instance, password="")

    def keep_in_password(self: Any) -> None:
        if self.cleaned_data.get("in_password") and not self.errors:
            set_in_password(trunk=self.instance, password=self.cleaned_data["in_password"])


class TrunkInForm(SrtpKept, InSide, RevisedForm[Trunk]):
    """The IN side: where calls come from, and what they must present."""

    shown_fields = IN_FIELDS
    unseen_fields = HA1_FIELDS
    in_allowed_addresses = access_lines_field(
        "With no entry, calls are known by user name and password alone."
    )
    media_also_from = lines_field(
        network_lines,
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
    srtp = srtp_field(f"{SRTP_HELP} Calls both ways.")
    in_password = password_field("Password", "Only its digest is kept. Leave empty to keep it.")
    in_remove = forms.BooleanField(
        label="Remove user name and password",
        required=False,
        help_text="Calls are then known by their address alone.",
    )

    class Meta:
        model = Trunk
        fields = IN_FIELDS
        labels = {
            "in_username": "User name",
            "in_domain": "Domain",
            "avoids_transcoding": "Avoid transcoding",
        }
        widgets = {
            "in_username": typed(),
            "in_domain": typed(),
        }

    field_order = (*IN_FIELDS[:2], "in_password", "in_remove", *IN_FIELDS[2:])

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
        self.drop_in_password()
        super()._post_clean()  # type: ignore[misc]
        self.keep_in_password()
