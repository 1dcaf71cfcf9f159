"""What one may ask for when packets are to be recorded."""

from typing import Any

from django import forms
from django.conf import settings

USUAL_MINUTES, USUAL_MB = 10, 20


class CaptureForm(forms.Form):
    """How long, how much, and whether what is said is recorded too."""

    minutes = forms.IntegerField(label="At most minutes", min_value=1)
    megabytes = forms.IntegerField(label="At most MB", min_value=1)
    whole = forms.BooleanField(
        label="Record what is said, too",
        required=False,
        help_text="Whoever has the file can then hear the call, and which keys are pressed.",
    )

    def __init__(self, *arguments: Any, **more: Any) -> None:
        more.setdefault("auto_id", "capture-%s")
        super().__init__(*arguments, **more)
        for name, usual, most, unit in (
            ("minutes", USUAL_MINUTES, settings.VOIPNUMBER_CAPTURE_MINUTES, ""),
            ("megabytes", USUAL_MB, settings.VOIPNUMBER_CAPTURE_MB, " MB"),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.IntegerField)
            field.max_value = most
            field.initial = min(usual, most)
            field.widget.attrs["max"] = most
            field.help_text = f"1 to {most}{unit}."
            field.validators = [*field.validators, _most(str(field.label), most)]

    @property
    def asked(self) -> dict[str, Any]:
        """What is asked for, as `services` takes it."""
        data = self.cleaned_data
        return {
            "whole": data["whole"],
            "max_s": data["minutes"] * 60,
            "max_bytes": data["megabytes"] * 1_000_000,
        }


def _most(label: str, most: int) -> Any:
    def validate(value: int) -> None:
        if value > most:
            raise forms.ValidationError(f"{label}: {value} is more than {most}, the most allowed.")

    return validate
