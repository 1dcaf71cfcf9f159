"""What is said of a database whose tables are not there, or those of an older version."""

import sqlite3

from django.conf import settings
from django.db import DatabaseError

MISSING = ("no such table", "no such column", "has no column named")
MISSING_STATES = ("42P01", "42703")
"Of PostgreSQL: undefined table, undefined column."


def advice(error: DatabaseError) -> str | None:
    """Return what to do about tables that a query did not find; None: it failed otherwise."""
    cause = error.__cause__
    is_missing = getattr(cause, "sqlstate", None) in MISSING_STATES or (
        isinstance(cause, sqlite3.Error) and any(words in str(cause) for words in MISSING)
    )
    if not is_missing:
        return None
    where = settings.DATABASES["default"]
    return (
        f"The database {where['NAME']} lacks tables of this version: {str(cause).splitlines()[0]}\n"
        "Make them with: .venv/bin/python manage.py migrate\n"
        "bin/run makes those of its demo in data/demo; to look there: "
        "VOIPNUMBER_DATA=data/demo .venv/bin/python manage.py ..."
    )
