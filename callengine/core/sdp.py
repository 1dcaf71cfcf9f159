"""Session descriptions (RFC 8866) as a call needs them: read one, sanitise one, restrict one.

Nothing here answers an offer: pjmedia does, and both what it reads and what it writes pass
through these functions. Texts from a peer are nonsense until read: SdpError says what is wrong.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from audiocodecs import catalogue
from audiocodecs.negotiation import negotiate

MAX_TEXT_BYTES = 70_000
MAX_MEDIA = 16
"PJMEDIA_MAX_SDP_MEDIA."
MAX_FORMATS = 24
"Below PJMEDIA_MAX_SDP_FMT (32); each may need two of the 68 attributes."
MAX_COMPACT_BYTES = 2600
"Leaves room for the header fields in PJSIP_MAX_PKT_LEN (4000)."
MAX_FMTP_CHARACTERS = 200
UNKNOWN_FORMATS_KEPT = 4

TELEPHONE_EVENT = "telephone-event"
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_NO_FMTP: Mapping[str, str] = MappingProxyType({})

_ORIGIN = re.compile(r"\S+ \d{1,20} \d{1,20} IN IP[46] \S+")
_CONNECTION = re.compile(r"IN (IP[46]) (\S+)")
_TIMING = re.compile(r"\d{1,20} \d{1,20}")
_MEDIA = re.compile(r"(\S{1,32}) (\d{1,5})(?:/\d{1,5})? (\S{1,32})((?: +\S{1,32})+) *")
_RTPMAP = re.compile(r"rtpmap:(\d{1,3}) +([^\s/]{1,32})/(\d{1,9})(?:/(\d{1,3}))? *")
_FMTP = re.compile(r"fmtp:(\d{1,3}) +(\S.*)")
_PLAIN = re.compile(
    r"(?:ptime|maxptime):\d{1,4}|rtcp:\d{1,5}(?: IN IP[46] \S{1,255})?|" + "|".join(DIRECTIONS)
)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


class SdpError(ValueError):
    """A session description that cannot be used; its text is a sentence saying why."""


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What one payload type stands for."""

    encoding_name: str
    clock_rate_hz: int
    channels: str = ""

    @property
    def codec(self) -> str | None:
        """The catalogue name, if the codec is known here."""
        known = catalogue.find(self.encoding_name, self.clock_rate_hz)
        return known.name if known else None

    @property
    def telephone_event(self) -> bool:
        """Whether this is RFC 4733's named events, not a codec."""
        return self.encoding_name.lower() == TELEPHONE_EVENT

    def __str__(self) -> str:
        channels = f"/{self.channels}" if self.channels else ""
        return f"{self.encoding_name}/{self.clock_rate_hz}{channels}"


@dataclass(frozen=True, slots=True)
class Audio:
    """The first usable audio line of a description."""

    payload_types: Mapping[str, tuple[int, ...]]
    "Catalogue name -> payload types, both in the order of the line."
    telephone_events: Mapping[int, int]
    "Clock rate in Hz -> payload type of telephone-event at that rate."
    fmtp: Mapping[int, str]
    "Payload type -> format parameters."
    address: str
    port: int
    direction: str
    "One of DIRECTIONS; `inactive` also for the old hold address 0.0.0.0 (RFC 3264, 8.4)."

    @property
    def codecs(self) -> tuple[str, ...]:
        """Catalogue names in the peer's order."""
        return tuple(self.payload_types)


@dataclass(frozen=True, slots=True)
class _Media:
    kind: str
    port: int
    transport: str
    formats: tuple[str, ...]
    lines: tuple[str, ...] = ()
    "What follows the m= line, in order."

    @property
    def usable(self) -> bool:
        return self.kind == "audio" and self.transport == "RTP/AVP" and self.port != 0

    @property
    def text(self) -> str:
        return f"m={self.kind} {self.port} {self.transport} {' '.join(self.formats)}"

    @property
    def payload_types(self) -> tuple[int, ...]:
        """Numeric formats of an RTP line, first mention only."""
        numbers = (int(f) for f in self.formats if f.isdecimal() and len(f) <= 3)
        return tuple(dict.fromkeys(n for n in numbers if n <= 127))

    @property
    def attributes(self) -> Iterator[str]:
        return (line[2:] for line in self.lines if line.startswith("a="))

    def rtpmaps(self) -> dict[int, RtpMap]:
        """Payload type -> meaning, in the line's order, where the meaning is known."""
        found: dict[int, RtpMap] = {}
        numbers = self.payload_types  # read once: a hostile line holds thousands
        for number in numbers:
            if known := catalogue.by_static_payload_type(number):
                found[number] = RtpMap(known.encoding_name, known.rtp_clock_rate_hz)
        for match in filter(None, map(_RTPMAP.fullmatch, self.attributes)):
            number = int(match[1])
            if number in numbers:
                found[number] = RtpMap(match[2], int(match[3]), match[4] or "")
        return {number: found[number] for number in numbers if number in found}

    def fmtps(self) -> dict[int, str]:
        matches = filter(None, map(_FMTP.fullmatch, self.attributes))
        return {int(match[1]): match[2].strip() for match in matches}


