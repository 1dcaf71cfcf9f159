"""`manage.py calls`: print the latest calls, newest last."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from callengine.core.parties import CALLER, parties
from callengine.core.snapshot import CallSnapshot
from callengine.management.listing import add_listing_arguments, newest_last, print_table
from callengine.models import Call
from callengine.record.reading import snapshot, whole_snapshot, with_details


class Command(BaseCommand):
    help = "Print the latest calls, newest last."

    def add_arguments(self, parser: CommandParser) -> None:
        add_listing_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        rows = newest_last(
            with_details(Call.objects.all()).prefetch_related("agent_sessions"),
            time="started",
            last=options["last"],
            as_json=options["json"],
        )
        if options["json"]:
            for call in rows:
                self.stdout.write(json.dumps(described(call)))
            return
        print_table(
            self.stdout,
            ("started", "from", "to", "state", "leg A", "leg B", "ended by", "reason", "code"),
            [_row(snapshot(call)) for call in rows],
        )


def described(call: Call) -> dict[str, Any]:
    """Return one call as a JSON-ready object; times are ISO 8601 in UTC."""
    full = whole_snapshot(call)
    return {
        **{key: full[key] for key in ("id", "started", "answered", "ended", "from", "to")},
        "source": full["source"],
        "destination": full["destination"],
        "taken_by": full.get("taken_by", ""),
        "state": full["state"],
        "transcoded": full["transcoded"],
        "legs": [
            {
                "name": leg["name"],
                "call_id": leg["call_id"],
                "offered": leg["offered"],
                "allowed": leg["allowed"],
                "codec": leg["codec"],
                "remote": leg["remote"],
                "encryption": leg["encryption"],
            }
            for leg in full["legs"]
        ],
        "termination": full["termination"],
        **({"attempts": full["attempts"]} if "attempts" in full else {}),
        **({"agents": full["agents"]} if "agents" in full else {}),
    }


def _row(call: CallSnapshot) -> tuple[str, ...]:
    codec_a, codec_b = parties(call["legs"], call.get("near", CALLER)).codecs
    end = call["termination"]
    return (
        call["started"][:19],
        call["from"],
        call["to"],
        call["state"],
        codec_a or "-",
        codec_b or "-",
        *((end["by"], end["reason"], str(end["code"])) if end else ("", "", "")),
    )
