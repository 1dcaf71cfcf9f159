"""The SDP of a leg: what pjmedia wrote, kept to the leg's list, parameters and address. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

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

_KEY = re.compile(r"a=crypto:[^\r\n]*\r\n")
_ADDRESS = re.compile(r"IN IP[46] \S+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leg's audio is made."""

    bridge_rate_hz: int
    address: str
    "IPv4 address shown to the peer, where the edge shows none of IPv6 in its place."


@dataclass(frozen=True, slots=True)
class _Parameters:
    """Format parameters of those that pjmedia wrote (see `oursdp.Parameters`)."""

    bridge_rate_hz: int
    offered: tuple[str, ...] | None = None
    "What an answer is to: the parameters of its codec's formats; None: this is an offer."

    def __call__(self, codec: str, own: str) -> str:
        if codec == "OPUS":
            return opus_offer_fmtp(self.bridge_rate_hz)
        if codec == "ILBC":
            offered = self.offered
            return sdplines.ILBC_MODES[20] if offered is None else sdplines.ilbc_fmtp(offered[0])
        if codec in AMR_TABLES and self.offered is not None:
            return _answered_amr(codec, self.offered, own)
        return own


def offer(ours: str, allowed: Sequence[str], place: Place) -> str:
    """Return our offer with the codecs of `allowed` alone, in order.

    AMR and AMR-WB stand in it twice, once for each framing, as the plug-ins wrote them: the peer
    keeps one. iLBC asks for its shorter frames, and a peer may answer with the longer ones.
    Raises SdpError if pjmedia wrote none of the codecs.
    """
    return _restricted(ours, allowed, None, _Parameters(place.bridge_rate_hz), place)


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
    offered = tuple(remote.fmtp.get(number, "") for number in remote.payload_types[chosen])
    events = () if event is None else (event,)
    return _restricted(ours, (chosen,), events, _Parameters(place.bridge_rate_hz, offered), place)


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
    fmtp: _Parameters,
    place: Place,
) -> str:
    text = oursdp.restrict(ours, codecs, telephone_events=events, fmtp=fmtp)
    return _ADDRESS.sub(f"IN IP4 {place.address}", text)
