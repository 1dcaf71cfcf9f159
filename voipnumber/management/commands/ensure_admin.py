"""Make sure somebody can log in; a new account's password is shown once and never again."""

from typing import Any

from django.core.management.base import BaseCommand

from voipnumber import first_account


class Command(BaseCommand):
    help = "Create an administrator with a random password, unless there is one already."

    def handle(self, *args: Any, **options: Any) -> None:
        if text := first_account.ensure():
            self.stdout.write(text)
