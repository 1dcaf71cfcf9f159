"""Accounts of the dashboard: made, changed, and never without an administrator left."""

from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db import transaction
from django.db.models import Q

from dashboard.accounts.roles import Role, permissions_of, role_of, set_role
from sip.passwords import ALPHABET, generate_password

LETTERS = ALPHABET + "ABCDEFGHJKLMNPQRSTUVWXYZ"
"With capitals, which are easy to type on a keyboard; without I and O, which look like 1 and 0."


class LastAdminError(Exception):
    """The change would leave nobody who can edit; the text says so."""


def new_password() -> str:
    """Return a random password that can be read aloud and typed, of some 90 bits."""
    return generate_password(LETTERS)


def may_hand_out(by: User | AnonymousUser, role: Role) -> bool:
    """Tell whether somebody may give a role: nobody gives more than they have. One query."""
    if by.is_superuser or role in (Role.NONE, Role.CUSTOM):
        return True
    return role is not Role.ADMIN and _has_all(by, permissions_of(role))


def may_manage(by: User | AnonymousUser, account: User) -> bool:
    """Tell whether somebody may change an account: none that may do more than they. One query."""
    if by.is_superuser:
        return True
    # Not what the account may do now: that is nothing while it may not sign in.
    own = Q(user=account) | Q(group__user=account)
    return not account.is_superuser and _has_all(by, own)


def _has_all(by: User | AnonymousUser, condition: Q) -> bool:
    names = ("content_type__app_label", "codename")
    permissions = Permission.objects.filter(condition).values_list(*names)
    return by.has_perms([f"{app}.{name}" for app, name in permissions])


@transaction.atomic
def add_user(*, username: str, password: str, role: Role) -> User:
    """Create an account with a role; the name is free and the password checked."""
    user = User.objects.create_user(username, password=password)
    set_role(user=user, role=role)
    return user


@transaction.atomic
def change_user(*, user: User, role: Role, is_active: bool) -> None:
    """Give an account a role and let it in, or not.

    Raises LastAdminError if no active administrator would be left.
    """
    # The lock makes two who demote each other take turns.
    admins = User.objects.select_for_update().filter(is_superuser=True, is_active=True)
    others = [admin for admin in admins if admin.pk != user.pk]
    stays = is_active and (role is Role.ADMIN or (role is Role.CUSTOM and user.is_superuser))
    if not others and not stays and role_of(user) is Role.ADMIN:
        raise LastAdminError(
            f"{user.username} is the only active admin: nobody could edit anything afterwards. "
            "Make somebody else an admin first."
        )
    user.is_active = is_active
    user.save(update_fields=["is_active"])
    set_role(user=user, role=role)


def set_user_password(*, user: User, password: str) -> None:
    """Give an account a new password; its other sessions end."""
    user.set_password(password)
    user.save(update_fields=["password"])
