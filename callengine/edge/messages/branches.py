"""Via branches of ours, which whoever answers repeats (RFC 3261 section 8.1.1.7)."""

import re

BRANCH = "z9hG4bKvn"
"Every branch of ours starts so: a request that comes back is recognised."

RequestKey = tuple[str, str]
"Branch and method of a request of ours (RFC 3261 section 17.1.3)."

_PEEKED_BYTES = 1024
_OURS = re.compile(rb";[ \t]*branch=(z9hG4bKvn[0-9a-f]{24})(?![0-9a-f])", re.IGNORECASE)
_METHOD = re.compile(rb"([A-Z]{3,20}) ")


def key_in(request: bytes) -> RequestKey | None:
    """Return branch and method of what looks like a request of ours, from its first bytes."""
    method, branch = _METHOD.match(request), branch_in(request)
    return (branch, method.group(1).decode()) if method and branch else None


def branch_in(message: bytes) -> str:
    """Return what looks like a branch of ours in a message's first bytes, unread; or ''."""
    match = _OURS.search(message, 0, _PEEKED_BYTES)
    return match.group(1).decode() if match else ""