@dataclass(frozen=True, slots=True)
class _Description:
    session: tuple[str, ...]
    media: tuple[_Media, ...]

    @property
    def audio_index(self) -> int | None:
        return next((i for i, media in enumerate(self.media) if media.usable), None)


def offered_codecs(sdp: str) -> tuple[str, ...]:
    """Return the catalogue names in the first usable audio line, in the peer's order.

    Codecs unknown here and telephone-event are left out; no usable audio line gives `()`.
    Raises SdpError.
    """
    audio = read_audio(sdp)
    return audio.codecs if audio else ()


def answer_codec(remote_offer: str, allowed: Sequence[str]) -> str | None:
    """Return the codec of `allowed` (ours, in order) this offer leads to, if any.

    Raises SdpError.
    """
    return negotiate(allowed, offered_codecs(remote_offer)).codec


def read_audio(sdp: str) -> Audio | None:
    """Return the first usable audio line (RTP/AVP, port not 0), or None. Raises SdpError."""
    description = _read(sdp)
    if description.audio_index is None:
        return None
    media = description.media[description.audio_index]
    maps = media.rtpmaps()
    codecs: dict[str, tuple[int, ...]] = {}
    events: dict[int, int] = {}
    for number in media.payload_types:
        meaning = maps.get(number)
        if meaning and meaning.telephone_event:
            events.setdefault(meaning.clock_rate_hz, number)
        elif meaning and (name := meaning.codec):
            codecs[name] = (*codecs.get(name, ()), number)
    address = _address(media.lines) or _address(description.session)
    if not address:
        raise SdpError("The audio line has no connection address (c=).")
    return Audio(
        payload_types=MappingProxyType(codecs),
        telephone_events=MappingProxyType(events),
        fmtp=MappingProxyType(media.fmtps()),
        address=address,
        port=media.port,
        direction=_direction(description, media) if address != "0.0.0.0" else "inactive",  # noqa: S104
    )


def compact(sdp: str) -> str:
    """Return a peer's description cut down to what pjmedia's strict, bounded parser takes.

    Media lines keep their number and order. The first usable audio line keeps its address, the
    formats known here (or the first unknown ones, if it has no other) and their attributes; every
    other line is disabled (port 0), so that its answer is a port 0 too (RFC 3264 section 6).
    Raises SdpError.
    """
    description = _read(sdp)
    lines = list(_compact_session(description.session))
    for index, media in enumerate(description.media):
        if index == description.audio_index:
            lines += _compact_audio(media, description)
        else:
            lines.append(replace(media, port=0, formats=media.formats[:1]).text)
    text = _joined(lines)
    if len(text.encode()) > MAX_COMPACT_BYTES:
        raise SdpError(f"The description needs more than {MAX_COMPACT_BYTES} bytes.")
    return text


def restrict(
    sdp: str,
    allowed: Sequence[str],
    *,
    telephone_events: bool = True,
    fmtp: Mapping[str, str] = _NO_FMTP,
) -> str:
    """Return a description of ours with its audio line cut and ordered to `allowed`.

    `allowed` holds catalogue names, ours in order. telephone-event stays at the clock rates of
    the codecs that stay. `fmtp` maps codec names to format parameters that replace what is there
    (empty: removed). Raises SdpError if no allowed codec is present.
    """
    description = _read(sdp)
    if description.audio_index is None:
        raise SdpError("There is no usable audio line.")
    media = description.media[description.audio_index]
    maps = media.rtpmaps()
    kept = [n for name in allowed for n, m in maps.items() if m.codec == name]
    if not kept:
        raise SdpError(f"None of {', '.join(allowed)} is in the audio line.")
    rates = {maps[number].clock_rate_hz for number in kept}
    if telephone_events:
        kept += [n for n, m in maps.items() if m.telephone_event and m.clock_rate_hz in rates]
    parameters = media.fmtps() | {
        n: fmtp[m.codec] for n, m in maps.items() if m.codec is not None and m.codec in fmtp
    }
    others = [line for line in media.lines if not line.startswith(("a=rtpmap:", "a=fmtp:"))]
    head = [line for line in others if not line.startswith("a=")]
    tail = [line for line in others if line.startswith("a=")]
    formats = _format_attributes(kept, maps, parameters)
    changed = replace(media, formats=tuple(map(str, kept)), lines=(*head, *formats, *tail))
    return _joined(_all_lines(description, changed))


def _all_lines(description: _Description, audio: _Media) -> Iterator[str]:
    yield from description.session
    for index, media in enumerate(description.media):
        shown = audio if index == description.audio_index else media
        yield shown.text
        yield from shown.lines


