"""The SDP of a leg: what pjmedia wrote, kept to the leg's list, parameters and address. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from audiocodecs.catalogue import CATALOGUE
from audiocodecs.negotiation import negotiate
from callengine.core import oursdp, sdp, sdplines
from callengine.core.fmtp import parse_fmtp
from callengine.worker.plugins.fmtp import (
    AMR_TABLES,
    answered_amr,
    opus_offer_fmtp,
    read_amr,
)

Fmtp = Mapping[str, Callable[[str], str]]
"Catalogue name -> what makes format parameters of those pjmedia wrote."
_KEY = re.compile(r"a=crypto:[^\r\n]*\r\n")
_ADDRESS = re.compile(r"IN IP[46] \S+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leg's audio is made."""

    bridge_rate_hz: int
    address: str
    "IPv4 address shown to the peer, where the edge shows none of IPv6 in its place."


def offer(ours: str, allowed: Sequence[str], place: Place) -> str:
    """Return our offer with the codecs of `allowed` alone, in order.

    AMR and AMR-WB stand in it twice, once for each framing, as the plug-ins wrote them: the peer
    keeps one. iLBC asks for its shorter frames, and a peer may answer with the longer ones.
    Raises SdpError if pjmedia wrote none of the codecs.
    """
    fmtp: Fmtp = {"ILBC": lambda _own: sdplines.ILBC_MODES[20]}
    return _restricted(ours, allowed, None, fmtp, place)


def has_keys(offer: str) -> bool:
    """Tell whether an offer of the peer's has a key for SRTP. Raises SdpError."""
    audio = sdp.read_audio(offer) if offer else None
    return bool(audio and audio.suite)


def without_keys(ours: str) -> str:
    """Return our offer, which is of RTP/AVP, for plain RTP alone."""
    return _KEY.sub("", ours)


def answer(ours: str, remote: sdp.Audio, allowed: Sequence[str], place: Place) -> str | None:
    """Return our answer: the one codec our list leads to, and one telephone-event if offered.

    None if the offer shares nothing with the list. Raises SdpError as `offer` does.
    """
    chosen = negotiate(allowed, remote.codecs).codec
    if chosen is None:
        return None
    event = sdp.event_for(CATALOGUE[chosen].rtp_clock_rate_hz, remote.telephone_events)
    offered = [remote.fmtp.get(number, "") for number in remote.payload_types[chosen]]
    fmtp: Fmtp = {
        "ILBC": lambda _own: sdplines.ilbc_fmtp(offered[0]),
        **{name: partial(_answered_amr, name, offered) for name in AMR_TABLES},
    }
    return _restricted(ours, (chosen,), () if event is None else (event,), fmtp, place)


def _answered_amr(name: str, offered: Sequence[str], own: str) -> str:
    """Return `own` with the mode-set of the format offered in the same framing."""
    table = AMR_TABLES[name]

    def framing(fmtp: str) -> bool:
        return read_amr(parse_fmtp(fmtp), table).octet_align

    same = next((fmtp for fmtp in offered if framing(fmtp) is framing(own)), "")
    return answered_amr(own, same, table)


def _restricted(
    ours: str,
    codecs: Sequence[str],
    events: Sequence[int] | None,
    fmtp: Fmtp,
    place: Place,
) -> str:
    opus: Fmtp = {"OPUS": lambda _own: opus_offer_fmtp(place.bridge_rate_hz)}
    text = oursdp.restrict(ours, codecs, telephone_events=events, fmtp={**opus, **fmtp})
    return _ADDRESS.sub(f"IN IP4 {place.address}", text)
