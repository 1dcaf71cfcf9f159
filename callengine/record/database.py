"""Database connections of the engine's own threads: kept for a while, not opened for each use."""

import time

from django.db import connection

KEPT_S = 60.0
"Opening costs more than the queries of a call; after this long one is opened anew all the same."


def keep_connected() -> None:
    """Have a connection that works for this thread; call before each use.

    Django's own `CONN_MAX_AGE` is about requests, and zero by default. One that has failed is
    replaced. Raises django.db.OperationalError if the database is away.
    """
    connection.close_if_unusable_or_obsolete()
    if connection.connection is None:
        connection.ensure_connection()
        connection.close_at = time.monotonic() + KEPT_S