def _read(sdp: str) -> _Description:
    if len(sdp) > MAX_TEXT_BYTES:
        raise SdpError(f"The description is longer than {MAX_TEXT_BYTES} characters.")
    session: list[str] = []
    media: list[tuple[_Media, list[str]]] = []
    for number, raw in enumerate(sdp.split("\n"), 1):
        line = raw.rstrip("\r \t")
        if not line:
            continue
        if len(line) < 2 or line[1] != "=" or not line[0].isalpha():
            raise SdpError(f"Line {number} of the description is not of the form x=value.")
        if any(ord(character) < 32 and character != "\t" for character in line):
            raise SdpError(f"Line {number} of the description holds control characters.")
        if line.startswith("m="):
            media.append((_read_media(line, number), []))
        else:
            (media[-1][1] if media else session).append(line)
    _check(session, len(media))
    return _Description(tuple(session), tuple(replace(m, lines=tuple(ls)) for m, ls in media))


def _read_media(line: str, number: int) -> _Media:
    match = _MEDIA.fullmatch(line[2:])
    if match is None or int(match[2]) > 65535:
        raise SdpError(f"Line {number} of the description is not a valid m= line.")
    return _Media(match[1].lower(), int(match[2]), match[3].upper(), tuple(match[4].split()))


def _check(session: Sequence[str], media: int) -> None:
    if not session or session[0] != "v=0":
        raise SdpError("The description does not begin with v=0.")
    if not any(line.startswith("o=") for line in session):
        raise SdpError("The description has no o= line.")
    if not 0 < media <= MAX_MEDIA:
        raise SdpError(f"The description has {media} media lines; 1 to {MAX_MEDIA} can be used.")


def _address(lines: Iterable[str]) -> str:
    """Return the connection address in these lines, empty if there is none."""
    line = next((line for line in lines if line.startswith("c=")), None)
    if line is None:
        return ""
    match = _CONNECTION.fullmatch(line[2:])
    if match is None or not _host(match[2]):
        raise SdpError("The connection address (c=) is not an IP address or host name.")
    return match[2]


def _host(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return _HOST.fullmatch(value) is not None
    return True


def _direction(description: _Description, media: _Media) -> str:
    """Return the media's direction; it may stand at session level (RFC 8866 section 6.7)."""
    session = (line[2:] for line in description.session if line.startswith("a="))
    for attributes in (media.attributes, session):
        for attribute in attributes:
            if attribute in DIRECTIONS:
                return attribute
    return "sendrecv"


def _compact_session(lines: Sequence[str]) -> Iterator[str]:
    origin = next(line[2:] for line in lines if line.startswith("o="))
    if not _ORIGIN.fullmatch(origin) or len(origin) > 300:
        raise SdpError("The o= line is not of the form: user id version IN IP4 address.")
    name = next((line[2:].strip() for line in lines if line.startswith("s=")), "")
    usable_name = name.isascii() and name.isprintable() and len(name) <= 64
    yield from ("v=0", f"o={origin}", f"s={name if name and usable_name else '-'}")
    if _address(lines):
        yield next(line for line in lines if line.startswith("c="))
    timing = next((line[2:] for line in lines if line.startswith("t=")), "0 0")
    yield f"t={timing if _TIMING.fullmatch(timing) else '0 0'}"
    yield from dict.fromkeys(line for line in lines if line[:2] == "a=" and line[2:] in DIRECTIONS)


def _compact_audio(media: _Media, description: _Description) -> Iterator[str]:
    maps = media.rtpmaps()
    known = [n for n, meaning in maps.items() if meaning.codec or meaning.telephone_event]
    codecs = [n for n in known if maps[n].codec]
    unknown = [n for n in maps if n not in known][:UNKNOWN_FORMATS_KEPT]
    kept = (known if codecs else unknown + known)[:MAX_FORMATS]
    ordered = [n for n in media.payload_types if n in kept]
    if not ordered:
        raise SdpError("No format of the audio line is described (a=rtpmap).")
    yield replace(media, formats=tuple(map(str, ordered))).text
    if address := _address(media.lines):
        yield f"c=IN {'IP6' if ':' in address else 'IP4'} {address}"
    elif not _address(description.session):
        raise SdpError("The audio line has no connection address (c=).")
    fmtps = {n: v for n, v in media.fmtps().items() if len(v) <= MAX_FMTP_CHARACTERS and n in known}
    yield from _format_attributes(ordered, maps, fmtps)
    yield from _plain_attributes(media)
    # pjmedia looks for the direction at the media line alone.
    yield f"a={_direction(description, media)}"


def _plain_attributes(media: _Media) -> Iterator[str]:
    seen: set[str] = set()
    for attribute in media.attributes:
        name = attribute.partition(":")[0]
        if _PLAIN.fullmatch(attribute) and name not in seen and name not in DIRECTIONS:
            seen.add(name)
            yield f"a={attribute}"


def _format_attributes(
    numbers: Iterable[int], maps: Mapping[int, RtpMap], parameters: Mapping[int, str]
) -> Iterator[str]:
    for number in numbers:
        yield f"a=rtpmap:{number} {maps[number]}"
        if value := parameters.get(number):
            yield f"a=fmtp:{number} {value}"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
