"""The form of the platform settings."""

from django import forms

from audiocodecs.models import PlatformSettings


class PlatformForm(forms.ModelForm[PlatformSettings]):
    """Who may call without being known here."""

    class Meta:
        model = PlatformSettings
        fields = ("external_sip",)
        labels = {"external_sip": "Let unknown callers in"}
