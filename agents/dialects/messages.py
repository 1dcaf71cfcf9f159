"""JSON messages, read from agents that may send anything, and written."""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_TEXT = 8_000
"Characters of a transcript's line that are kept."
MAX_ID = 256
"Characters of an id or a name that is remembered."


_FROM_URLS = str.maketrans("-_", "+/")
_write = json.JSONEncoder(separators=(",", ":")).encode
_read = json.JSONDecoder().decode


class OddMessageError(ValueError):
    """A message that is ignored; the text says what is odd about it, in words of ours."""


def read(message: str | bytes) -> Mapping[str, Any]:
    """Return a message's object. Raises OddMessageError."""
    if isinstance(message, bytes):
        raise OddMessageError("binary message")
    try:
        value = _read(message)
    except (ValueError, RecursionError):
        raise OddMessageError("message that is not JSON") from None
    if not isinstance(value, dict):
        raise OddMessageError("message that is not a JSON object")
    return value


def write(message: Mapping[str, Any]) -> str:
    """Return a message as text, in ASCII: what agents send has half characters that are none."""
    return _write(message)


def write_audio(kind: str, field: str, audio: bytes) -> str:
    """Return a message that is nothing but audio: 50 a second, and nothing in it to escape."""
    return f'{{"type":"{kind}","{field}":"{base64(audio)}"}}'


def at(message: Mapping[str, Any], *path: str) -> Any:
    """Return what lies at a path of keys, or None."""
    value: Any = message
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_at(message: Mapping[str, Any], *path: str) -> str:
    """Return the text at a path, cut to MAX_TEXT and fit to be stored; empty if there is none."""
    value = at(message, *path)
    if not isinstance(value, str):
        return ""
    return value[:MAX_TEXT].replace("\0", "").encode(errors="replace").decode()


def id_at(message: Mapping[str, Any], *path: str) -> str:
    """Return the id at a path; empty if there is none, or none that may be remembered."""
    value = at(message, *path)
    is_fit = isinstance(value, str) and len(value) <= MAX_ID and value.isprintable()
    return value if is_fit else ""


def number_at(message: Mapping[str, Any], *path: str) -> float | None:
    """Return the number at a path, or None."""
    value = at(message, *path)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e15 else None


def audio_at(message: Mapping[str, Any], *path: str) -> bytes:
    """Return the audio written in base64 at a path. Raises OddMessageError.

    Lines that are broken (RFC 2045), the alphabet for URLs (RFC 4648 section 5) and an end without
    padding mean what they mean to whoever wrote them.
    """
    value = at(message, *path)
    if not isinstance(value, str):
        raise OddMessageError("audio message without audio")
    try:
        return a2b_base64(value, strict_mode=True)
    except ValueError:
        pass
    plain = "".join(value.split()).rstrip("=").translate(_FROM_URLS)
    try:
        return a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except ValueError:
        raise OddMessageError("audio that is not base64") from None


def base64(audio: bytes) -> str:
    """Return audio written in base64."""
    return b2a_base64(audio, newline=False).decode()
