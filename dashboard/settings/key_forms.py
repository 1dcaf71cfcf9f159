"""The form that makes an API key."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib.auth.models import AnonymousUser, User
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.html import format_html

from api.keys.scopes import SENTENCES, Scope, scopes_of

ONE_LINE = r"\A[^\x00-\x1f\x7f\ud800-\udfff]*\Z"
LIFETIMES = {"30": "30 days", "90": "90 days", "365": "A year", "": "Until it is revoked"}


class AddKeyForm(forms.Form):
    """A name, what the key may be used for, and for how long."""

    name = forms.CharField(
        max_length=100,
        validators=[RegexValidator(ONE_LINE, "One line without control characters.")],
        help_text="What will use it, such as “CRM”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.TypedMultipleChoiceField(
        label="What it may be used for",
        coerce=Scope,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "A key needs something it may be used for: choose one."},
    )
    lifetime = forms.ChoiceField(
        label="How long it works",
        required=False,
        choices=list(LIFETIMES.items()),
        initial="365",
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, owner: User | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scopes"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [
            (scope.value, format_html("<code>{}</code> {}", scope, SENTENCES[scope]))
            for scope in scopes_of(owner)
        ]

    @property
    def expires_at(self) -> dt.datetime | None:
        """When the key stops working; None if a person is to revoke it."""
        days = self.cleaned_data["lifetime"]
        return timezone.now() + dt.timedelta(days=int(days)) if days else None
