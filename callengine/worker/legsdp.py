"""The SDP of a leg: what pjmedia wrote, kept to the leg's list, parameters and address. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from audiocodecs.catalogue import CATALOGUE
from audiocodecs.negotiation import negotiate
from callengine.core import sdp
from callengine.worker.plugins.fmtp import opus_offer_fmtp

_ADDRESS = re.compile(r"IN IP[46] \S+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leg's audio is made."""

    bridge_rate_hz: int
    address: str
    "IP address shown to the peer."


def offer(ours: str, allowed: Sequence[str], place: Place) -> str:
    """Return our offer with the codecs of `allowed` alone, in order.

    AMR-WB stands in it twice, once for each framing, as the plug-in wrote it: the peer keeps one.
    Raises SdpError if pjmedia wrote none of the codecs.
    """
    return _restricted(ours, allowed, None, place)


def answer(ours: str, remote: sdp.Audio, allowed: Sequence[str], place: Place) -> str | None:
    """Return our answer: the one codec our list leads to, and one telephone-event if offered.

    None if the offer shares nothing with the list. Raises SdpError as `offer` does.
    """
    chosen = negotiate(allowed, remote.codecs).codec
    if chosen is None:
        return None
    event = sdp.event_for(CATALOGUE[chosen].rtp_clock_rate_hz, remote.telephone_events)
    return _restricted(ours, (chosen,), () if event is None else (event,), place)


def _restricted(
    ours: str, codecs: Sequence[str], events: Sequence[int] | None, place: Place
) -> str:
    fmtp = {"OPUS": opus_offer_fmtp(place.bridge_rate_hz)}
    text = sdp.restrict(ours, codecs, telephone_events=events, fmtp=fmtp)
    family = "IP6" if ":" in place.address else "IP4"
    return _ADDRESS.sub(f"IN {family} {place.address}", text)
