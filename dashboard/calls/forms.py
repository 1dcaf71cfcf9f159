"""Forms by which people direct the engine."""

from django import forms
from django.core.validators import RegexValidator

from callengine.edge.callers.invites import dialled_user
from trunks.validators import NUMBER, NUMBER_FORM


class TransferForm(forms.Form):
    """Whom the caller of a live call is to talk to instead."""

    to = forms.CharField(
        label="Transfer to",
        help_text="A number, or the SIP user of a connection.",
        error_messages={
            "required": "Transfer to: name a number or a SIP user, such as +1 202 555 0100 or 1001."
        },
        widget=forms.TextInput(
            attrs={
                "id": "transfer-to",
                "maxlength": 80,
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def clean_to(self) -> str:
        """Return the number without visual separators, or the SIP user."""
        to = dialled_user(self.cleaned_data["to"])
        message = (
            f"Transfer to: {to[:80]!r} is no number and no SIP user. Allowed: {NUMBER_FORM}; "
            "a telephone number may hold spaces, brackets and dots, too."
        )
        RegexValidator(NUMBER, message)(to)
        return to
