"""People of each role, and their browsers."""

from django.contrib.auth.models import User
from django.test import Client

from dashboard.accounts.roles import Role, set_role

ROLES = (Role.NONE, Role.VIEWER, Role.OPERATOR, Role.ADMIN)


def person(role: Role, name: str = "") -> User:
    """Return a user of this role."""
    user = User.objects.create_user(name or str(role), password="correct horse")
    set_role(user=user, role=role)
    return User.objects.get(pk=user.pk)


def browser_of(role: Role) -> Client:
    """Return a browser in which a person of this role is signed in."""
    client = Client()
    client.force_login(person(role))
    return client
