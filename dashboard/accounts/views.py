"""Accounts and their roles: for admins."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django_filters import CharFilter, FilterSet

from audit.services import did
from dashboard.accounts.forms import AddUserForm, ChangeUserForm, LiftForm, UserPasswordForm
from dashboard.accounts.roles import SENTENCES, Role, role_of
from dashboard.accounts.services import (
    LastAdminError,
    add_user,
    change_user,
    may_hand_out,
    may_manage,
    new_password,
    set_user_password,
)
from dashboard.parts.access import SIGNED_IN, requires
from dashboard.parts.tables import listing
from dashboard.signin.throttle import holds, lift

SORTS = {"name": ("username",), "seen": ("-last_login", "username")}


class UserFilter(FilterSet):  # type: ignore[misc]
    """Find an account."""

    q = CharFilter(field_name="username", lookup_expr="icontains", label="User name")


@requires("auth.view_user")
def users(request: HttpRequest) -> HttpResponse:
    """List the accounts with their roles."""
    rows = listing(request, UserFilter, _accounts(), sorts=SORTS)
    people = [(user, role_of(user)) for user in rows.rows]
    context = {"listing": rows, "people": people, "roles": SENTENCES, "holds": holds()}
    return render(request, "accounts/list.html", context)


@requires(post="auth.change_user")
def users_lift(request: HttpRequest) -> HttpResponse:
    """Let somebody sign in again who was held back after wrong passwords."""
    form = LiftForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: nobody is held back so any more.")
    elif lift(**form.cleaned_data):
        who = " at ".join(str(form.cleaned_data[name]) for name in ("username", "address"))
        did("let in again after wrong passwords", kind="axes.accessattempt", name=who)
        messages.success(request, "Let in: the next sign-in is tried again.")
    else:
        messages.warning(request, "Nobody was held back so any more, so nothing was changed.")
    return redirect("users")


@requires("auth.add_user", post="auth.add_user")
def user_add(request: HttpRequest) -> HttpResponse:
    """Make an account; a password that was made up is shown in the answer and nowhere else."""
    form = AddUserForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.errors else 200
        return render(request, "accounts/add.html", {"form": form}, status=status)
    given = form.cleaned_data["password"]
    password = given or new_password()
    role = Role(form.cleaned_data["role"])
    if not may_hand_out(request.user, role):
        raise PermissionDenied(role)
    user = add_user(username=form.cleaned_data["username"], password=password, role=role)
    return _made(request, user, "" if given else password)


@requires("auth.view_user", post="auth.change_user")
def user(request: HttpRequest, user_id: int) -> HttpResponse:
    """Show an account, and change what it may do."""
    account = get_object_or_404(_accounts(), pk=user_id)
    form = ChangeUserForm(request.POST if request.method == "POST" else None, user=account)
    if request.method == "POST" and form.is_valid():
        role, is_active = Role(form.cleaned_data["role"]), form.cleaned_data["is_active"]
        if not (may_manage(request.user, account) and may_hand_out(request.user, role)):
            raise PermissionDenied(role)
        try:
            change_user(user=account, role=role, is_active=is_active)
        except LastAdminError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("user", user_id=user_id)
    return _account(request, account, form)


@requires(post="auth.change_user")
def user_password(request: HttpRequest, user_id: int) -> HttpResponse:
    """Give an account a new password."""
    account = get_object_or_404(_accounts(), pk=user_id)
    if not may_manage(request.user, account):
        raise PermissionDenied("a password")
    form = UserPasswordForm(request.POST, user=account)
    if not form.is_valid():
        return _account(request, account, ChangeUserForm(user=account), form)
    given = form.cleaned_data["password"]
    password = given or new_password()
    set_user_password(user=account, password=password)
    if account == request.user:
        update_session_auth_hash(request, account)
    return _made(request, account, "" if given else password)


@requires(SIGNED_IN, post=SIGNED_IN)
def own_password(request: HttpRequest) -> HttpResponse:
    """Let people change their own password."""
    assert request.user.is_authenticated
    form = PasswordChangeForm(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        form.save()
        update_session_auth_hash(request, form.user)
        messages.success(request, "Your password was changed. Other sessions of yours have ended.")
        return redirect("own-password")
    status = 422 if form.errors else 200
    return render(request, "accounts/own_password.html", {"form": form}, status=status)


def _account(
    request: HttpRequest,
    account: User,
    form: ChangeUserForm,
    password_form: UserPasswordForm | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "account": account,
        "role": role_of(account),
        "form": form,
        "password_form": password_form or UserPasswordForm(user=account),
    }
    wrong = form.errors or context["password_form"].errors
    return render(request, "accounts/detail.html", context, status=422 if wrong else 200)


def _made(request: HttpRequest, account: User, password: str) -> HttpResponse:
    """Answer with a page that is never stored: the one place where the password stands."""
    if not password:
        messages.success(request, "Saved. The password you gave is in force.")
        return redirect("user", user_id=account.pk)
    return render(request, "accounts/password.html", {"account": account, "password": password})


def _accounts() -> QuerySet[User]:
    return User.objects.prefetch_related("groups", "user_permissions")
