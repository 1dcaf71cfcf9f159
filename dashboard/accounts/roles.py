"""What people may do: admin edits, operator watches and hangs up, viewer only looks."""

from enum import StrEnum
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q

from audit.services import as_one, quietly

ROOMS = ("audiocodecs", "connections", "trunks", "agents", "callengine")
"Apps whose rows the pages show, in the order of INSTALLED_APPS."


class Role(StrEnum):
    """A person's role; CUSTOM is a mix of permissions given in the admin."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    CUSTOM = "custom"
    NONE = "none"


SENTENCES = {
    Role.ADMIN: "Edits everything, and manages users.",
    Role.OPERATOR: "Looks at everything, hangs up and transfers calls.",
    Role.VIEWER: "Looks at everything, changes nothing.",
    Role.CUSTOM: "Has permissions of its own, given in the admin.",
    Role.NONE: "Can sign in and see nothing.",
}
GROUPS = {Role.OPERATOR: "Operators", Role.VIEWER: "Viewers"}
_EXTRA = {Role.OPERATOR: Q(content_type__app_label="callengine", codename="change_call")}


def permissions_of(role: Role) -> Q:
    """Return which permissions a role's group has."""
    return Q(content_type__app_label__in=ROOMS, codename__startswith="view_") | _EXTRA.get(
        role, Q(pk__in=[])
    )


def ensure_groups(**_: Any) -> None:
    """Create the roles' groups and bring their permissions up to date (after each migrate)."""
    with quietly():
        for role, name in GROUPS.items():
            group, _created = Group.objects.get_or_create(name=name)
            group.permissions.set(Permission.objects.filter(permissions_of(role)))


def role_of(user: User) -> Role:
    """Return a user's role. Prefetch `groups` and `user_permissions` when there are many."""
    if user.is_superuser:
        return Role.ADMIN
    groups = {group.name for group in user.groups.all()}
    roles = [role for role, name in GROUPS.items() if name in groups]
    if len(groups) == 1 and roles and not user.user_permissions.all():
        return roles[0]
    return Role.CUSTOM if groups or user.user_permissions.all() else Role.NONE


@transaction.atomic
def set_role(*, user: User, role: Role) -> None:
    """Give a saved user exactly this role; CUSTOM leaves everything as it is."""
    if role is Role.CUSTOM:
        return
    with as_one(user, "role", lambda: str(role_of(User.objects.get(pk=user.pk)))):
        user.is_superuser = user.is_staff = role is Role.ADMIN
        user.save(update_fields=["is_superuser", "is_staff"])
        user.user_permissions.clear()
        name = GROUPS.get(role)
        user.groups.set(Group.objects.filter(name=name) if name else [])
