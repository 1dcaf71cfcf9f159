"""What the codec picker shows, as plain values; templates/codecs renders them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from audiocodecs.arranging import Arrangement, Preset, StoredList, offered, presets
from audiocodecs.catalogue import CATALOGUE
from audiocodecs.chips import Chip, bandwidth_text, chip
from audiocodecs.meaning import meaning


@dataclass(frozen=True, slots=True)
class Row:
    """One codec, in either list."""

    name: str
    chip: Chip
    rank: int
    "Its place in the catalogue, and so in Available."
    bandwidth: str
    bit_rate: str
    hd: bool
    reason: str = ""
    "Why the engine cannot do it now; empty if it can, or if no engine runs to tell."


@dataclass(frozen=True, slots=True)
class Picker:
    """The two lists and what belongs to them."""

    available: tuple[Row, ...]
    selected: tuple[Row, ...]
    presets: tuple[Preset, ...]
    arrangement: Arrangement
    base: StoredList
    fallback: tuple[str, ...]
    meaning: str
    editable: bool = True
    submits: bool = True
    "Whether its buttons send a form; in somebody else's form they must not."
    unsaved: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unsaved", self.arrangement.stored != self.base)

    @property
    def button_type(self) -> str:
        """The type of the buttons that move codecs."""
        return "submit" if self.submits else "button"


def present(
    arrangement: Arrangement,
    *,
    base: StoredList,
    fallback: Sequence[str],
    unavailable: Mapping[str, str],
    editable: bool = True,
    submits: bool = True,
) -> Picker:
    """Return a picker for an arrangement.

    `base` is what is stored, `fallback` the list that holds while nothing is, `unavailable` codec
    name -> why the engine cannot do it now.
    """
    offer = offered(fallback, arrangement.codecs, base.codecs)
    return Picker(
        available=tuple(_row(n, unavailable) for n in offer if n not in arrangement.codecs),
        selected=tuple(_row(name, unavailable) for name in arrangement.codecs),
        presets=presets(fallback),
        arrangement=arrangement,
        base=base,
        fallback=tuple(fallback),
        meaning=meaning(arrangement.codecs, unavailable),
        editable=editable,
        submits=submits,
    )


def _row(name: str, unavailable: Mapping[str, str]) -> Row:
    codec = CATALOGUE[name]
    return Row(
        name=name,
        chip=chip(name),
        rank=list(CATALOGUE).index(name),
        bandwidth=bandwidth_text(codec),
        bit_rate=chip(name).bit_rate,
        hd=codec.hd,
        reason=unavailable.get(name, ""),
    )
