"""People of each role, and their browsers."""

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from audit.services import quietly
from dashboard.accounts.roles import GROUPS, Role

ROLES = (Role.NONE, Role.VIEWER, Role.OPERATOR, Role.ADMIN)
BACKEND = "django.contrib.auth.backends.ModelBackend"


def person(role: Role, name: str = "") -> User:
    """Return a new user of this role, who has been there before the test."""
    is_admin = role is Role.ADMIN
    with quietly():
        user = User.objects.create_user(
            name or str(role), password="correct horse", is_superuser=is_admin, is_staff=is_admin
        )
        if role in GROUPS:
            user.groups.add(Group.objects.get(name=GROUPS[role]))
    return user


def signed_in(user: User) -> str:
    """Return the key of a session of somebody who signed in before the test.

    Django's own `force_login` would note, count and audit a sign-in: thirty queries a test.
    """
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def browser_of(who: Role | User) -> Client:
    """Return a browser in which somebody is signed in; of a role, a new person."""
    client = Client()
    user = who if isinstance(who, User) else person(who)
    client.cookies[settings.SESSION_COOKIE_NAME] = signed_in(user)
    return client
