"""What one chooses for a link."""

from typing import Any

from django import forms

from dashboard.shares.services import LASTS


class ShareForm(forms.Form):
    """How long, and whether numbers are shown."""

    lasts = forms.ChoiceField(
        label="Good for", choices=[(key, word) for key, (word, _) in LASTS.items()], initial="day"
    )
    masks_numbers = forms.BooleanField(
        label="Mask telephone numbers",
        required=False,
        initial=True,
        help_text="Of each, the last two digits stay. Names and addresses are shown.",
    )

    def __init__(self, *arguments: Any, **more: Any) -> None:
        more.setdefault("auto_id", "share-%s")
        super().__init__(*arguments, **more)
