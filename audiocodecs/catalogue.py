"""The codecs this product knows, and what each one means on the wire."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

PACKET_TIME_S = 0.020
HEADER_BYTES = 20 + 8 + 12  # IPv4, UDP, RTP (RFC 791, 768, 3550)


@dataclass(frozen=True, slots=True)
class Codec:
    """Describe one codec.

    `encoding_name` and `rtp_clock_rate_hz` are what SDP compares (RFC 8866 section 6.6);
    `audio_rate_hz` is the sampling rate of the sound, which differs for G722 (RFC 3551
    section 4.5.2) and is the full band for OPUS (RFC 7587).
    """

    name: str
    encoding_name: str
    rtp_clock_rate_hz: int
    audio_rate_hz: int
    payload_bytes: int
    "Bytes of RTP payload in one 20 ms packet, at the bit rate this engine sends."
    static_payload_type: int | None = None
    channels: int = 1
    "The channel count SDP writes; OPUS is always written as 2 (RFC 7587 section 7)."
    audio_bandwidth_hz: int = 3400

    @property
    def hd(self) -> bool:
        """Whether the codec carries more than the telephone band."""
        return self.audio_rate_hz >= 16000

    @property
    def wire_bit_rate_bps(self) -> int:
        """Bit rate of one direction at 20 ms packets, with IPv4, UDP and RTP headers."""
        return round((self.payload_bytes + HEADER_BYTES) * 8 / PACKET_TIME_S)

    @property
    def rtpmap(self) -> str:
        """The value of an SDP rtpmap attribute, after the payload type."""
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.encoding_name}/{self.rtp_clock_rate_hz}{channels}"


OPUS = Codec("OPUS", "opus", 48000, 48000, 60, channels=2, audio_bandwidth_hz=20000)
G722 = Codec("G722", "G722", 8000, 16000, 160, static_payload_type=9, audio_bandwidth_hz=7000)
AMR_WB = Codec("AMR-WB", "AMR-WB", 16000, 16000, 61, audio_bandwidth_hz=7000)
PCMU = Codec("PCMU", "PCMU", 8000, 8000, 160, static_payload_type=0)
PCMA = Codec("PCMA", "PCMA", 8000, 8000, 160, static_payload_type=8)
G729 = Codec("G729", "G729", 8000, 8000, 20, static_payload_type=18)
AMR = Codec("AMR", "AMR", 8000, 8000, 32)
GSM = Codec("GSM", "GSM", 8000, 8000, 33, static_payload_type=3)
ILBC = Codec("ILBC", "iLBC", 8000, 8000, 38)
SPEEX = Codec("SPEEX", "speex", 8000, 8000, 38)
SPEEX_WB = Codec("SPEEX-WB", "speex", 16000, 16000, 70, audio_bandwidth_hz=7000)
L16 = Codec("L16", "L16", 44100, 44100, 1764, static_payload_type=11, audio_bandwidth_hz=20000)

CATALOGUE = MappingProxyType(
    {
        codec.name: codec
        for codec in (
            *(OPUS, G722, AMR_WB, PCMU, PCMA),
            *(AMR, G729, ILBC, GSM),
            *(SPEEX, SPEEX_WB, L16),
        )
    }
)
"Every codec by its name, platform codecs first."

PLATFORM_CODECS: tuple[str, ...] = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
"The default platform list, best first."

CARRIER_CODECS: tuple[str, ...] = ("AMR", "G729", "ILBC", "GSM")
"""What some carriers ask for: off by default, one click away. In the order of their sound.

The rest of the catalogue is recognised in what a peer offers, and never shown to be picked.
"""

_BY_ENCODING = {
    (codec.encoding_name.lower(), codec.rtp_clock_rate_hz): codec for codec in CATALOGUE.values()
}

_BY_STATIC = {
    codec.static_payload_type: codec
    for codec in CATALOGUE.values()
    if codec.static_payload_type is not None
}


def find(encoding_name: str, rtp_clock_rate_hz: int) -> Codec | None:
    """Return the codec with this encoding name (any case) and RTP clock rate, if known."""
    return _BY_ENCODING.get((encoding_name.lower(), rtp_clock_rate_hz))


def by_static_payload_type(payload_type: int) -> Codec | None:
    """Return the codec a static payload type stands for (RFC 3551 table 4), if known."""
    return _BY_STATIC.get(payload_type)


def highest_audio_rate_hz(names: Iterable[str]) -> int:
    """Return the highest audio rate among the named codecs, in Hz; 8000 for none."""
    return max((CATALOGUE[name].audio_rate_hz for name in names), default=8000)
