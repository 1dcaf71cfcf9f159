"""Listening quality of one leg, estimated from what RTCP and the jitter buffer tell.

The E-model of ITU-T G.107 with the packet-loss terms of G.113, reduced to what an endpoint can
know: the delay impairment Idd and the effective equipment impairment Ie,eff. Wideband codecs are
judged on the same narrowband scale: their impairment is that of the codec's own coding noise,
so a clean HD call reads 4.5, as high as the scale goes, and never less than a clean G.711 call.
"""

import math
from dataclasses import dataclass

MIN_MOS = 1.0
MAX_MOS = 4.5
DEFAULT_R = 93.2
"R of a connection with all defaults (G.107 section 7.7)."
JITTER_BUFFER_FACTOR = 2.0
"An adaptive jitter buffer holds back about twice the mean deviation it sees."
PACKET_DELAY_MS = 20.0


@dataclass(frozen=True, slots=True)
class _Impairment:
    """Ie and Bpl for random loss, with `r_bonus` for the wider band."""

    ie: float
    bpl: float
    r_bonus: float = 0.0


# GSM, G.711, G.729 (annex A) and AMR (at 12.2 kbit/s, which is GSM EFR): G.113 appendix I, with
# packet loss concealment. The wideband
# codecs have no figure on this narrowband scale; theirs are estimates of ours, in the order in
# which listening tests put them.
_IMPAIRMENTS = {
    "OPUS": _Impairment(0.0, 20.0, 6.8),
    "G722": _Impairment(5.0, 14.0, 6.8),
    "AMR-WB": _Impairment(3.0, 13.0, 6.8),
    "PCMU": _Impairment(0.0, 25.1),
    "PCMA": _Impairment(0.0, 25.1),
    "G729": _Impairment(11.0, 19.0),
    "AMR": _Impairment(5.0, 10.0),
    "GSM": _Impairment(20.0, 10.0),
    "ILBC": _Impairment(11.0, 32.0),
    "SPEEX": _Impairment(11.0, 15.0),
    "SPEEX-WB": _Impairment(8.0, 15.0, 6.8),
    "L16": _Impairment(0.0, 25.1, 6.8),
}
_UNKNOWN = _Impairment(15.0, 10.0)


def estimate_mos(
    codec: str, loss_percent: float, jitter_ms: float, round_trip_ms: float | None
) -> float:
    """Return the estimated listening MOS, 1.0 to 4.5, of one direction.

    `codec` is a catalogue name (an unknown one is judged as a middling one), `loss_percent` the
    packets lost of those expected, 0 to 100, `jitter_ms` the interarrival jitter of RFC 3550 and
    `round_trip_ms` the round trip from RTCP, None while it is not known.
    """
    impairment = _IMPAIRMENTS.get(codec, _UNKNOWN)
    one_way_ms = (
        _sane(round_trip_ms or 0.0) / 2 + PACKET_DELAY_MS + JITTER_BUFFER_FACTOR * _sane(jitter_ms)
    )
    loss = min(_sane(loss_percent), 100.0)
    ie_eff = impairment.ie + (95.0 - impairment.ie) * loss / (loss + impairment.bpl)
    return _mos(DEFAULT_R + impairment.r_bonus - _delay_impairment(one_way_ms) - ie_eff)


def _sane(value: float) -> float:
    """Return a measured value without what a broken report may hold: below zero, not a number."""
    return min(value, 1e6) if math.isfinite(value) and value > 0 else 0.0


def _delay_impairment(one_way_ms: float) -> float:
    """Return Idd (G.107 equation 7-27): nothing is lost below 100 ms."""
    if one_way_ms <= 100.0:
        return 0.0
    x = math.log2(one_way_ms / 100.0)
    return 25.0 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)


def _mos(r: float) -> float:
    """Return the MOS for a rating R (G.107 annex B)."""
    if r <= 6.5:
        return MIN_MOS  # The cubic dips below 1 there.
    r = min(r, 100.0)
    mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6
    return min(max(mos, MIN_MOS), MAX_MOS)
