"""Responses cut to a size: whoever writes another's address as source gets no cannon from us."""

from collections.abc import Callable

Lines = list[bytes]

_DISPENSABLE = (b"server", b"user-agent", b"allow", b"accept", b"supported", b"date", b"reason")
_SHORT = {
    b"via": b"v",
    b"from": b"f",
    b"to": b"t",
    b"call-id": b"i",
    b"contact": b"m",
    b"content-length": b"l",
}
_CHALLENGE = b"www-authenticate"


def shortened(response: bytes, limit: int) -> bytes | None:
    """Return a response of at most `limit` bytes that says the same, or None if there is none.

    What goes first is what nobody needs, then long header names (RFC 3261 section 7.3.3), then all
    challenges but the first. A response with a body is not touched.
    """
    if len(response) <= limit:
        return response
    head, end, body = response.partition(b"\r\n\r\n")
    if body:
        return None
    lines = head.split(b"\r\n")
    for step in _STEPS:
        lines = [lines[0], *step(lines[1:])]
        short = b"\r\n".join(lines) + end
        if len(short) <= limit:
            return short
    return None


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()


def _only_needed(lines: Lines) -> Lines:
    return [line for line in lines if _name(line) not in _DISPENSABLE]


def _compact(lines: Lines) -> Lines:
    return [_compact_line(line) for line in lines]


def _compact_line(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    return _SHORT.get(name.strip().lower(), name) + b":" + value.strip()


def _one_challenge(lines: Lines) -> Lines:
    challenges = [line for line in lines if _name(line) == _CHALLENGE]
    return [line for line in lines if _name(line) != _CHALLENGE] + challenges[:1]


_STEPS: tuple[Callable[[Lines], Lines], ...] = (_only_needed, _compact, _one_challenge)
