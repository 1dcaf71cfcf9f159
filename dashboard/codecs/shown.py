"""A codec list as tables show it."""

from collections.abc import Sequence
from dataclasses import dataclass

from audiocodecs.chips import Chip, chip


@dataclass(frozen=True, slots=True)
class CodecChips:
    """A codec list as it is shown in a table."""

    chips: tuple[Chip, ...]
    is_platform: bool
    "Whether its owner has no list of its own."


def codec_chips(names: Sequence[str], platform: Sequence[str]) -> CodecChips:
    """Return the chips of a stored list; an empty one means the platform list."""
    return CodecChips(tuple(chip(name) for name in names or platform), is_platform=not names)
