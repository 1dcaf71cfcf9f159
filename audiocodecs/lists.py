"""Ordered codec lists: what may stand in one, and what is said when it may not."""

import re
from collections.abc import Sequence
from typing import Any

from audiocodecs.catalogue import CATALOGUE

ALLOWED = ", ".join(CATALOGUE)


class CodecListError(ValueError):
    """A codec list that cannot be used; its text names the value and what is allowed."""


def parse_codec_list(value: Any) -> tuple[str, ...]:
    """Return `value`, a sequence of codec names in any case, as catalogue names in order.

    Raises CodecListError for an empty list, an unknown codec or a codec named twice.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise CodecListError(f"a codec list is a list of names, not {value!r}; allowed: {ALLOWED}")
    names: list[str] = []
    for item in value:
        name = item.upper() if isinstance(item, str) else item
        if not isinstance(name, str) or name not in CATALOGUE:
            raise CodecListError(f"{item!r} is not a codec known here; allowed: {ALLOWED}")
        if name in names:
            raise CodecListError(f"{name} is in the list twice; each codec may stand once")
        names.append(name)
    if not names:
        raise CodecListError(f"a codec list cannot be empty; allowed: {ALLOWED}")
    return tuple(names)


def names_in(text: str) -> list[str]:
    """Return what a text names, separated by commas or white space; it may name nonsense."""
    return [name for name in re.split(r"[\s,]+", text) if name]
