"""The form of the admin site; the pages have their own."""

from typing import Any

from django import forms

from agents.concealed import KEPT, concealed, revealed
from agents.models import VoiceAgent
from agents.validators import refused, validate_secret


class VoiceAgentForm(forms.ModelForm[VoiceAgent]):
    """A voice agent, with a secret that is written and never shown.

    Which other settings it has say the fieldsets of the admin site.
    """

    new_secret = forms.CharField(
        label="Secret",
        required=False,
        max_length=4096,
        strip=False,
        validators=[validate_secret],
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Its key or token, kept encrypted. Leave empty to keep the one it has.",
    )
    remove_secret = forms.BooleanField(label="Remove the secret", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["tools"] = concealed(self.instance.tools)

    def clean_tools(self) -> Any:
        """Take `***` in a header for the value that is kept."""
        tools = self.cleaned_data["tools"]
        if not isinstance(tools, list):
            return tools  # the model says what is wrong with it
        whole, missing = revealed(tools, self.instance.tools)
        for place, name in missing:
            raise refused(KEPT, "the value: none is kept", at=f"[{place}].http.headers.{name}")
        return whole

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("remove_secret") and cleaned.get("new_secret"):
            self.add_error("remove_secret", "Either give a secret or remove it.")
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        if self.cleaned_data.get("new_secret"):
            self.instance.secret = self.cleaned_data["new_secret"]
        elif self.cleaned_data.get("remove_secret"):
            self.instance.secret = ""
