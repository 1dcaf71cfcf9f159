"""What pages of many places show, as plain values."""

import datetime as dt
from dataclasses import dataclass

from audiocodecs.chips import Chip


@dataclass(frozen=True, slots=True)
class Badge:
    """A state: a word, and a tone among up, wait, held, fail and idle."""

    word: str
    tone: str


@dataclass(frozen=True, slots=True)
class NodeView:
    """One engine node in the panel behind the pill."""

    name: str
    up: bool
    seen: dt.datetime
    calls: int
    max_calls: int
    listening: tuple[str, ...]
    chips: tuple[Chip, ...]
    unavailable: tuple[tuple[Chip, str], ...]
    unconfined: tuple[str, ...]
    "What its call processes are not kept from."
    shortages: tuple[str, ...]
    "What its machine does not give it."


@dataclass(frozen=True, slots=True)
class EngineView:
    """The pill of the top bar, and what is behind it."""

    tone: str
    text: str
    since: dt.datetime | None
    advice: str
    missing: tuple[str, ...]
    "Codecs that some running node cannot do now."
    nodes: tuple[NodeView, ...]
    registered: int | None = None
    "Connections with a valid registration, over all nodes; None if that is not known."
