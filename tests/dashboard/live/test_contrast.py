"""Every text reaches WCAG AA contrast on every background it stands on, in both themes."""

import re
from pathlib import Path

import pytest

STYLES = Path(__file__).parents[3] / "static" / "css"
TOKENS = "".join((STYLES / name).read_text() for name in ("tokens.css", "codec.css"))
COLOURS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS)
}
BACKGROUNDS = ("page", "surface", "raised", "fresh")
TINTED = sorted({name.removesuffix("-fill") for name in COLOURS if name.endswith("-fill")})
TEXTS = [(ink, ground) for ink in ("ink", "ink-quiet", "accent") for ground in BACKGROUNDS]
TEXTS += [(f"{name}-ink", f"{name}-fill") for name in TINTED]
# A codec without fill, and words of a state, stand on the surface too.
PLAIN = [name for name in TINTED if name not in ("accent", "danger")]
TEXTS += [(f"{name}-ink", ground) for name in PLAIN for ground in ("surface", "raised", "page")]
TEXTS.append(("page", "ink"))
MARKS = [("line-control", "surface"), ("line-control", "page"), ("accent", "surface")]


def contrast(first: str, second: str) -> float:
    """Return the ratio of WCAG 2.2's relative luminances of two `#rrggbb`."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_formula_knows_black_and_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXTS)
def test_text_reaches_4_5(ink: str, ground: str, theme: str) -> None:
    assert contrast(COLOURS[ink][theme], COLOURS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), MARKS)
def test_borders_of_controls_reach_3(mark: str, ground: str, theme: str) -> None:
    assert contrast(COLOURS[mark][theme], COLOURS[ground][theme]) >= 3


def test_every_platform_codec_has_a_colour() -> None:
    assert {"opus", "g722", "amr-wb", "pcmu", "pcma", "other"} <= set(TINTED)
