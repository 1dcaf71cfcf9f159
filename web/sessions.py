"""Sessions of browsers, in the database: Django's, which asks it for whatever a cookie says."""

from typing import Any

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """One session, whose key is one that could have been given out.

    A quoted cookie may hold any byte; PostgreSQL takes no NUL, and every page failed at one.
    """

    def _validate_session_key(self, key: Any) -> bool:
        """Tell whether a key is worth looking for."""
        is_one = super()._validate_session_key(key)  # type: ignore[misc]
        return bool(is_one) and key.isascii() and key.isalnum()
