"""A peer's description in the one form that pjmedia and we read alike. Pure.

Nothing here answers an offer: pjmedia does, and what it reads has passed through here.
"""

import ipaddress
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from callengine.core import numbering, standins
from callengine.core.description import (
    DIRECTIONS,
    OFF,
    Media,
    SdpError,
    SessionDescription,
    address_in,
    read,
)
from callengine.core.obstacles import noted, obstacle_in
from callengine.core.payloadtypes import FIRST_DYNAMIC, REMEMBERED, RtpMap
from callengine.core.sdp import event_for
from callengine.core.sdplines import PTIME_MS, format_attributes, ilbc_fmtp, joined
from callengine.core.srtp import Offered, Profile
from sip.srtp import Srtp

MAX_FORMATS = 24
"Below PJMEDIA_MAX_SDP_FMT (32); each may need two of the 68 attributes."
MAX_COMPACT_BYTES = 2600
"Leaves room for the header fields in PJSIP_MAX_PKT_LEN (4000)."
MAX_FMTP_CHARACTERS = 200
MAX_PARAMETERS = 12
"Of one payload type; pjmedia holds 16."
UNKNOWN_FORMATS_KEPT = 4

PTIMES_MS = range(10, 61)
"Packet times of a peer that are honoured when sending."
_LONG_FRAMES = frozenset(("OPUS", "AMR-WB", "AMR", "GSM", "ILBC"))
"Codecs that are sent in frames of 20 ms, or 30 (iLBC); the others in frames of 10."

_NOT_OURS = RtpMap("not-ours", 8000)
"""Stands for formats whose numbers pjmedia would take for a codec of its own."""
_PARAMETER = re.compile(r"[A-Za-z0-9._-]{1,32}(?: ?= ?[A-Za-z0-9.,_+/-]{1,64})?|[0-9,-]{1,64}")
_PTIME = re.compile(r"(ptime|maxptime):[ \t]*(\d{1,4})(?:\.\d{1,3})?[ \t]*", re.ASCII)
_RTCP = re.compile(r"rtcp:[ \t]*(\d{1,5})(?: IN IP[46] ([0-9A-Fa-f:.]{2,45}))?[ \t]*", re.ASCII)


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
    and their attributes, all written our way, in numbers that pjmedia takes (see `numbering`);
    every other line is disabled (port 0), so that its answer is a port 0 too (RFC 3264 section 6).
    o= is ours, whatever the peer wrote: its version changes if and only if something else does. Of
    an answer one telephone-event stays, so that both sides mean the same.
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
            audio = replace(media, transport=spoken)
            lines += _compact_audio(audio, description, is_answer=is_answer, has_ipv6=has_ipv6)
            lines += [key.attribute for key in secure]
        else:
            lines.append(replace(media, port=0, formats=media.formats[:1]).text)
            if not address_in(description.session):
                lines.append(_connection("127.0.0.1"))  # pjsip ends its process at a line without
        if index == hindered:
            lines.append(why)
    text = joined(("v=0", _origin(lines), *lines))
    if len(text.encode()) > MAX_COMPACT_BYTES:
        raise SdpError(f"The description needs more than {MAX_COMPACT_BYTES} bytes.")
    return text


def held(sdp: str) -> str:
    """Return a description that sends and wants nothing, and else says what this one does."""
    lines = [line for line in sdp.splitlines() if line[2:].strip() not in DIRECTIONS]
    at = next((i for i, line in enumerate(lines) if line.startswith("m=")), len(lines))
    return joined((*lines[:at], "a=inactive", *lines[at:]))


def switched_off(text: str) -> str:
    """Return a description as `compact` wrote it, with the line that says it stands for port 0."""
    return f"{text}{OFF}\r\n"


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
        obstacle = obstacle_in(description, srtp)
    except SdpError:
        obstacle = None
    return (None, "") if obstacle is None else (first, noted(*obstacle))


def _origin(lines: Sequence[str]) -> str:
    version = zlib.crc32(joined(lines).encode()) & 0x7FFFFFFF
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
    numbers = numbering.shown(maps, is_answer=is_answer)
    maps = {ours: maps[wire] for ours, wire in numbers.items()}
    yield replace(media, formats=tuple(map(str, maps))).text
    if own := address_in(media.lines):
        yield _connection(own)
    elif not address_in(description.session):
        raise SdpError("The audio line has no connection address (c=).")
    address = description.address_of(media)
    written = media.fmtps()
    fmtps = {
        ours: _parameters(written[wire], maps[ours].codec)
        for ours, wire in numbers.items()
        if not _is_unknown(maps[ours]) and 0 < len(written.get(wire, "")) <= MAX_FMTP_CHARACTERS
    }
    yield from format_attributes(maps, maps, fmtps)
    understood = {ours: wire for ours, wire in numbers.items() if not _is_unknown(maps[ours])}
    if told := numbering.told(understood):
        yield told
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
        if meaning.telephone_event:
            events.setdefault(meaning.clock_rate_hz, number)
    if is_answer and codecs and len(events) > 1:
        rate = event_for(maps[codecs[0]].clock_rate_hz, events)
        events = {r: n for r, n in events.items() if r == rate}
    unknown = [] if codecs else [n for n, m in maps.items() if _is_unknown(m)]
    room = MAX_FORMATS - min(len(events), UNKNOWN_FORMATS_KEPT)
    wanted = (codecs or unknown[:UNKNOWN_FORMATS_KEPT])[:room] + list(events.values())
    kept = set(wanted[:MAX_FORMATS])
    return {n: meaning for n, meaning in maps.items() if n in kept}


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
