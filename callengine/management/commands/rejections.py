"""`manage.py rejections`: print the latest rejections, newest last."""

import json
from datetime import UTC
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from callengine.management.listing import add_listing_arguments, newest_last, print_table
from callengine.models import Rejection

KEYS = ("at", "source_address", "user", "method", "code", "rule", "advice")
MORE = ("to", "call_id")
"In JSON alone."


class Command(BaseCommand):
    help = "Print the latest rejections: requests that never became a call; newest last."

    def add_arguments(self, parser: CommandParser) -> None:
        add_listing_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        rows = newest_last(
            Rejection.objects.all(), time="at", last=options["last"], as_json=options["json"]
        )
        if options["json"]:
            for row in rows:
                self.stdout.write(json.dumps(described(row)))
            return
        table = [tuple(str(rejection[key]) for key in KEYS) for rejection in map(described, rows)]
        print_table(self.stdout, KEYS, [(at[:19], *rest) for at, *rest in table])


def described(row: Rejection) -> dict[str, Any]:
    """Return one rejection as a JSON-ready object; `at` is ISO 8601 in UTC."""
    values = {key: getattr(row, key) for key in (*KEYS, *MORE)}
    return {**values, "at": row.at.astimezone(UTC).isoformat()}
