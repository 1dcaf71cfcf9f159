"""Keys that come in an INFO, in each of the forms phones write, made one. Pure."""

import re

RELAY = "application/dtmf-relay"
PLAIN = "application/dtmf"
TYPES = (RELAY, PLAIN)
DEFAULT_MS = 160
LONGEST_MS = 5000

_SIGNAL = re.compile(r"signal[ \t]*=[ \t]*(\S{1,4})[ \t]*", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(r"duration[ \t]*=[ \t]*(\d{1,5})[ \t]*", re.IGNORECASE | re.ASCII)
_KEYS = "0123456789*#ABCD"
"In the order of their event numbers (RFC 4733 section 3.2)."
MAX_BYTES = 256


def relayed_key(content_type: str, body: bytes) -> bytes:
    """Return the body of an INFO as a call process reads it (dtmf-relay); b"" for no key.

    A phone may name the key or its event number (`*` or `10`).
    """
    kind = "".join(content_type.partition(";")[0].split()).lower()
    if kind not in TYPES or len(body) > MAX_BYTES:
        return b""
    lines = body.decode("ascii", "replace").splitlines()
    signal = next(filter(None, map(_SIGNAL.fullmatch, map(str.strip, lines))), None)
    duration = next(filter(None, map(_DURATION.fullmatch, map(str.strip, lines))), None)
    first = next((line.strip() for line in lines if line.strip()), "")
    key = _key(signal[1] if signal else first if kind == PLAIN else "")
    if key is None:
        return b""
    length_ms = int(duration[1]) if duration else 0
    length_ms = length_ms if 0 < length_ms <= LONGEST_MS else DEFAULT_MS
    return f"Signal={key}\r\nDuration={length_ms}\r\n".encode()


def _key(text: str) -> str | None:
    if len(text) == 1 and text.upper() in _KEYS:
        return text.upper()
    if text.isascii() and text.isdecimal() and len(text) == 2 and int(text) < len(_KEYS):
        return _KEYS[int(text)]
    return None
