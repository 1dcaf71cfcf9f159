"""The transfers an agent asked for, until it is told that they have failed. Pure."""


class OwedTransfers:
    """Those of one session, whatever websocket it has: one that is lost may be resumed."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[int, str] | None] = {}
        "By their keys: None, or the SIP code with which one has failed, and why."

    def ask(self, key: str) -> None:
        """Take that the agent asks for one."""
        self._asked[key] = None

    def failed(self, key: str, code: int, why: str) -> None:
        """Take that one has failed; one that the session never asked for is nothing to it."""
        if key in self._asked:
            self._asked[key] = code, why

    def untold(self) -> list[tuple[str, int, str]]:
        """Hand out those that have failed: key, SIP code and why."""
        over = [(key, *end) for key, end in self._asked.items() if end is not None]
        for key, _, _ in over:
            del self._asked[key]
        return over

    def owed(self, *, resumes: bool) -> tuple[str, ...]:
        """Return the keys of all, for a new websocket; a new session is owed nothing."""
        if not resumes:
            self._asked.clear()
        return tuple(self._asked)
