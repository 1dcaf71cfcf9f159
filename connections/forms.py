"""Forms of connections."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from connections.models import Connection
from connections.services import set_password
from connections.templates import MAX_NAME, ConnectionTemplate
from numbering.allowance import ALLOWANCE_FIELDS
from numbering.forms import CountriesToldOnce
from sip.forms import FieldwiseForm, SrtpKept, srtp_field, typed
from sip.names import SIP_USER_FORM
from sip.passwords import MAX_LENGTH, MIN_LENGTH, validate_password
from sip.srtp import SRTP_HELP


class ConnectionForm(SrtpKept, forms.ModelForm[Connection]):
    """A connection, with a password that is written and never shown.

    Each field carries what was shown in it: `changed_data` is what this person changed.
    """

    srtp = srtp_field(SRTP_HELP)
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
            "template",
            "inbound_codecs",
            "force_on_caller",
            "outbound_codecs",
            "address",
            "concurrent_calls",
            "caller_id",
            "srtp",
            "avoids_transcoding",
            "agent",
            "agent_when",
            "ring_timeout_s",
            "holds_back_early_media",
            *ALLOWANCE_FIELDS,
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.Meta.fields:
            self.fields[name].show_hidden_initial = True

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        renamed = self.instance.ha1_md5 and cleaned.get("sip_user") != self.initial.get("sip_user")
        if renamed and not cleaned.get("password"):
            # The digest binds the user name: kept under another one it would match nothing.
            self.add_error("password", "Give the password again: the SIP user changes.")
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.cleaned_data.get("password") and not self.errors:
            set_password(connection=self.instance, password=self.cleaned_data["password"])


MAX_CALLS = 10_000
"More than one engine can hold."


def _new_password() -> forms.CharField:
    return forms.CharField(
        required=False,
        strip=False,
        validators=[validate_password],
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=f"{MIN_LENGTH} to {MAX_LENGTH} characters. Leave empty and a strong one is made "
        "up. It is shown once, after saving.",
    )


class _Endpoint(forms.ModelForm[Connection]):
    """What the forms of the pages have in common."""

    class Meta:
        model = Connection
        fields: tuple[str, ...] = ("name", "sip_user")
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "sip_user": typed(),
            "address": typed(),
        }
        labels = {
            "enabled": "Enabled",
            "address": "Fixed address",
            "caller_id": "Caller ID",
        }
        help_texts = {
            "name": "What people call it, such as Alice or Front desk.",
            "sip_user": f"The user part of its SIP address, and what the phone signs in with. "
            f"{SIP_USER_FORM}.",
        }
        error_messages = {
            "name": {"required": "Give it a name: 1 to 100 characters."},
            "sip_user": {
                "required": f"Give it a SIP user: {SIP_USER_FORM}.",
                "invalid": f"'%(value)s' is not a SIP user; allowed: {SIP_USER_FORM}.",
            },
        }

    def clean_sip_user(self) -> str:
        """Say whose SIP user it is if it is taken."""
        value: str = self.cleaned_data["sip_user"]
        owner = Connection.objects.filter(sip_user=value).exclude(pk=self.instance.pk).first()
        if owner is not None:
            text = f"'{value}' is already the SIP user of {owner.name}; choose another one."
            raise ValidationError(text, code="unique")
        return value

    def refuse(self, error: ValidationError) -> None:
        """Say what the database refused at its fields, and the rest above the form."""
        by_field = {field: text for field, text in error.error_dict.items() if field in self.fields}
        for field, errors in by_field.items():
            self.add_error(field, errors)
        if not by_field:
            self.add_error(None, error.messages)


class AddConnectionForm(_Endpoint):
    """A new connection; the password may be left to us."""

    password = _new_password()


class PasswordForm(forms.Form):
    """A new password; left empty, one is made up."""

    password = _new_password()


class ConnectionSettingsForm(SrtpKept, FieldwiseForm[Connection], _Endpoint):
    """What may be changed of a connection beside its lists and its password.

    `hidden` are fields that the person may not see.
    """

    concurrent_calls = forms.IntegerField(
        label="Concurrent calls",
        required=False,
        min_value=1,
        max_value=MAX_CALLS,
        help_text="Most calls it may be part of at once. Empty: no limit.",
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"),
            f"Allowed: a whole number from 1 to {MAX_CALLS}, or nothing for no limit. To let no "
            "call through, disable the connection.",
        ),
    )

    srtp = srtp_field(SRTP_HELP)

    class Meta(_Endpoint.Meta):
        fields = (
            "name",
            "sip_user",
            "enabled",
            "address",
            "concurrent_calls",
            "caller_id",
            "srtp",
            "holds_back_early_media",
            "avoids_transcoding",
            "template",
            "agent",
            "agent_when",
        )
        labels = {
            **_Endpoint.Meta.labels,
            "holds_back_early_media": "Callers hear ringing (180) in place of its early media",
            "avoids_transcoding": "Avoid transcoding",
            "template": "Follows the template",
            "agent": "Voice agent",
            "agent_when": "The agent takes calls",
        }
        help_texts = {
            **_Endpoint.Meta.help_texts,
            "sip_user": f"{SIP_USER_FORM}. Another one takes another password, which is made up "
            "and shown once: a digest binds both.",
            "enabled": "Off: it can neither register nor call, and nobody can call it.",
            "address": "SIP URI to call instead of its registrations, such as "
            "sip:192.0.2.10:5060;transport=udp.",
            "caller_id": "When it calls as somebody who is neither its SIP user nor a number that "
            "leads to it. A PBX with extensions of its own needs Allow any.",
            "template": "Its codec lists are the template's, now and when that changes. One that "
            "stops following keeps them as its own.",
            "agent": "Takes calls in its place.",
            "agent_when": "Busy: it has as many calls as it may, or says so itself.",
        }

    def __init__(self, *args: Any, hidden: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, nothing in (("agent", "nobody"), ("template", "none: lists of its own")):
            choice: Any = self.fields[name]
            # By name, which is also what a conflict is told in.
            choice.to_field_name, choice.empty_label = "name", nothing
            self.initial[name] = str(getattr(self.instance, name) or "")
        for name in hidden:
            del self.fields[name]


class ConnectionPermissionsForm(CountriesToldOnce, FieldwiseForm[Connection], _Endpoint):
    """What a connection may call through trunks, and the limits of its calls."""

    class Meta:
        model = Connection
        fields = (*ALLOWANCE_FIELDS, "ring_timeout_s")
        widgets = {"countries": typed(placeholder="GB, FR, DE")}


class TemplateForm(forms.ModelForm[ConnectionTemplate]):
    """The name of a template; its lists are arranged on its page."""

    class Meta:
        model = ConnectionTemplate
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}
        error_messages = {
            "name": {
                "required": f"Give it a name: 1 to {MAX_NAME} characters.",
            }
        }
