"""Session descriptions as a call needs them: read one, sanitise one, restrict one. Pure.

Nothing here answers an offer: pjmedia does, and both what it reads and what it writes pass
through these functions. Texts from a peer are nonsense until read: SdpError says what is wrong.
"""

import ipaddress
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from audiocodecs.negotiation import negotiate
from callengine.core import standins
from callengine.core.description import (
    DIRECTIONS,
    FIRST_DYNAMIC,
    REMEMBERED,
    TELEPHONE_EVENT,
    Media,
    RtpMap,
    SdpError,
    SessionDescription,
    address_in,
    read,
)
from callengine.core.obstacles import noted, obstacle_in
from callengine.core.srtp import Offered, Profile
from sip.srtp import Srtp

__all__ = [
    "Audio", "SdpError", "answer_codec", "compact", "event_for", "offered_codecs", "read_audio",
    "restrict",
]  # fmt: skip

MAX_FORMATS = 24
"Below PJMEDIA_MAX_SDP_FMT (32); each may need two of the 68 attributes."
MAX_COMPACT_BYTES = 2600
"Leaves room for the header fields in PJSIP_MAX_PKT_LEN (4000)."
MAX_FMTP_CHARACTERS = 200
MAX_PARAMETERS = 12
"Of one payload type; pjmedia holds 16."
UNKNOWN_FORMATS_KEPT = 4

PTIME_MS = 20
PTIMES_MS = range(10, 61)
"Packet times of a peer that are honoured when sending."
_LONG_FRAMES = frozenset(("OPUS", "AMR-WB", "AMR", "GSM", "ILBC"))
"Codecs that are sent in frames of 20 ms, or 30 (iLBC); the others in frames of 10."
ILBC_MODES = {20: "mode=20", 30: "mode=30"}
"fmtp of iLBC by the length of its frames in ms."
_ILBC_20 = re.compile(r"(?:.*;)?[ \t]*mode[ \t]*=[ \t]*20[ \t]*(?:;.*)?", re.IGNORECASE)
EVENT_RATE_HZ, EVENT_NUMBER = 8000, 101
"What telephone-event is for devices that know only one form of it."

