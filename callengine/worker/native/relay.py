"""The relay of the media extension, as a leg and a call ask for it.

One in a process, as there is one call. Without the extension it never begins. What ends it must
be told at once: the next tick of the bridge's clock mixes again.
"""

import os
from dataclasses import dataclass
from enum import Enum
from typing import Any

from callengine.worker.native.libraries import ffi
from callengine.worker.native.media import media

VARIABLE = "VOIPNUMBER_RELAY"
NO_EVENTS = 255
"VN_NO_EVENTS"


class Relayed(Enum):
    """What became of the relay: `enum vn_verdict` and what follows it in `native/relay.h`."""

    ON = 0
    OTHER_SOURCE = 3
    OTHER_PAYLOAD = 4
    OTHER_TIME = 5
    TOO_MANY = 6
    OLD_KEY = 7
    ENDED = 16
    QUIET = 17
    UNREADY = 18
    ASKED = -1


class Law(Enum):
    """What is done to each octet of a payload: `enum vn_law`."""

    KEPT = 0
    MU_TO_A = 1
    A_TO_MU = 2
    MU_TO_G722 = 3
    A_TO_G722 = 4
    G722_TO_MU = 5
    G722_TO_A = 6


@dataclass(frozen=True, slots=True)
class RelayEnd:
    """One leg's end of a relay: as agreed with its peer."""

    descriptor: int
    "Of its socket of RTP."
    stream: int
    "Address of its pjmedia_stream."
    codec: str
    payload_type: int
    "Of what is sent to the peer."
    payload_type_heard: int
    "Of what the peer sends."
    events: int | None
    "telephone-event in the codec's clock, as the peer wants it."
    events_heard: int | None
    ptime_ms: int
    "Of the packets that the peer is sent."


_LAWS = {
    ("PCMU", "PCMU"): Law.KEPT,
    ("PCMA", "PCMA"): Law.KEPT,
    ("G722", "G722"): Law.KEPT,
    ("PCMU", "PCMA"): Law.MU_TO_A,
    ("PCMA", "PCMU"): Law.A_TO_MU,
    ("PCMU", "G722"): Law.MU_TO_G722,
    ("PCMA", "G722"): Law.A_TO_G722,
    ("G722", "PCMU"): Law.G722_TO_MU,
    ("G722", "PCMA"): Law.G722_TO_A,
}
"What can be passed on from one codec to another. All have 8 octets a ms, and a clock of 8000 Hz."
_A_MS = 8


def can_begin() -> bool:
    """Tell whether this process has a relay at all."""
    return media() is not None and os.environ.get(VARIABLE, "").lower() != "off"


def suits(one: str | None, other: str | None) -> bool:
    """Tell whether what is of one codec can be passed on as of another, coded anew or not."""
    return (one, other) in _LAWS


def begin(one: RelayEnd, other: RelayEnd) -> None:
    """Have the relay begin, which `state` tells of; the legs must be joined on the bridge."""
    ways = ffi.new("struct vn_way[2]")
    _describe(ways[0], one, other)
    _describe(ways[1], other, one)
    _extension().vn_relay_begin(ways)


def _describe(way: Any, source: RelayEnd, sink: RelayEnd) -> None:
    way.sock = source.descriptor
    way.__setattr__("from", ffi.cast("void *", source.stream))
    way.to = ffi.cast("void *", sink.stream)
    way.payload, way.payload_to = source.payload_type_heard, sink.payload_type
    way.events = NO_EVENTS if source.events_heard is None else source.events_heard
    way.events_to = NO_EVENTS if sink.events is None else sink.events
    way.law = _LAWS[source.codec, sink.codec].value
    way.bytes = way.units = sink.ptime_ms * _A_MS


def note(stream: int, clock_hz: int, *, hears: bool) -> None:
    """Take a new pjmedia_stream of this RTP clock, until `let_go`; `hears` is whether it decodes.

    Its timestamps go on while a process that stood still leaves frames of the bridge out.
    """
    if (extension := media()) is not None:
        extension.vn_streams_note(ffi.cast("void *", stream), clock_hz, hears)


def end() -> None:
    """End it, if it is on or about to begin; what is left of a key is passed on all the same."""
    if (extension := media()) is not None:
        extension.vn_relay_end()


def cut(stream: int | None) -> None:
    """End it, and a key too that goes to this pjmedia_stream, of which the rest else follows."""
    if (extension := media()) is not None:
        extension.vn_relay_cut(ffi.cast("void *", stream or 0))


def let_go(stream: int = 0) -> None:
    """End it, and have it forget a pjmedia_stream that is about to be freed, or all it knew."""
    if (extension := media()) is not None:
        extension.vn_relay_let_go(ffi.cast("void *", stream))


def has_passed_key(descriptor: int) -> bool:
    """Tell whether the packet that is read of a socket is a key's, and went to the other leg.

    Asked from where pjmedia tells of the key, on its thread.
    """
    extension = media()
    return extension is not None and bool(extension.vn_relay_passed_key(descriptor))


def packet_read(descriptor: int) -> tuple[int, int] | None:
    """Return SSRC and timestamp of the packet that is read of a socket; None if none is known.

    Asked from where pjmedia tells of it, on its thread.
    """
    extension = media()
    if extension is None:
        return None
    facts = ffi.new("uint32_t[2]")
    if not extension.vn_arrival_rtp(descriptor, facts, facts + 1):
        return None
    return facts[0], facts[1]


def state() -> Relayed:
    """Return whether it is on, or why not."""
    if media() is None:
        return Relayed.ENDED
    figures = _figures()
    return Relayed.ASKED if figures.asked else Relayed(figures.state)


def forwarded() -> int:
    """Return how many packets this process has passed on."""
    return 0 if media() is None else int(_figures().forwarded)


def _figures() -> Any:
    figures = ffi.new("struct vn_relay_figures *")
    _extension().vn_relay_figures(figures)
    return figures


def _extension() -> Any:
    extension: Any = media()
    assert extension is not None
    return extension
