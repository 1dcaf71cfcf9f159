"""How many websockets one session, and one user, may have open in this process."""

from collections import Counter

from django.conf import settings

from dashboard.live.outbox import Viewer

TOO_MANY = 4429
"Closes a websocket for which there is no place; its page says so and asks over HTTP instead."


class Places:
    """Counts those who look on."""

    def __init__(self) -> None:
        self._sessions: Counter[str] = Counter()
        self._users: Counter[int] = Counter()

    def take(self, viewer: Viewer) -> bool:
        """Take a place, if the session and its user have one left."""
        if (
            self._sessions[viewer.session_key] >= settings.VOIPNUMBER_WEBSOCKETS_PER_SESSION
            or self._users[viewer.user_id] >= settings.VOIPNUMBER_WEBSOCKETS_PER_USER
        ):
            return False
        self._sessions[viewer.session_key] += 1
        self._users[viewer.user_id] += 1
        return True

    def leave(self, viewer: Viewer) -> None:
        """Give a place back."""
        self._sessions -= Counter([viewer.session_key])
        self._users -= Counter([viewer.user_id])
