"""Session descriptions as a call needs them: the audio line that is used, and its codecs. Pure.

Texts from a peer are nonsense until read: SdpError says what is wrong. What a call process reads
of a peer's description is made by `peersdp`, what is sent in its place of one of ours by `oursdp`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from audiocodecs.negotiation import negotiate
from callengine.core.description import OFF, SdpError, read
from callengine.core.numbering import Numbers, numbers_in
from callengine.core.payloadtypes import REMEMBERED
from sip.srtp import Srtp

__all__ = ["Audio", "SdpError", "answer_codec", "event_for", "offered_codecs", "read_audio"]


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
    numbers: Numbers
    "The edge's: what these payload types are on the wire."
    is_off: bool
    "The edge's: the peer has switched its audio off, and what it described last stands here."

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


# Both ends of a call ask time and again what one description says.
@lru_cache(maxsize=REMEMBERED)
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
        fmtp=media.fmtps(),
        address=address,
        port=media.port,
        suite=media.crypto[0].suite if media.crypto else "",
        direction=description.direction(media),
        numbers=numbers_in(sdp),
        is_off=f"\r\n{OFF}\r\n" in sdp,
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
