"""A codec as every page shows it: one name, one colour, the same figures. Pure."""

from dataclasses import dataclass

from audiocodecs.catalogue import CARRIER_CODECS, CATALOGUE, PLATFORM_CODECS, Codec

COLOURED_CODECS = frozenset((*PLATFORM_CODECS, *CARRIER_CODECS))


@dataclass(frozen=True, slots=True)
class Chip:
    """A codec as it is shown everywhere."""

    name: str
    style: str
    "Suffix of the CSS class; `other` for a codec without a colour of its own."
    hd: bool = False
    audio_rate: str = ""
    bit_rate: str = ""


def chip(name: str) -> Chip:
    """Return the chip of a codec, known or not."""
    codec = CATALOGUE.get(name)
    style = name.lower() if name in COLOURED_CODECS else "other"
    if codec is None:
        return Chip(name, style)
    return Chip(
        name=name,
        style=style,
        hd=codec.hd,
        audio_rate=f"{codec.audio_rate_hz / 1000:g} kHz",
        bit_rate=bit_rate_text(codec),
    )


def bandwidth_text(codec: Codec) -> str:
    """Return the highest frequency the codec carries, such as `3.4 kHz`."""
    return f"{codec.audio_bandwidth_hz / 1000:g} kHz"


def bit_rate_text(codec: Codec) -> str:
    """Return the bit rate of one direction on the wire, headers included, such as `80 kbit/s`."""
    return f"{codec.wire_bit_rate_bps / 1000:.0f} kbit/s"
