"""How control messages are written and read: one type a message, its name the type on the socket.

Both ends are of one release, so nothing is optional and nothing unknown is let pass. A call process
reads what strangers send: what it says is checked as a stranger's words are, and one that says
anything else is ended. Pure.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from callengine.core.shapes import ShapeError, plain, prepare, read

MAX_MESSAGE_BYTES = 256 * 1024
MAX_TOGETHER = 64
"Messages in one packet."


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

    def decode_all(self, data: bytes) -> Iterator[M]:
        """Yield the messages that `together` joined, each as it is read; raises ControlError."""
        parts = data.split(_BETWEEN, MAX_TOGETHER)
        if len(parts) > MAX_TOGETHER:
            raise ControlError(f"more than {MAX_TOGETHER} messages came together")
        return map(self.decode, parts)

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


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


_BETWEEN = b"\n"
"Between messages that travel together; JSON of one line has none."
_DECODER = json.JSONDecoder(parse_constant=_refuse)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _parsed(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"it is no JSON: {str(error)[:100]}") from None
    if end != len(text):
        raise ControlError("it is no JSON: something follows it")
    return value


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
    text = _ENCODER.encode(fields)
    if r"\u0000" in text:
        text = _NUL.sub(r"\1?", text)
    data = text.encode(errors="replace")
    if len(data) > MAX_MESSAGE_BYTES:
        raise ControlError(f"a {type(message).__name__} of {len(data)} bytes is too long")
    return data


def together(written: Iterable[bytes]) -> bytes:
    """Return messages that `encode` wrote as one packet."""
    return _BETWEEN.join(written)
