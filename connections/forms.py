"""Forms of connections."""

from typing import Any

from django import forms

from connections.models import Connection
from connections.services import set_password


class ConnectionForm(forms.ModelForm[Connection]):
    """A connection, with a password that is written and never shown."""

    password = forms.CharField(
        required=False,
        max_length=255,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Only its digest is kept. Leave empty to keep the one it has.",
    )

    class Meta:
        model = Connection
        fields = (
            "name",
            "sip_user",
            "enabled",
            "inbound_codecs",
            "force_on_caller",
            "outbound_codecs",
            "address",
            "concurrent_calls",
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        renamed = "sip_user" in self.changed_data and self.instance.ha1_md5
        if renamed and not cleaned.get("password"):
            # The digest binds the user name: kept under another one it would match nothing.
            self.add_error("password", "Give the password again: the SIP user changes.")
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.cleaned_data.get("password") and not self.errors:
            set_password(connection=self.instance, password=self.cleaned_data["password"])
