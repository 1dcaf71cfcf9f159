"""Forms of the dashboard's own pages: accounts and platform settings."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password

from dashboard.accounts.roles import SENTENCES, Role, role_of
from dashboard.signin.throttle import HoldRule

_GIVEN = (Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.NONE)


def _choices(roles: tuple[Role, ...]) -> list[tuple[str, str]]:
    return [(role.value, f"{role.value.capitalize()}: {SENTENCES[role]}") for role in roles]


class _NewPassword(forms.Form):
    """An optional password, checked against the account it is for."""

    password = forms.CharField(
        required=False,
        max_length=255,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 8 characters. Empty: one is made up and shown once.",
    )
    user: User

    def check_password(self) -> None:
        """Add an error if a password was given that is too easy to guess."""
        password = self.cleaned_data.get("password")
        if password:
            try:
                validate_password(password, self.user)
            except forms.ValidationError as error:
                self.add_error("password", error)


class AddUserForm(_NewPassword):
    """A new account."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        validators=[User.username_validator],
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(
        choices=_choices(_GIVEN), initial=Role.VIEWER.value, widget=forms.RadioSelect
    )
    field_order = ("username", "role", "password")

    def clean_username(self) -> str:
        """Refuse a name that is taken, in whatever case."""
        name: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError(f"There is an account {name!r} already: choose another.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.user = User(username=cleaned.get("username", ""))
        self.check_password()
        return cleaned


class ChangeUserForm(forms.Form):
    """What an account may do, and whether it may sign in."""

    role = forms.ChoiceField(choices=_choices(_GIVEN), widget=forms.RadioSelect)
    is_active = forms.BooleanField(
        label="May sign in",
        required=False,
        help_text="Without it the account stays, and its open pages are closed.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        role = role_of(user)
        kwargs.setdefault("initial", {"role": role.value, "is_active": user.is_active})
        super().__init__(*args, **kwargs)
        if role is Role.CUSTOM:
            field = self.fields["role"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = _choices((Role.CUSTOM, *_GIVEN))


class UserPasswordForm(_NewPassword):
    """A new password for somebody."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.check_password()
        return cleaned


class LiftForm(forms.Form):
    """Which of those held back after wrong passwords may sign in again."""

    rule = forms.TypedChoiceField(
        choices=[(rule.value, rule.value) for rule in HoldRule], coerce=HoldRule
    )
    username = forms.CharField(required=False, max_length=255)
    address = forms.GenericIPAddressField(required=False)

    def clean_address(self) -> str | None:
        """Return no address as none: over a UNIX socket nobody has one."""
        return self.cleaned_data["address"] or None
