"""Who acts now: set once where a request or a command comes in, read where something is written."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from audit.models import ActorKind


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who does something."""

    kind: ActorKind
    name: str
    via: str = ""
    address: str = ""


_acting: ContextVar[Callable[[], Actor] | None] = ContextVar("audit_acting", default=None)


@contextmanager
def acting(whom: Callable[[], Actor]) -> Iterator[None]:
    """Have `whom` asked for what is written in here."""
    token = _acting.set(whom)
    try:
        yield
    finally:
        _acting.reset(token)


def is_asked() -> bool:
    """Whether somebody acts whom a request or a file names."""
    return _acting.get() is not None


def actor() -> Actor:
    """Return who acts; where nobody said so, it is whoever runs the command."""
    whom = _acting.get()
    return whom() if whom is not None else _command()


def _command() -> Actor:
    program, words = Path(sys.argv[0]).name, sys.argv[1:2]
    return Actor(ActorKind.COMMAND, " ".join([program, *words]) or "command line")
