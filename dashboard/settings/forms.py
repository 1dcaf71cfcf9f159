"""The form of the platform settings."""

from django import forms

from audiocodecs.models import PlatformSettings
from sip.forms import typed


class PlatformForm(forms.ModelForm[PlatformSettings]):
    """Who may call without being known here, and where here is."""

    home_country = forms.CharField(
        required=False,
        max_length=2,
        widget=typed(placeholder="GB"),
        help_text="Two letters (ISO 3166-1). Numbers without + are read in it, and calls to any "
        "other country are international. Empty: all of them are.",
    )

    class Meta:
        model = PlatformSettings
        fields = ("external_sip", "home_country", "time_zone", "avoids_transcoding")
        labels = {
            "external_sip": "Let unknown callers in",
            "avoids_transcoding": "Avoid transcoding in every call",
        }
        widgets = {"time_zone": typed()}

    def clean_home_country(self) -> str:
        """Take a code in small letters."""
        return str(self.cleaned_data["home_country"]).upper()
