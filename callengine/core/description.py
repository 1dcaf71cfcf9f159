"""Reading session descriptions (RFC 8866): lines into media. Pure.

What the payload types of a line mean is said by `payloadtypes`.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from callengine.core import payloadtypes, standins
from callengine.core.payloadtypes import FIRST_DYNAMIC, REMEMBERED, RtpMap
from callengine.core.srtp import PROFILES, CryptoLine, Offered, Profile, usable_crypto
from sip.srtp import Srtp

MAX_TEXT_BYTES = 70_000
MAX_MEDIA = 16
"PJMEDIA_MAX_SDP_MEDIA."
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

_CONNECTION = re.compile(
    r"IN (IP[46]) ([^\s/]+)(?:/[0-9]{1,3}){0,2}",  # of multicast: how far, and how many (RFC 8866)
    re.IGNORECASE,
)
_DOTTED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_TOKEN = re.compile(r"[!-~]{1,32}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f]")
_SUSPECT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]|\r(?!\n)")
"Without any of these a description has no line with a control character."
OFF = "a=x-off"
"With this line the edge tells a call process that the peer has switched off audio it had."


class SdpError(ValueError):
    """A session description that cannot be used; its text is a sentence saying why."""


@dataclass(frozen=True, slots=True)
class Media:
    """One m= line and what belongs to it."""

    kind: str
    port: int
    transport: str
    formats: tuple[str, ...]
    lines: tuple[str, ...] = ()
    "What follows the m= line, in order."
    answering: frozenset[Offered] | None = None
    "Tags and suites of the SRTP keys it answers; None for an offer."

    @property
    def text(self) -> str:
        """The m= line."""
        return f"m={self.kind} {self.port} {self.transport} {' '.join(self.formats)}"

    @property
    def payload_types(self) -> tuple[int, ...]:
        """Numeric formats of an RTP line, first mention only."""
        return payloadtypes.payload_types(self.formats)

    @property
    def attributes(self) -> tuple[str, ...]:
        """What follows `a=`."""
        return _attributes(self.lines)

    def rtpmaps(self) -> Mapping[int, RtpMap]:
        """Payload type -> meaning, in the line's order, where the meaning is known."""
        return payloadtypes.rtpmaps(self.formats, payloadtypes.of_formats(self.lines))

    @property
    def is_described(self) -> bool:
        """Whether the line says of any format what it is: by an rtpmap or a static number."""
        is_static = any(number < FIRST_DYNAMIC for number in self.payload_types)
        return is_static or any(map(payloadtypes.is_rtpmap, self.attributes))

    def fmtps(self) -> Mapping[int, str]:
        """Payload type -> format parameters; the first of a number counts."""
        return payloadtypes.fmtps(payloadtypes.of_formats(self.lines))

    @property
    def profile(self) -> Profile | None:
        """The profile of RTP, if it is one that can be spoken."""
        return Profile(self.transport) if self.transport in PROFILES else None

    @property
    def crypto(self) -> tuple[CryptoLine, ...]:
        """The SRTP keys that can be used, in their order; none in a profile that has none."""
        return _crypto(self)[0] if self.profile else ()

    @property
    def unusable_crypto(self) -> tuple[str, ...]:
        """Why its other SRTP keys cannot be used."""
        return _crypto(self)[1]

    @property
    def lacks_key(self) -> bool:
        """Whether it answers keys of ours with none that can be used, instead of with none."""
        return bool(self.answering and self.unusable_crypto and not self.crypto)

    @property
    def has_codec(self) -> bool:
        """Whether any of its payload types is a codec known here."""
        return any(meaning.codec for meaning in self.rtpmaps().values())


@lru_cache(maxsize=REMEMBERED)
def _attributes(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line[2:] for line in lines if line.startswith("a="))


