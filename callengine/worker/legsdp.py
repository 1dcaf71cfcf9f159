"""The SDP of a leg: what pjmedia wrote, kept to the leg's list, parameters and address. Pure."""

import re
from collections.abc import Sequence

from callengine.core import sdp
from callengine.worker.plugins.fmtp import opus_offer_fmtp

_ADDRESS = re.compile(r"IN IP[46] \S+")


def restricted(ours: str, allowed: Sequence[str], *, bridge_rate_hz: int, address: str) -> str:
    """Return our description with the codecs of `allowed` alone, in order, at `address`.

    AMR-WB stands in it twice, once for each framing, as the plug-in wrote it: the peer, or pjmedia
    when it answers, keeps one. Raises SdpError if pjmedia wrote none of the codecs.
    """
    text = sdp.restrict(ours, allowed, fmtp={"OPUS": opus_offer_fmtp(bridge_rate_hz)})
    family = "IP6" if ":" in address else "IP4"
    return _ADDRESS.sub(f"IN {family} {address}", text)
