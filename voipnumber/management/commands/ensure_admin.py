"""Make sure somebody can log in; a new account's password is shown once and never again."""

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

NAME = "admin"
PASSWORD_BYTES = 12


class Command(BaseCommand):
    help = "Create an administrator with a random password, unless there is one already."

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()._default_manager
        if users.filter(is_superuser=True, is_active=True).exists():
            return
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        user, _ = users.get_or_create(username=NAME)
        user.set_password(password)
        for flag in ("is_staff", "is_superuser", "is_active"):
            setattr(user, flag, True)
        user.save()
        self.stdout.write("An account was made. This is the only time its password is shown:")
        self.stdout.write(f"    user      {NAME}")
        self.stdout.write(f"    password  {password}")
        self.stdout.write("Change it in the admin, or with: manage.py changepassword admin")
