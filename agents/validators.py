"""What may stand in a voice agent's fields: names, addresses, formats.

Every error names the value and what is allowed, in its text and, for the API, in its `params`.
"""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from agents.dialects.registry import DIALECTS
from agents.formats import SAMPLE_RATES_HZ, Encoding
from agents.limits import MAX_SECRET, MAX_URL

URL_FORM = (
    "a ws:// or wss:// address such as wss://agents.example.com/v1/ws, without user name, "
    "password, fragment or spaces"
)
SECRET_FORM = f"up to {MAX_SECRET} printable ASCII characters on one line, no spaces around"
NOT_ALLOWED = "not-allowed"
"Code of our errors; a field puts its own text in place of one whose code is `invalid`."


def refused(value: Any, allowed: str, *, at: str = "") -> ValidationError:
    """Return the error for a value; `at` is the way to it within the field: `[1].name`."""
    text = repr(value)
    text = text if len(text) <= 100 else f"{text[:97]}..."
    place = f"{at}: " if at else ""
    return ValidationError(
        "%(place)s%(value)s is not allowed; allowed: %(allowed)s",
        code=NOT_ALLOWED,
        params={"place": place, "value": text, "allowed": allowed},
    )


def is_text(value: str) -> bool:
    """Tell whether every database can keep this text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def validate_text(value: str) -> None:
    """Raise ValidationError for what no database keeps."""
    if not is_text(value):
        raise refused(value, "text without NUL and without half characters")


def validate_websocket_url(value: str) -> None:
    """Raise ValidationError unless a websocket can be opened there (RFC 6455 section 3)."""
    if not _is_websocket_url(value):
        raise refused(value, URL_FORM)


def _is_websocket_url(value: str) -> bool:
    if len(value) > MAX_URL or not value.isascii() or not value.isprintable():
        return False
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("ws", "wss")
        and bool(parts.hostname)
        and port != 0
        and "@" not in parts.netloc
        and "#" not in value
        and " " not in value
    )


def validate_secret(value: str) -> None:
    """Raise ValidationError, without the value, for what cannot stand in a header."""
    is_header_text = value.isascii() and (value.isprintable() or not value)
    if not is_header_text or len(value) > MAX_SECRET or value != value.strip():
        raise ValidationError(
            "This secret is not allowed; allowed: %(allowed)s",
            code=NOT_ALLOWED,
            params={"value": "***", "allowed": SECRET_FORM},
        )


def validate_dialect(value: str) -> None:
    """Raise ValidationError unless this is the name of a dialect we speak."""
    if value not in DIALECTS:
        raise refused(value, ", ".join(DIALECTS))


def validate_encoding(value: str) -> None:
    """Raise ValidationError unless this is an encoding of audio."""
    if value not in SAMPLE_RATES_HZ:
        raise refused(value, ", ".join(SAMPLE_RATES_HZ))


def check_sample_rate(encoding: str, sample_rate: object) -> None:
    """Raise ValidationError unless this rate, which need not be told, is the encoding's."""
    rate = SAMPLE_RATES_HZ.get(Encoding(encoding)) if encoding in SAMPLE_RATES_HZ else None
    if rate is None or (isinstance(sample_rate, int) and sample_rate == rate):
        return
    raise refused(sample_rate, f"{rate} with {encoding}, or nothing")
