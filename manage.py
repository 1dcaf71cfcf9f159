#!/usr/bin/env python
"""The command line: `manage.py help` lists the commands."""

import io
import os
import sys

from voipnumber.private import keep_private


def main() -> None:
    """Run one management command."""
    keep_private()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # To a pipe, such as a service's journal, lines would else wait until the command ends.
        sys.stdout.reconfigure(line_buffering=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voipnumber.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        sys.exit(f"{error}\nRun bin/setup first, then .venv/bin/python manage.py ...")
    from django.db import DatabaseError

    from provisioning.tables import advice

    try:
        execute_from_command_line(sys.argv)
    except DatabaseError as error:
        if (words := advice(error)) is None:
            raise
        sys.exit(words)


if __name__ == "__main__":
    main()
