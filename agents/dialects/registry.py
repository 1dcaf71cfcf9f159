"""Every dialect there is: the modules of this folder that have a `KIND`."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from agents import dialects
from agents.dialects.interface import Dialect, Session
from agents.dialects.kinds import DialectKind


def _kinds() -> Iterator[DialectKind]:
    for module in iter_modules(dialects.__path__, f"{dialects.__name__}."):
        kind = (
            None if module.name == __name__ else getattr(import_module(module.name), "KIND", None)
        )
        if isinstance(kind, DialectKind):
            yield kind


DIALECTS: Mapping[str, DialectKind] = MappingProxyType({kind.name: kind for kind in _kinds()})
"By name, in the order of their names."


def make(dialect: str, session: Session) -> Dialect:
    """Return one websocket's conversation in a dialect. Raises KeyError for one there is not."""
    return DIALECTS[dialect].make(session)