@lru_cache(maxsize=REMEMBERED)
def _crypto(media: Media) -> tuple[tuple[CryptoLine, ...], tuple[str, ...]]:
    return usable_crypto(media.attributes, media.answering)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description."""

    session: tuple[str, ...]
    media: tuple[Media, ...]

    def answering(self, offered: frozenset[Offered] | None) -> "SessionDescription":
        """Return it as the answer to an offer with these SRTP keys; None: that is not known."""
        return (
            self
            if offered is None
            else replace(self, media=tuple(replace(m, answering=offered) for m in self.media))
        )

    def address_of(self, media: Media) -> str:
        """Return where a media line wants its packets; empty if nobody says. Raises SdpError."""
        return address_in(media.lines) or address_in(self.session)

    def usable(self, media: Media, srtp: Srtp = Srtp.ALLOWED) -> bool:
        """Tell whether this is audio that is switched on, for one host, as secret as it must be."""
        if media.kind != "audio" or media.port == 0 or media.profile is None:
            return False
        if media.profile.is_secure or srtp is Srtp.REQUIRED:
            fits = srtp is not Srtp.OFF and bool(media.crypto)
        else:
            fits = srtp is Srtp.OFF or not media.lacks_key
        return fits and standins.is_for_one(self.address_of(media))

    @property
    def is_off(self) -> bool:
        """Whether it has audio, and that and all else is switched off (RFC 3264 section 8.2).

        Where something else goes on, a fax (T.38) or a picture, audio was given up for it.
        """
        return any(m.kind == "audio" for m in self.media) and not any(m.port for m in self.media)

    @property
    def audio_index(self) -> int | None:
        """Index of the audio line to use, where encryption is neither forbidden nor required."""
        return self.audio_index_for(Srtp.ALLOWED)

    def audio_index_for(self, srtp: Srtp) -> int | None:
        """Return the index of the audio line to use.

        The first usable one, best with a codec known here, and then best with a key if that counts.
        """
        return _audio_index(self, srtp)

    def direction(self, media: Media) -> str:
        """Return the media's direction; it may stand at session level (RFC 8866 section 6.7).

        The address 0.0.0.0, or ::, as RFC 2543 had hold, asks that nothing be sent (RFC 3264
        section 8.4).
        """
        stated = (*media.attributes, *_attributes(self.session))
        written = (one for one in stated if one in DIRECTIONS)
        direction = next(written, DIRECTIONS[0])
        if standins.stand_in(self.address_of(media)) != standins.NOBODY:
            return direction
        return "sendonly" if direction.startswith("send") else "inactive"


@lru_cache(maxsize=REMEMBERED)
def _audio_index(description: SessionDescription, srtp: Srtp) -> int | None:
    media = description.media

    def rank(index: int) -> tuple[bool, bool]:
        return not media[index].has_codec, srtp is Srtp.ALLOWED and not media[index].crypto

    usable = [i for i, line in enumerate(media) if description.usable(line, srtp)]
    return min(usable, key=rank) if len(usable) > 1 else next(iter(usable), None)


@lru_cache(maxsize=REMEMBERED)
def read(sdp: str) -> SessionDescription:
    """Split a description into session and media lines. Raises SdpError."""
    if len(sdp) > MAX_TEXT_BYTES:
        raise SdpError(f"The description is longer than {MAX_TEXT_BYTES} characters.")
    session: list[str] = []
    media: list[tuple[_Line, list[str]]] = []
    sdp = sdp.rstrip("\0")  # some send the end of a string in C along
    is_suspect = _SUSPECT.search(sdp) is not None
    for number, raw in enumerate(sdp.split("\n"), 1):
        line = raw.rstrip("\r \t")
        if not line:
            continue
        if len(line) < 2 or line[1] != "=" or not line[0].isalpha():
            raise SdpError(f"Line {number} of the description is not of the form x=value.")
        if is_suspect and _CONTROL.search(line):
            raise SdpError(f"Line {number} of the description holds control characters.")
        if line.startswith("m="):
            media.append((_read_media(line, number), []))
        else:
            (media[-1][1] if media else session).append(line)
    _check(session, len(media))
    return SessionDescription(tuple(session), tuple(Media(*m, tuple(ls)) for m, ls in media))


_Line = tuple[str, int, str, tuple[str, ...]]
"Of an m= line: kind, port, transport, formats."


def _read_media(line: str, number: int) -> _Line:
    words = line[2:].split()
    if len(words) >= 4 and all(map(_TOKEN.fullmatch, words)):
        port = words[1].partition("/")[0]
        if port.isdecimal() and len(port) <= 5 and int(port) <= 65535:
            return words[0].lower(), int(port), words[2].upper(), tuple(words[3:])
    raise SdpError(f"Line {number} of the description is not a valid m= line.")


def _check(session: Sequence[str], media: int) -> None:
    if not session or session[0] != "v=0":
        raise SdpError("The description does not begin with v=0.")
    if not any(line.startswith("o=") for line in session):
        raise SdpError("The description has no o= line.")
    if not 0 < media <= MAX_MEDIA:
        raise SdpError(f"The description has {media} media lines; 1 to {MAX_MEDIA} can be used.")


@lru_cache(maxsize=REMEMBERED)
def address_in(lines: tuple[str, ...]) -> str:
    """Return the connection address in these lines, empty if there is none. Raises SdpError.

    It has no zone, which means nothing on another host; one of IPv4 written as IPv6 is one of IPv4,
    and zeros before its numbers mean nothing.
    """
    line = next((line for line in lines if line.startswith("c=")), None)
    if line is None:
        return ""
    match = _CONNECTION.fullmatch(" ".join(line[2:].split()))
    host = _without_zeros(match[2]) if match else ""
    if match is None or not _is_host(host):
        raise SdpError("The connection address (c=) is not an IP address or host name.")
    if match[1].upper() == "IP6" and not _is_literal(host):
        raise SdpError("The connection address (c=) is an IPv6 host name; an address is needed.")
    return standins.plain(host)


def _without_zeros(host: str) -> str:
    is_dotted = _DOTTED.fullmatch(host) is not None
    return ".".join(str(int(number)) for number in host.split(".")) if is_dotted else host


def _is_host(value: str) -> bool:
    return _is_literal(value) or _HOST.fullmatch(value) is not None


def _is_literal(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
