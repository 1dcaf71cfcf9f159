"""`manage.py prune --days N`: delete what is older from the record."""

import argparse
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from callengine.record.captures import sweep
from callengine.record.retention import prune

MAX_DAYS = 36500


class Command(BaseCommand):
    help = "Delete calls and rejections older than so many days, and expired registrations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=_days, required=True, metavar="N", help="what is younger stays"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        deleted = dict.fromkeys(("calls", "rejections", "expired registrations"), 0)
        for kind, count in prune(now=now, before=now - timedelta(days=options["days"])):
            deleted[kind] += count
        sweep(settings.VOIPNUMBER_DATA)
        counts = ", ".join(f"{count} {kind}" for kind, count in deleted.items())
        self.stdout.write(f"deleted: {counts}")


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_DAYS}")
    return int(text)
