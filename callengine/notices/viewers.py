"""What web processes tell each other of those who look on."""

import hashlib
from dataclasses import dataclass

from callengine.notices.wire import notice


@notice("session.ended")
@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A login has signed out: what it has open is to be closed."""

    session: str
    "Its `session_mark`."


@notice("viewer.changed")
@dataclass(frozen=True, slots=True)
class ViewerChanged:
    """Whether somebody may still look on is to be asked anew."""

    user: int | None
    "Primary key of the user; None: everybody."


def session_mark(session_key: str) -> str:
    """Return what stands for a login in messages; it does not tell the key."""
    return hashlib.blake2s(session_key.encode(), digest_size=16).hexdigest()
