"""How notices travel: as plain dicts over the channel layer, each checked where it arrives."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from callengine.core.shapes import ShapeError, plain, read

logger = logging.getLogger(__name__)

SEVERAL = "several"
"The type of a message that carries others."
URGENT = "urgent"
"Stands in a message that pages are not to wait for."
COMMAND = "engine.command"
"The type of what pages ask of engines; which command it is stands in a field of its own."
QUIET_S = 60.0
"A sender of another version sends many; one complaint a minute about each field is enough."

N = TypeVar("N")
_T = TypeVar("_T")
_kinds: dict[type, dict[str, str]] = {}
_names: set[str] = set()


def notice(kind: str) -> Callable[[type[_T]], type[_T]]:
    """Have a dataclass travel as a message of this `type`."""
    return _registered({"type": kind})


def command(name: str) -> Callable[[type[_T]], type[_T]]:
    """Have a dataclass travel as a command that pages give to engines."""
    return _registered({"type": COMMAND, "command": name})


def _registered(head: dict[str, str]) -> Callable[[type[_T]], type[_T]]:
    def register(shape: type[_T]) -> type[_T]:
        _kinds[shape] = head
        _names.add(_name(head))
        return shape

    return register


def to_message(told: object) -> dict[str, Any]:
    """Return the message that carries a notice."""
    return {**_kinds[type(told)], **plain(told)}


class Reader(Generic[N]):
    """Reads the notices of some kinds and leaves all others alone.

    A group carries what its other hearers wait for. Only what nobody declares is logged: it comes
    of a process of another version.
    """

    def __init__(self, *shapes: type[N]) -> None:
        self._shapes = {_name(_kinds[shape]): shape for shape in shapes}
        self._complained: dict[str, float] = {}

    def read(self, message: Mapping[str, Any]) -> list[N]:
        """Return the notices of a message that arrived, none of those that cannot be read."""
        carried = message.get("messages") if message.get("type") == SEVERAL else [message]
        if not isinstance(carried, list):
            self._complain(SEVERAL, "messages is not a list")
            return []
        notices = (self._one(each) for each in carried)
        return [told for told in notices if told is not None]

    def _one(self, message: object) -> N | None:
        if not isinstance(message, Mapping):
            self._complain("?", "it is not a mapping")
            return None
        name = _name(message)
        shape = self._shapes.get(name)
        if shape is None:
            if name not in _names:
                self._complain(name, "its type is not known here")
            return None
        try:
            return read(shape, message)
        except ShapeError as fault:
            self._complain(name, str(fault))
            return None

    def _complain(self, name: str, what: str) -> None:
        now, complaint = time.monotonic(), f"{name[:100]!r}: {what[:200]}"
        if now - self._complained.get(complaint, -QUIET_S) < QUIET_S:
            return
        if len(self._complained) > 100:
            self._complained.clear()
        self._complained[complaint] = now
        logger.warning("a message over the channel layer was left alone: %s", complaint)


def _name(head: Mapping[Any, Any]) -> str:
    """Return what tells a kind from all others: the type, or the command."""
    return str(head.get("command") if head.get("type") == COMMAND else head.get("type"))
