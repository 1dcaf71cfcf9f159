"""Make what peers sent fit to be stored: PostgreSQL refuses NUL, surrogates and too much of it."""

import math
import re
from collections.abc import Callable
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_JSON_TEXT = 2000


def is_storable(text: str) -> bool:
    """Return whether a database can store this text, or be asked for it."""
    return _UNSTORABLE.search(text) is None


def clean_text(value: object, limit: int) -> str:
    """Return text without NUL and surrogates, `limit` characters at most; None gives nothing."""
    text = "" if value is None else str(value)
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text[:limit])


def text_within(limit: int) -> Callable[[object], str | None]:
    """Return what makes text of any value as `clean_text` does, but None stays None."""
    unstorable = _UNSTORABLE.search

    def fit(value: object) -> str | None:
        if type(value) is str and len(value) <= limit and unstorable(value) is None:
            return value
        return None if value is None else clean_text(value, limit)

    return fit


def clean_json(value: Any) -> Any:
    """Return JSON-ready data with each text cleaned; numbers JSON cannot hold become None."""
    if isinstance(value, dict):
        return {clean_text(key, 100): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return clean_text(value, MAX_JSON_TEXT)
