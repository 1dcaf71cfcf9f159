"""`manage.py prune --days N`: delete what is older from the record."""

import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from callengine.record.retention import prune_calls, prune_rejections
from connections.services import delete_expired_registrations

MAX_DAYS = 36500


class Command(BaseCommand):
    help = "Delete calls and rejections older than so many days, and expired registrations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=_days, required=True, metavar="N", help="what is younger stays"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        before = now - timedelta(days=options["days"])
        calls = sum(prune_calls(before=before))
        rejections = sum(prune_rejections(before=before))
        registrations = delete_expired_registrations(now=now)
        self.stdout.write(
            f"deleted: {calls} calls, {rejections} rejections, "
            f"{registrations} expired registrations"
        )


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_DAYS}")
    return int(text)
