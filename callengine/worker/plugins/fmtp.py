"""Format parameters (SDP `a=fmtp`) of the plugged-in codecs: what is offered, what is honoured.

Pure: no cffi, no pjsua2. Whoever writes SDP may import it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from callengine.core.fmtp import is_amr_spoken, number_in, parse_fmtp
from callengine.worker.plugins.rfc4867 import AMR, AMR_WB, FrameTable

OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
"Sampling rates libopus works at, all divisors of its RTP clock of 48000 Hz."
OPUS_BIT_RATE_BPS = 24000
OPUS_BIT_RATE_LIMITS_BPS = (6000, 510000)

AMR_FRAMINGS: tuple[str, ...] = (
    "octet-align=0;mode-change-capability=2",
    "octet-align=1;mode-change-capability=2",
)
"""fmtp of the AMR and AMR-WB payload types in our offers, bandwidth-efficient first.

RFC 4867 section 8.3.1 makes octet-align symmetric: an answerer takes or drops a payload type.
So one payload type for each framing is offered, and the peer keeps the one it can.
"""


G729_FMTP = "annexb=no"
"""fmtp of G729 in our offers and answers: no silence descriptions, please (RFC 4856).

Without it a peer may take annex B as agreed; its silence is decoded all the same.
"""


def opus_offer_fmtp(bridge_rate_hz: int) -> str:
    """Return the fmtp value of OPUS in our offers and answers, for a bridge at this rate.

    `sprop-maxcapturerate` is true (no sound above the bridge's rate leaves us) and is what makes
    pjmedia run the stream at that rate; `sprop-stereo=0` keeps a stereo peer from making it two
    channels (RFC 7587 section 6.1).
    """
    common = "stereo=0;sprop-stereo=0;useinbandfec=1;usedtx=0"
    rate = opus_rate_hz(bridge_rate_hz)
    if rate == OPUS_RATES_HZ[-1]:
        return common
    return f"maxplaybackrate={rate};sprop-maxcapturerate={rate};{common}"


def opus_rate_hz(bridge_rate_hz: int) -> int:
    """Return the rate to run Opus at: the lowest it knows that loses nothing of the bridge."""
    return next((rate for rate in OPUS_RATES_HZ if rate >= bridge_rate_hz), OPUS_RATES_HZ[-1])


OFFER_FMTP: dict[str, str] = {
    "OPUS": opus_offer_fmtp(48000),
    "AMR-WB": AMR_FRAMINGS[0],
    "AMR": AMR_FRAMINGS[0],
    "G729": G729_FMTP,
}
"fmtp value, after the payload type, for one payload type of each codec at a 48000 Hz bridge."


@dataclass(frozen=True, slots=True)
class OpusFormat:
    """What the peer's fmtp asks our encoder to do (RFC 7587 section 6.1)."""

    bit_rate_bps: int = OPUS_BIT_RATE_BPS
    inband_fec: bool = False
    constant_bit_rate: bool = False


@dataclass(frozen=True, slots=True)
class AmrFormat:
    """What a peer's AMR or AMR-WB fmtp says (RFC 4867 section 8.2)."""

    octet_align: bool = False
    mode_set: tuple[int, ...] = ()
    change_period: int = 1
    neighbours_only: bool = False
    usable: bool = True
    "False if it demands CRC, robust sorting, interleaving or two channels, which we do not do."


AMR_TABLES = {"AMR": AMR, "AMR-WB": AMR_WB}
"By catalogue name."


def answered_amr(ours: str, theirs: str, table: FrameTable) -> str:
    """Return our fmtp value for an answer to `theirs`: it names the mode-set it was offered.

    One mode-set holds for both ways (RFC 4867 section 8.3.1), and devices of mobile networks want
    to read that it does.
    """
    modes = read_amr(parse_fmtp(theirs), table).mode_set
    own = [item for item in ours.split(";") if item and not item.startswith("mode-set=")]
    return ";".join((*own, *(f"mode-set={','.join(map(str, modes))}",) * bool(modes)))


def ilbc_mode_ms(value: str) -> int:
    """Return how long the frames of an iLBC format are: 20 ms if it says so, else 30 (RFC 3952)."""
    return 20 if parse_fmtp(value).get("mode") == "20" else 30


def read_opus(parameters: Mapping[str, str]) -> OpusFormat:
    """Read a peer's parameters; what is not a number counts as absent."""
    lowest, highest = OPUS_BIT_RATE_LIMITS_BPS
    # Zero is no rate (RFC 7587 section 6.1 begins at 6000): the peer means to set no limit.
    limit = number_in(parameters, "maxaveragebitrate", highest) or highest
    return OpusFormat(
        bit_rate_bps=min(OPUS_BIT_RATE_BPS, max(lowest, limit)),
        inband_fec=number_in(parameters, "useinbandfec", 0) == 1,
        constant_bit_rate=number_in(parameters, "cbr", 0) == 1,
    )


def read_amr(parameters: Mapping[str, str], table: FrameTable = AMR_WB) -> AmrFormat:
    """Read a peer's parameters; what is not a number counts as absent."""
    modes = parameters.get("mode-set", "").split(",")
    mode_set = tuple(int(m) for m in modes if m.strip().isdecimal() and len(m.strip()) == 1)
    return AmrFormat(
        # CRC, robust sorting and interleaving imply octet alignment (section 8.2).
        octet_align=number_in(parameters, "octet-align", 0) == 1,
        mode_set=tuple(mode for mode in mode_set if mode < len(table.speech_bits)),
        change_period=2 if number_in(parameters, "mode-change-period", 1) == 2 else 1,
        neighbours_only=number_in(parameters, "mode-change-neighbor", 0) == 1,
        usable=is_amr_spoken(parameters),
    )


def amr_formats_match(ours: str, theirs: str) -> bool:
    """Whether two fmtp values of AMR or AMR-WB can be one payload type: framing alike, no lack."""
    first, second = (read_amr(parse_fmtp(value)) for value in (ours, theirs))
    return first.usable and second.usable and first.octet_align == second.octet_align
