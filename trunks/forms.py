"""Forms of trunks."""

from typing import Any

from django import forms

from trunks.models import Trunk
from trunks.services import set_in_password


def _password(help_text: str) -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=255,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )


class TrunkForm(forms.ModelForm[Trunk]):
    """A trunk, with passwords that are written and never shown."""

    in_password = _password("Only its digest is kept. Leave empty to keep the one it has.")
    new_out_password = _password("Kept encrypted. Leave empty to keep the one it has.")

    class Meta:
        model = Trunk
        fields = (
            "name",
            "enabled",
            "in_allowed_addresses",
            "in_username",
            "in_codecs",
            "out_username",
            "out_codecs",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["in_password"].label = "IN: password"
        self.fields["new_out_password"].label = "OUT: password"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        username, password = cleaned.get("in_username"), cleaned.get("in_password")
        renamed = "in_username" in self.changed_data
        if username and not password and (renamed or not self.instance.in_ha1_md5):
            self.add_error("in_password", "Give the password of this IN user name.")
        if password and not username and "in_username" not in self.errors:
            self.add_error("in_username", "A password needs a user name.")
        if cleaned.get("new_out_password") and not cleaned.get("out_username"):
            self.add_error("out_username", "A password needs a user name.")
        return cleaned

    def _post_clean(self) -> None:
        # Before the constraints are checked: without a user name there may be no digest.
        if not self.cleaned_data.get("in_username"):
            set_in_password(trunk=self.instance, password="")
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        if self.cleaned_data.get("in_password"):
            set_in_password(trunk=self.instance, password=self.cleaned_data["in_password"])
        if self.cleaned_data.get("new_out_password"):
            self.instance.out_password = self.cleaned_data["new_out_password"]
        elif not self.cleaned_data.get("out_username"):
            self.instance.out_password = ""
