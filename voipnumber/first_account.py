"""Somebody who can sign in, made at the first start."""

import secrets

from django.contrib.auth import get_user_model

NAME = "admin"
PASSWORD_BYTES = 12


def ensure() -> str:
    """Make an administrator with a random password unless there is one; return what to tell.

    The text holds the only copy of the password; it is empty if nothing was made.
    """
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True, is_active=True).exists():
        return ""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    user, _ = users.get_or_create(username=NAME)
    user.set_password(password)
    for flag in ("is_staff", "is_superuser", "is_active"):
        setattr(user, flag, True)
    user.save()
    return (
        "An account was made. This is the only time its password is shown.\n"
        f"Change it by your name at the top of the pages, or: manage.py changepassword {NAME}\n"
        f"    user      {NAME}\n"
        f"    password  {password}"
    )
