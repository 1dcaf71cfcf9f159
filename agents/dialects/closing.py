"""What it means that an agent's websocket was refused or has closed (RFC 6455 section 7.4)."""

from agents.dialects.interface import Failed, Failure

NORMAL = frozenset({1000, 1005})
"Closed on purpose: with the code for it, or without any."
LOST = 1006
"Closed without a closing handshake: the connection broke."
_WORDS = {
    1001: "it is going away",
    1002: "it says that we broke the protocol",
    1003: "it does not take such messages",
    LOST: "the connection broke",
    1007: "it says that a message was not well formed",
    1008: "it says that we broke its rules",
    1009: "a message was too long",
    1011: "it has failed",
    1012: "it is being started anew",
    1013: "it has no place now",
    1014: "what lies behind it is down",
}
_KINDS = {1008: Failure.REFUSED, 1013: Failure.BUSY}
_PASSING = frozenset({1001, LOST, 1011, 1012, 1013, 1014})
_STATUS_BUSY = frozenset({429, 503})
_STATUS_PASSING = frozenset({408, 429, 500, 502, 503, 504})


def is_passing(code: int) -> bool:
    """Return whether a new websocket may do better after this close code."""
    return code in _PASSING


def failed(
    code: int,
    reason: str,
    *,
    is_retryable: bool,
    keeps_session: bool = True,
    had_begun: bool = False,
) -> Failed:
    """Return what a close that nobody asked for means.

    A session that had begun was neither refused nor one too many, whatever the code says.
    """
    kind = Failure.LOST if had_begun else _KINDS.get(code, Failure.LOST)
    said = f": {reason[:200]}" if reason else ""
    words = _WORDS.get(code, "for a reason of its own")
    message = f"The agent's websocket closed with {code} ({words}){said}"
    return Failed(kind, f"closed {code}", message, is_retryable, keeps_session)


def refused(status: int, body: str = "") -> Failed:
    """Return what an answer to the upgrade other than 101 means; `status` is HTTP's."""
    said = f": {body[:200]}" if body else ""
    message = f"The agent's server refused the websocket with HTTP {status}{said}"
    kind = Failure.REFUSED if status < 500 else Failure.LOST
    if status in _STATUS_BUSY:
        kind = Failure.BUSY
    return Failed(kind, f"http {status}", message, status in _STATUS_PASSING)
