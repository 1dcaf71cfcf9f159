"""What the forms of trunks share."""

from collections.abc import Callable

from django import forms
from django.core.exceptions import ValidationError

from sip.addresses import sip_uri_problem
from trunks.fields import EntryLinesFormField
from trunks.validators import ACCESS_FORM, access_entry_lines


def password_field(label: str, help_text: str) -> forms.CharField:
    """Return the field of a password that is written and never shown."""
    return forms.CharField(
        label=label,
        required=False,
        max_length=255,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )


def lines_field(
    parse: Callable[[str], list[str]], label: str, help_text: str, *, rows: int = 5
) -> EntryLinesFormField:
    """Return the field of a list that is typed one entry a line."""
    return EntryLinesFormField(
        parse=parse,
        label=label,
        required=False,
        max_length=60_000,
        widget=forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "maxlength": 60_000}),
        help_text=help_text,
    )


def access_lines_field(help_text: str) -> EntryLinesFormField:
    """Return the field of an access list; `help_text` follows what an entry is."""
    help_text = f"One a line: {ACCESS_FORM}. {help_text}"
    return lines_field(access_entry_lines, "Allowed addresses", help_text)


def gateway_uri(text: str) -> str:
    """Return the SIP URI that is meant: `gw.example:5060` becomes `sip:gw.example:5060`."""
    if not text:
        return ""
    uri = text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}"
    problem = sip_uri_problem(uri)
    if problem:
        raise ValidationError(problem, code="invalid")
    return uri
