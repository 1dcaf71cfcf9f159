"""`manage.py provision FILE`: make the database hold what a YAML file says."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from provisioning import tables
from provisioning.apply import provision
from provisioning.export import export
from provisioning.problems import ProvisionError
from provisioning.rows import Outcome


class Command(BaseCommand):
    help = "Apply a configuration file (YAML) in one transaction, or export the configuration."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="the file; - is standard input (or output)")
        parser.add_argument("--dry-run", action="store_true", help="say what would change")
        parser.add_argument(
            "--export", action="store_true", help="write the configuration, without passwords"
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="delete what the sections of the file do not name (default: leave it alone)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["file"]
        if options["export"]:
            if options["dry_run"] or options["prune"]:
                raise CommandError("--export goes with neither --dry-run nor --prune")
            self._export(file or "-")
            return
        if not file:
            raise CommandError("name a file, or use --export")
        try:
            outcome = provision(
                text=_read(file),
                file=file,
                folder=None if file == "-" else Path(file).parent,
                dry_run=options["dry_run"],
                prune=options["prune"],
            )
        except ProvisionError as error:
            raise CommandError(f"{error}\nNothing was changed.") from None
        except DatabaseError as error:
            refused = tables.advice(error) or f"the database refused: {error}"
            raise CommandError(f"{file}: {refused}") from None
        self._report(outcome, dry_run=options["dry_run"], verbosity=options["verbosity"])

    def _export(self, file: str) -> None:
        text = export()
        if file == "-":
            self.stdout.write(text, ending="")
            return
        try:
            with Path(file).open("x", encoding="utf-8") as target:
                target.write(text)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None

    def _report(self, outcome: Outcome, *, dry_run: bool, verbosity: int) -> None:
        if verbosity:
            for change in outcome.changes:
                self.stdout.write(str(change))
            for note in outcome.notes:
                self.stdout.write(f"note: {note}")
        count = len(outcome.changes)
        noun = "change" if count == 1 else "changes"
        self.stdout.write(f"{count} {noun}" + (", not applied (--dry-run)" if dry_run else ""))


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CommandError(f"{file}:{line}: not UTF-8 text; nothing was changed") from None