_NOT_OURS = RtpMap("not-ours", 8000)
"""Stands for formats whose numbers pjmedia would take for a codec of its own."""
_NO_FMTP: Mapping[str, Callable[[str], str]] = MappingProxyType({})
_PARAMETER = re.compile(r"[A-Za-z0-9._-]{1,32}(?: ?= ?[A-Za-z0-9.,_+/-]{1,64})?|[0-9,-]{1,64}")
_PTIME = re.compile(r"(ptime|maxptime):[ \t]*(\d{1,4})(?:\.\d{1,3})?[ \t]*", re.ASCII)
_RTCP = re.compile(r"rtcp:[ \t]*(\d{1,5})(?: IN IP[46] ([0-9A-Fa-f:.]{2,45}))?[ \t]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Audio:
    """The audio line of a description that is used."""

    payload_types: Mapping[str, tuple[int, ...]]
    "Catalogue name -> payload types, both in the order of the line."
    telephone_events: Mapping[int, int]
    "Clock rate in Hz -> payload type of telephone-event at that rate."
    fmtp: Mapping[int, str]
    "Payload type -> format parameters."
    address: str
    port: int
    suite: str
    "Of its first SRTP key; empty without one."
    direction: str
    "One of DIRECTIONS; the old hold addresses 0.0.0.0 and :: receive nothing (RFC 3264, 8.4)."

    @property
    def codecs(self) -> tuple[str, ...]:
        """Catalogue names in the peer's order."""
        return tuple(self.payload_types)


def offered_codecs(sdp: str, srtp: Srtp = Srtp.ALLOWED) -> tuple[str, ...]:
    """Return the catalogue names in the audio line that is used, in the peer's order.

    Codecs unknown here and telephone-event are left out; no usable audio line gives `()`.
    Raises SdpError.
    """
    audio = read_audio(sdp, srtp)
    return audio.codecs if audio else ()


def answer_codec(remote_offer: str, allowed: Sequence[str]) -> str | None:
    """Return the codec of `allowed` (ours, in order) this offer leads to, if any.

    Raises SdpError.
    """
    return negotiate(allowed, offered_codecs(remote_offer)).codec


def event_for(clock_rate_hz: int, telephone_events: Mapping[int, int]) -> int | None:
    """Return the clock rate of the telephone-event to use beside a codec of this clock rate.

    The codec's own rate (RFC 4733 section 2.1), else the first the peer has: many phones know
    telephone-event/8000 alone, whatever the codec.
    """
    if clock_rate_hz in telephone_events:
        return clock_rate_hz
    return next(iter(telephone_events), None)


def read_audio(sdp: str, srtp: Srtp = Srtp.ALLOWED) -> Audio | None:
    """Return the audio line that is used, or None if none can be. Raises SdpError."""
    description = read(sdp)
    index = description.audio_index_for(srtp)
    if index is None:
        return None
    media = description.media[index]
    codecs: dict[str, tuple[int, ...]] = {}
    events: dict[int, int] = {}
    for number, meaning in media.rtpmaps().items():
        if meaning.telephone_event:
            events.setdefault(meaning.clock_rate_hz, number)
        elif name := meaning.codec:
            codecs[name] = (*codecs.get(name, ()), number)
    address = description.address_of(media)
    if not address:
        raise SdpError("The audio line has no connection address (c=).")
    return Audio(
        payload_types=MappingProxyType(codecs),
        telephone_events=MappingProxyType(events),
        fmtp=MappingProxyType(media.fmtps()),
        address=address,
        port=media.port,
        suite=media.crypto[0].suite if media.crypto else "",
        direction=description.direction(media),
    )


def is_usable_answer(offer: str, answer: str) -> bool:
    """Tell whether an answer has an audio line that is on and a codec of the offer."""
    try:
        offered, answered = read_audio(offer), read_audio(answer)
    except SdpError:
        return False
    if offered is None or answered is None:
        return False
    return any(name in offered.payload_types for name in answered.payload_types)


@lru_cache(maxsize=REMEMBERED)
def compact(
    sdp: str,
    *,
    is_answer: bool = False,
    srtp: Srtp = Srtp.OFF,
    profile: Profile | None = None,
    keys: frozenset[Offered] | None = None,
    has_ipv6: bool = False,
) -> str:
    """Return a peer's description in the one form that pjmedia and we read alike.

    Media lines keep their number and order; of an answer, one is written. The audio line that is
    used keeps its address, the formats known here (or the first unknown ones, if it has no other)
    and their attributes, all written our way; every other line is disabled (port 0), so that its
    answer is a port 0 too (RFC 3264 section 6). o= is ours, whatever the peer wrote: its version
    changes if and only if something else does. Of an answer one telephone-event stays, so that both
    sides mean the same.
    Keys of SRTP stay where `srtp` wants them, and then the line is RTP/SAVP, else RTP/AVP; an
    answer's is of the `profile` that was offered, its key one of `keys`, if that is known. Where no
    line can be used, the first of audio says why (see `obstacles`). In place of IPv6 addresses
    others stand (see `standins`); `has_ipv6` tells that one of ours is shown to the peer. Raises
    SdpError.
    """
    description = read(sdp).answering(keys if is_answer else None)
    lines = list(_compact_session(description))
    used = description.audio_index_for(srtp)
    hindered, why = _hindered(description, srtp) if used is None else (None, "")
    for index, media in _written(description, used or hindered or 0, is_answer=is_answer):
        if index == used:
            secure = () if srtp is Srtp.OFF else media.crypto
            spoken = profile or (Profile.SAVP if secure else Profile.AVP)
            known = replace(media, transport=spoken)
            lines += _compact_audio(known, description, is_answer=is_answer, has_ipv6=has_ipv6)
            lines += [key.attribute for key in secure]
        else:
            lines.append(replace(media, port=0, formats=media.formats[:1]).text)
            if not address_in(description.session):
                lines.append(_connection("127.0.0.1"))  # pjsip ends its process at a line without
        if index == hindered:
            lines.append(why)
    text = _joined(("v=0", _origin(lines), *lines))
    if len(text.encode()) > MAX_COMPACT_BYTES:
        raise SdpError(f"The description needs more than {MAX_COMPACT_BYTES} bytes.")
    return text


def _written(
    description: SessionDescription, kept: int, *, is_answer: bool
) -> Iterable[tuple[int, Media]]:
    """Return the media lines to write, with their indices; of an answer the one to keep.

    Our offers have one line, of audio. pjsip ends its process where two answers of one dialog come
    close upon another, and the first has more lines than were offered.
    """
    if not is_answer:
        return enumerate(description.media)
    return [(kept, replace(description.media[kept], kind="audio"))]


def _hindered(description: SessionDescription, srtp: Srtp) -> tuple[int | None, str]:
    """Return the first audio line, and what is noted there of why none is used."""
    first = next((i for i, media in enumerate(description.media) if media.kind == "audio"), None)
    try:
        found = obstacle_in(description, srtp)
    except SdpError:
        found = None
    return (None, "") if found is None else (first, noted(*found))


def _origin(lines: Sequence[str]) -> str:
    version = zlib.crc32(_joined(lines).encode()) & 0x7FFFFFFF
    return f"o=- 1 {version} IN IP4 127.0.0.1"


def _compact_session(description: SessionDescription) -> Iterator[str]:
    yield "s=-"
    if address := address_in(description.session):
        yield _connection(address)
    yield "t=0 0"
    lines = (line for line in description.session if line[:2] == "a=" and line[2:] in DIRECTIONS)
    yield from dict.fromkeys(lines)


def _connection(address: str) -> str:
    return f"c=IN IP4 {standins.stand_in(address)}"


def _compact_audio(
    media: Media, description: SessionDescription, *, is_answer: bool, has_ipv6: bool
) -> Iterator[str]:
    maps = _kept(media.rtpmaps(), is_answer=is_answer)
    if not maps and not media.is_described:
        raise SdpError("No format of the audio line is described (a=rtpmap).")
    maps = maps or {FIRST_DYNAMIC: _NOT_OURS}
    yield replace(media, formats=tuple(map(str, maps))).text
    if own := address_in(media.lines):
        yield _connection(own)
    elif not address_in(description.session):
        raise SdpError("The audio line has no connection address (c=).")
    address = description.address_of(media)
    fmtps = {
        number: _parameters(text, maps[number].codec)
        for number, text in media.fmtps().items()
        if number in maps and not _is_unknown(maps[number]) and len(text) <= MAX_FMTP_CHARACTERS
    }
    yield from _format_attributes(maps, maps, fmtps)
    yield from _packet_times(media, {m.codec for m in maps.values() if m.codec})
    reports = _reports_to(media, address)
    yield from () if reports is None else (reports.attribute,)
    if has_ipv6 or standins.is_ipv6(address):
        yield standins.told((address, reports.host if reports else ""))
    # pjmedia looks for the direction at the media line alone.
    yield f"a={description.direction(media)}"


def _is_unknown(meaning: RtpMap) -> bool:
    return not (meaning.codec or meaning.telephone_event)


def _kept(maps: Mapping[int, RtpMap], *, is_answer: bool) -> dict[int, RtpMap]:
    """Return the payload types worth keeping, in their order."""
    codecs = [n for n, meaning in maps.items() if meaning.codec]
    events: dict[int, int] = {}
    for number, meaning in maps.items():
        if meaning.telephone_event and number >= FIRST_DYNAMIC:
            events.setdefault(meaning.clock_rate_hz, number)
    if is_answer and codecs and len(events) > 1:
        rate = event_for(maps[codecs[0]].clock_rate_hz, events)
        events = {r: n for r, n in events.items() if r == rate}
    unknown = [] if codecs else [n for n, m in maps.items() if _is_unknown(m)]
    room = MAX_FORMATS - min(len(events), UNKNOWN_FORMATS_KEPT)
    wanted = (codecs or unknown[:UNKNOWN_FORMATS_KEPT])[:room] + list(events.values())
    kept = set(wanted[:MAX_FORMATS])
    return {n: meaning for n, meaning in maps.items() if n in kept}


def ilbc_fmtp(value: str) -> str:
    """Return one of the two modes there are for an iLBC format (RFC 3952 section 5).

    pjmedia takes any other number for a fault of its own, and ends the process.
    """
    return ILBC_MODES[20 if _ILBC_20.fullmatch(value) else 30]


def _parameters(value: str, codec: str | None) -> str:
    if codec == "ILBC":
        return ilbc_fmtp(value)
    pairs = (" ".join(item.split()) for item in value.split(";"))
    good = [pair.replace(" ", "") for pair in pairs if _PARAMETER.fullmatch(pair)]
    return ";".join(good[:MAX_PARAMETERS])


def _packet_times(media: Media, codecs: Collection[str]) -> Iterator[str]:
    """Yield ptime and maxptime; the first is what pjmedia goes by, so it holds both."""
    times_ms: dict[str, int] = {}
    for match in filter(None, map(_PTIME.fullmatch, media.attributes)):
        times_ms.setdefault(match[1], int(match[2]))
    longest = times_ms.get("maxptime") or PTIMES_MS[-1]
    asked = times_ms.get("ptime", PTIME_MS)
    ptime = min(asked if asked in PTIMES_MS else PTIME_MS, max(longest, PTIMES_MS[0])) // 10 * 10
    if codecs and ptime > PTIME_MS and (longest < ptime + 10 or _LONG_FRAMES.issuperset(codecs)):
        # pjmedia would round 30 ms up to two frames of 20 ms.
        step = PTIME_MS if _LONG_FRAMES.intersection(codecs) else 10
        ptime = ptime // step * step
    if "ptime" in times_ms or ptime != PTIME_MS:
        yield f"a=ptime:{ptime}"
    if times_ms.get("maxptime"):
        yield f"a=maxptime:{times_ms['maxptime']}"


@dataclass(frozen=True, slots=True)
class _Reports:
    """Where a peer wants RTCP (RFC 3605)."""

    port: int
    host: str
    "Empty: where its RTP goes."

    @property
    def attribute(self) -> str:
        """As a call process reads it."""
        return f"a=rtcp:{self.port}" + (
            f" IN IP4 {standins.stand_in(self.host)}" if self.host else ""
        )


def _reports_to(media: Media, address: str) -> _Reports | None:
    """Return where the peer wants RTCP, if that is a port, or one at an address it can have.

    An IPv6 address can be reached beside one of IPv6 alone.
    """
    match = next(filter(None, map(_RTCP.fullmatch, media.attributes)), None)
    if match is None or not 0 < int(match[1]) <= 65535:
        return None
    try:
        host = standins.plain(str(ipaddress.ip_address(match[2]))) if match[2] else ""
    except ValueError:
        return None
    if standins.is_ipv6(host) and not (standins.is_ipv6(address) and standins.is_for_one(host)):
        return None
    return _Reports(int(match[1]), host)


def restrict(
    sdp: str,
    allowed: Sequence[str],
    *,
    telephone_events: Sequence[int] | None = None,
    fmtp: Mapping[str, Callable[[str], str]] = _NO_FMTP,
) -> str:
    """Return a description of ours with its audio line cut and ordered to `allowed`.

    `allowed` holds catalogue names, ours in order. `telephone_events` are the clock rates in Hz to
    have telephone-event at; None: those of the codecs that stay, and 8000, as an offer wants it.
    `fmtp` maps codec names to what makes format parameters of those that are there (empty: none).
    Raises SdpError if no allowed codec is present.
    """
    description = read(sdp)
    if description.audio_index is None:
        raise SdpError("There is no usable audio line.")
    media = description.media[description.audio_index]
    all_maps = media.rtpmaps()
    kept = [n for name in allowed for n, m in all_maps.items() if m.codec == name]
    if not kept:
        raise SdpError(f"None of {', '.join(allowed)} is in the audio line.")
    fmtps = media.fmtps()
    maps: dict[int, RtpMap] = {}
    parameters: dict[int, str] = {}
    for number, own in zip(_numbers(kept), kept, strict=True):
        meaning = maps[number] = all_maps[own]
        written = fmtps.get(own, "")
        change = fmtp.get(meaning.codec or "")
        parameters[number] = change(written) if change else written
    if telephone_events is None:
        telephone_events = (EVENT_RATE_HZ, *(meaning.clock_rate_hz for meaning in maps.values()))
    for number, meaning in _events(telephone_events, tuple(maps)):
        maps[number], parameters[number] = meaning, "0-16"
    others = [line for line in media.lines if not line.startswith(_REWRITTEN)]
    head = [line for line in others if not line.startswith("a=")]
    tail = [line for line in others if line.startswith("a=")]
    formats = _format_attributes(maps, maps, parameters)
    lines = (*head, *formats, f"a=ptime:{_packet_ms(maps, parameters)}", *tail)
    changed = replace(media, formats=tuple(map(str, maps)), lines=lines)
    return _joined(_all_lines(description, changed))


def _packet_ms(maps: Mapping[int, RtpMap], parameters: Mapping[int, str]) -> int:
    """Return how long we ask packets to be: frames of 30 ms cannot come every 20."""
    first = next(iter(maps))
    slow = maps[first].codec == "ILBC" and parameters[first] == ILBC_MODES[30]
    return 30 if slow else PTIME_MS


_REWRITTEN = ("a=rtpmap:", "a=fmtp:", "a=ptime:", "b=")


def _numbers(numbers: Sequence[int]) -> list[int]:
    """Return these payload types, but for the one that telephone-event is known by."""
    spare = next(n for n in range(127, FIRST_DYNAMIC, -1) if n not in numbers)
    return [spare if number == EVENT_NUMBER else number for number in numbers]


def _events(rates_hz: Iterable[int], taken: Iterable[int]) -> Iterator[tuple[int, RtpMap]]:
    """Yield a payload type for telephone-event at each of these rates."""
    used = {EVENT_NUMBER, *taken}
    for rate in dict.fromkeys(rates_hz):
        number = EVENT_NUMBER
        if rate != EVENT_RATE_HZ:
            number = next(n for n in range(EVENT_NUMBER + 1, 128) if n not in used)
        used.add(number)
        yield number, RtpMap(TELEPHONE_EVENT, rate)


def _all_lines(description: SessionDescription, audio: Media) -> Iterator[str]:
    for line in description.session:
        if not line.startswith("b="):
            yield "s=-" if line.startswith("s=") else line
    for index, media in enumerate(description.media):
        section = audio if index == description.audio_index else media
        yield section.text
        yield from section.lines


def _format_attributes(
    numbers: Iterable[int], maps: Mapping[int, RtpMap], parameters: Mapping[int, str]
) -> Iterator[str]:
    for number in numbers:
        yield f"a=rtpmap:{number} {maps[number]}"
        if value := parameters.get(number):
            yield f"a=fmtp:{number} {value}"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
