"""Arranging a codec list, one step at a time: what the buttons of the codec picker do. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from audiocodecs.catalogue import CARRIER_CODECS, CATALOGUE, PLATFORM_CODECS
from audiocodecs.lists import parse_codec_list

FORCED = ";force"
PICKED = (*PLATFORM_CODECS, *CARRIER_CODECS)
"What every picker shows."
PLAIN_BIT_RATE_BPS = CATALOGUE["PCMU"].wire_bit_rate_bps
"What a codec costs that compresses nothing: one that costs as much saves no bandwidth."


@dataclass(frozen=True, slots=True)
class StoredList:
    """What is stored of one list; no codecs mean the list it falls back to."""

    codecs: tuple[str, ...] = ()
    force: bool = False

    @property
    def token(self) -> str:
        """Return it as text, such as `G722,PCMU;force`: what a form says it was based on."""
        return ",".join(self.codecs) + (FORCED if self.force else "")

    @classmethod
    def from_token(cls, token: str) -> "StoredList":
        """Return what a token says; raises CodecListError if it says nothing of the kind."""
        names = token.removesuffix(FORCED)
        codecs = parse_codec_list(names.split(",")) if names else ()
        return cls(codecs, token.endswith(FORCED))


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What a person has arranged and may not have saved yet; the codecs best first.

    One that `follows` shows the list it falls back to, and has none of its own.
    """

    codecs: tuple[str, ...]
    follows: bool = False
    force: bool = False

    @classmethod
    def of(cls, stored: StoredList, fallback: Sequence[str]) -> "Arrangement":
        """Return a stored list as it is shown at first."""
        return cls(stored.codecs or tuple(fallback), not stored.codecs, stored.force)

    @property
    def stored(self) -> StoredList:
        """What saving it would store; following stores no codecs at all."""
        return StoredList(() if self.follows else self.codecs, self.force)


@dataclass(frozen=True, slots=True)
class Preset:
    """A list that one button makes, in place of what is selected."""

    key: str
    words: str
    codecs: tuple[str, ...]


def offered(fallback: Sequence[str], *others: Sequence[str]) -> tuple[str, ...]:
    """Return the codecs a picker shows, in the catalogue's order.

    The platform's five, those of carriers, and whatever a list already holds. What else the
    catalogue knows (Speex, L16) would only clutter. Who wants one provisions it.
    """
    offer = {*PICKED, *fallback, *(name for names in others for name in names)}
    return tuple(name for name in CATALOGUE if name in offer)


def presets(fallback: Sequence[str]) -> tuple[Preset, ...]:
    """Return the ready-made lists; among equals the order is that of the list fallen back to."""
    every = (*fallback, *(name for name in PICKED if name not in fallback))
    slim = (name for name in every if CATALOGUE[name].wire_bit_rate_bps < PLAIN_BIT_RATE_BPS)
    thrifty = sorted(slim, key=lambda name: CATALOGUE[name].wire_bit_rate_bps)
    return (
        Preset("hd", "HD only", tuple(name for name in every if CATALOGUE[name].hd)),
        Preset("thrift", "Save bandwidth", tuple(thrifty)),
        Preset("all", "Everything", every),
    )


_STEP = re.compile(r"(?P<verb>up|down|add|remove|preset):(?P<name>[A-Za-z0-9-]{1,20})\Z")


def arrange(now: Arrangement, step: str, *, fallback: Sequence[str]) -> Arrangement:
    """Return the arrangement after one step.

    A step is `up:G722`, `down:G722`, `add:G722`, `remove:G722`, `preset:hd` or `follow`. One that
    is unknown or leads nowhere, such as up from the top, changes nothing.
    """
    if step == "follow":
        return replace(now, codecs=tuple(fallback), follows=True)
    match = _STEP.match(step)
    if match is None:
        return now
    codecs = _VERBS[match["verb"]](now.codecs, match["name"], fallback)
    return now if codecs == now.codecs else replace(now, codecs=codecs, follows=False)


def _moved(codecs: tuple[str, ...], name: str, by: int) -> tuple[str, ...]:
    if name not in codecs or not 0 <= codecs.index(name) + by < len(codecs):
        return codecs
    at = codecs.index(name)
    rest = [other for other in codecs if other != name]
    return (*rest[: at + by], name, *rest[at + by :])


def _up(codecs: tuple[str, ...], name: str, _: Sequence[str]) -> tuple[str, ...]:
    return _moved(codecs, name, -1)


def _down(codecs: tuple[str, ...], name: str, _: Sequence[str]) -> tuple[str, ...]:
    return _moved(codecs, name, 1)


def _add(codecs: tuple[str, ...], name: str, _: Sequence[str]) -> tuple[str, ...]:
    return codecs if name in codecs or name not in CATALOGUE else (*codecs, name)


def _remove(codecs: tuple[str, ...], name: str, _: Sequence[str]) -> tuple[str, ...]:
    return tuple(other for other in codecs if other != name)


def _preset(codecs: tuple[str, ...], key: str, fallback: Sequence[str]) -> tuple[str, ...]:
    return next((preset.codecs for preset in presets(fallback) if preset.key == key), codecs)


_VERBS: dict[str, Callable[[tuple[str, ...], str, Sequence[str]], tuple[str, ...]]] = {
    "up": _up,
    "down": _down,
    "add": _add,
    "remove": _remove,
    "preset": _preset,
}
