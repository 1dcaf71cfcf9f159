"""What payload types mean: by their rtpmap, or a number of their own (RFC 3551). Pure.

It is decided here, once. Whoever writes a description onward writes the canonical form of that
meaning, so that no second parser can come to another.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from audiocodecs import catalogue
from audiocodecs.catalogue import Codec
from callengine.core.fmtp import is_amr_spoken, parse_fmtp

FIRST_DYNAMIC = 96
"""Below it pjmedia goes by the number alone, so there a codec needs its own number."""
UNASSIGNED = frozenset((*range(20, 25), 27, 29, 30, *range(35, 72), *range(77, 96)))
"""Payload types that mean what their rtpmap says, once those from 96 on are used up.

RFC 3551 sections 3 and 6; 72 to 76 would be taken for RTCP.
"""

TELEPHONE_EVENT = "telephone-event"
_AMR = ("AMR", "AMR-WB")

_RTPMAP = re.compile(r"rtpmap:[ \t]*(\d{1,3})(?!\d)(.*)", re.ASCII | re.IGNORECASE)
_ENCODING = re.compile(
    r"[ \t]+([A-Za-z0-9._+-]{1,32})[ \t]*/[ \t]*(\d{1,9})(?:[ \t]*/[ \t]*([0-9A-Za-z]{1,8}))?",
    re.ASCII,
)
_FMTP = re.compile(r"fmtp:[ \t]*(\d{1,3})[ \t]+(\S.*)", re.ASCII | re.IGNORECASE)

REMEMBERED = 64
"Descriptions of which it is remembered what they mean: each is looked at several times."


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What one payload type stands for."""

    encoding_name: str
    clock_rate_hz: int
    channels: str = ""

    @property
    def entry(self) -> Codec | None:
        """The codec of the catalogue, if it is one; another number of channels is another codec."""
        return _entry(self.encoding_name, self.clock_rate_hz, self.channels)

    @property
    def codec(self) -> str | None:
        """The catalogue name, if the codec is known here."""
        entry = self.entry
        return entry.name if entry else None

    @property
    def telephone_event(self) -> bool:
        """Whether this is RFC 4733's named events, not a codec."""
        return self.encoding_name.lower() == TELEPHONE_EVENT and self.channels in ("", "1")

    @property
    def is_g729_by_annex(self) -> bool:
        """Whether this is G729 by the name of an annex, as Sipura and Linksys write it."""
        rest = self.encoding_name.lower().removeprefix(catalogue.G729.encoding_name.lower())
        is_mono = self.clock_rate_hz == catalogue.G729.rtp_clock_rate_hz and self.channels in (
            "",
            "1",
        )
        return is_mono and rest in ("a", "b", "ab")

    @property
    def g722_by_audio_rate(self) -> bool:
        """Whether this is what old phones write for G722 (RFC 3551 section 4.5.2 says 8000)."""
        g722 = catalogue.G722
        is_g722 = self.encoding_name.lower() == g722.encoding_name.lower()
        return is_g722 and self.clock_rate_hz == g722.audio_rate_hz and self.channels in ("", "1")

    def __str__(self) -> str:
        if self.entry:
            return self.entry.rtpmap
        if self.telephone_event:
            return f"{TELEPHONE_EVENT}/{self.clock_rate_hz}"
        channels = f"/{self.channels}" if self.channels else ""
        return f"{self.encoding_name}/{self.clock_rate_hz}{channels}"


@lru_cache(maxsize=REMEMBERED)
def _entry(encoding_name: str, clock_rate_hz: int, channels: str) -> Codec | None:
    codec = catalogue.find(encoding_name, clock_rate_hz)
    mono = ("", "1") if codec is None or codec.channels == 1 else ("", "1", "2")
    return codec if channels in mono else None


@lru_cache(maxsize=REMEMBERED)
def payload_types(formats: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numeric formats of an RTP line, first mention only."""
    numbers = (int(one) for one in formats if one.isdecimal() and len(one) <= 3)
    return tuple(dict.fromkeys(number for number in numbers if number <= 127))


@lru_cache(maxsize=REMEMBERED)
def of_formats(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is said of formats: without ports and addresses it is the same in many calls."""
    return tuple(line[2:] for line in lines if line[:6].lower() in ("a=rtpm", "a=fmtp"))


@lru_cache(maxsize=REMEMBERED)
def fmtps(attributes: tuple[str, ...]) -> Mapping[int, str]:
    """Return payload type -> format parameters; the first of a number counts."""
    texts: dict[int, str] = {}
    for match in filter(None, map(_FMTP.fullmatch, attributes)):
        texts.setdefault(int(match[1]), match[2].strip())
    return MappingProxyType(texts)


def is_rtpmap(attribute: str) -> bool:
    """Tell whether an attribute says what a payload type is."""
    return _RTPMAP.fullmatch(attribute) is not None


# One call asks a dozen times what the same line means.
@lru_cache(maxsize=REMEMBERED)
def rtpmaps(formats: tuple[str, ...], attributes: tuple[str, ...]) -> Mapping[int, RtpMap]:
    """Return payload type -> meaning, in the line's order, where the meaning is known.

    The first rtpmap of a number counts. A number that has a meaning of its own and is given
    another stands for nothing that can be used; nor does one whose format is not spoken here.
    """
    numbers = payload_types(formats)
    wanted = frozenset(numbers)
    mapped: dict[int, RtpMap | None] = {}
    for match in filter(None, map(_RTPMAP.fullmatch, attributes)):
        number = int(match[1])
        if number in wanted and number not in mapped:
            mapped[number] = _encoding(match[2])
    meanings = ((n, _meaning(n, mapped[n]) if n in mapped else _own(n)) for n in numbers)
    maps = {number: meaning for number, meaning in meanings if meaning}
    amr = [number for number, meaning in maps.items() if meaning.codec in _AMR]
    parameters = fmtps(attributes) if amr else {}
    for number in amr:
        if not is_amr_spoken(parse_fmtp(parameters.get(number, ""))):
            del maps[number]
    return MappingProxyType(maps)


def _encoding(text: str) -> RtpMap | None:
    match = _ENCODING.fullmatch(text)
    return RtpMap(match[1], int(match[2]), match[3] or "") if match else None


def _own(number: int) -> RtpMap | None:
    """What a payload type means that has no rtpmap (RFC 3551 section 6)."""
    codec = catalogue.by_static_payload_type(number)
    return RtpMap(codec.encoding_name, codec.rtp_clock_rate_hz) if codec else None


def _meaning(number: int, mapped: RtpMap | None) -> RtpMap | None:
    if mapped is None:
        return None
    own = _own(number)
    if number == catalogue.G722.static_payload_type and mapped.g722_by_audio_rate:
        return own
    if number == catalogue.G729.static_payload_type and mapped.is_g729_by_annex:
        return own
    is_own = own is not None and mapped.codec is not None and mapped.codec == own.codec
    is_free = number >= FIRST_DYNAMIC or number in UNASSIGNED
    return mapped if is_free or is_own else None
