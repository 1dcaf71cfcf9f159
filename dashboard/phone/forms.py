"""Whom the browser phone calls, and as whom: fields for its page, which sends nothing by HTTP."""

from typing import Any

from django import forms

from trunks.parties import MAX_LENGTH

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class PhoneForm(forms.Form):
    """The fields of the page."""

    to = forms.CharField(
        label="To",
        max_length=MAX_LENGTH,
        widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "text", "enterkeyhint": "go"}),
        help_text="A number, the name of a connection or voice agent, or a test such as *echo.",
    )
    calls_as = forms.CharField(
        label="Call as",
        required=False,
        max_length=MAX_LENGTH,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="A connection, whose rights and lists hold. Empty: yourself, inside only.",
    )
    takes_for = forms.CharField(
        label="Connection",
        max_length=MAX_LENGTH,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="This browser rings beside its phones while this page is open.",
    )

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        # What a field is says its label; nothing here is sent as a form.
        self.use_required_attribute = False
