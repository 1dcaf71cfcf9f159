"""How control messages are written and read: one type a message, its name the type on the socket.

Both ends are of one release, so nothing is optional and nothing unknown is let pass. A call process
reads what strangers send: what it says is checked as a stranger's words are, and one that says
anything else is ended. Pure.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from callengine.core.shapes import ShapeError, plain, prepare, read

MAX_MESSAGE_BYTES = 256 * 1024


M = TypeVar("M")


class ControlError(ValueError):
    """Bytes that are no message; the text names the message and the field."""


@dataclass(frozen=True, slots=True)
class Language(Generic[M]):
    """The messages that one end may send."""

    kinds: Mapping[str, type[M]] = field(repr=False)

    def __post_init__(self) -> None:
        """Prepare for reading: before call processes are forked, each of which reads few orders."""
        for kind in self.kinds.values():
            prepare(kind, exact=True)

    def decode(self, data: bytes) -> M:
        """Return the message that `encode` wrote; raises ControlError for anything else."""
        if len(data) > MAX_MESSAGE_BYTES:
            raise ControlError(f"a message of {len(data)} bytes is too long")
        fields = _parsed(data)
        name = fields.pop("type", None) if isinstance(fields, dict) else None
        kind = self.kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            raise ControlError(f"there is no message {str(name)[:60]!r} here")
        try:
            return read(kind, fields, exact=True)
        except ShapeError as error:
            raise ControlError(str(error.inside(kind.__name__))) from None


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"it is no JSON: {str(error)[:100]}") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


def language(union: Any) -> Language[Any]:
    """Return the language of the types in a union."""
    return Language({kind.__name__: kind for kind in union.__args__})


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"As JSON writes it, and not where the backslash is itself escaped."


def encode(message: Any) -> bytes:
    """Return a message as it is written to its socket; raises ControlError if it is too long.

    What the reader would not take of a peer's text, a lone surrogate or U+0000, is replaced.
    """
    fields = {"type": type(message).__name__, **plain(message)}
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if r"\u0000" in text:
        text = _NUL.sub(r"\1?", text)
    data = text.encode(errors="replace")
    if len(data) > MAX_MESSAGE_BYTES:
        raise ControlError(f"a {type(message).__name__} of {len(data)} bytes is too long")
    return data
