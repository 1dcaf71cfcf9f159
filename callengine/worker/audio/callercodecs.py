"""What a caller's codec is on the wire, and how it is opened here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audiocodecs.catalogue import CATALOGUE
from callengine.worker.audio.codecs import FramedCodec, G711Codec, VoiceCodec
from callengine.worker.audio.pjcodec import PjmediaInstance
from callengine.worker.plugins import fmtp, opus_packets, rfc4867
from callengine.worker.plugins.amr_wb import AmrWbInstance
from callengine.worker.plugins.factory import Instance
from callengine.worker.plugins.native import SUCCESS, WrongBuildError, ffi
from callengine.worker.plugins.opus import OpusInstance

G711 = ("PCMU", "PCMA")
PJMEDIAS = {"G722": "G722/16000/1", "GSM": "GSM/8000/1"}
"Codecs of pjmedia's own, by its names: with the rate of their sound."
USABLE = (*G711, *PJMEDIAS, "OPUS", "AMR-WB")
PTIMES_MS = range(10, 61)
_LONG_FRAME_MS = 20
"OPUS, AMR-WB and GSM are sent in frames of this, as many as fit."
_GSM_FRAME_BYTES, _GSM_FRAME_TICKS = 33, 160
_AMR_WB_FRAME_TICKS = 320


@dataclass(frozen=True, slots=True)
class CallerCodec:
    """What was agreed on with a caller."""

    name: str
    "Of the catalogue, and of USABLE."
    payload_type: int
    fmtp: str = ""
    "The caller's format parameters, without the payload type."
    ptime_ms: int = 20
    "How long the caller wants its packets; 10 to 60, others count as 20."
    events: Mapping[int, int] = field(default_factory=dict)
    "Payload type -> clock rate in Hz of telephone-events it may send."

    @property
    def clock_hz(self) -> int:
        """The rate of its RTP clock."""
        return CATALOGUE[self.name].rtp_clock_rate_hz

    @property
    def frame_ms(self) -> int:
        """How long the packets are that it is sent: what the codec can of what it wants."""
        ptime = self.ptime_ms if self.ptime_ms in PTIMES_MS else 20
        step = 10 if self.name in (*G711, "G722") else _LONG_FRAME_MS
        return max(step, ptime // step * step)

    def rate_hz(self, wanted_hz: int) -> int:
        """Return the rate to run it at: OPUS at the one wanted, the others at their own."""
        own = CATALOGUE[self.name].audio_rate_hz
        return wanted_hz if own > 16_000 and wanted_hz in fmtp.OPUS_RATES_HZ else own

    def ticks_of(self) -> Callable[[bytes], int]:
        """Return what tells how long a payload lasts, in ticks of its clock; 0 for none."""
        match self.name:
            case "OPUS":
                return _opus_ticks
            case "GSM":
                return lambda payload: len(payload) // _GSM_FRAME_BYTES * _GSM_FRAME_TICKS
            case "AMR-WB":
                aligned = fmtp.read_amr_wb(fmtp.parse_fmtp(self.fmtp)).octet_align
                return lambda payload: _amr_wb_ticks(payload, aligned=aligned)
        return len  # G.722 has two samples a tick, and one byte (RFC 3551 section 4.5.2)

    def open(self, rate_hz: int) -> VoiceCodec:
        """Return its encoder and decoder, at a rate that `rate_hz` told.

        Raises WrongBuildError, or LibraryMissingError.
        """
        if self.name in G711:
            return G711Codec(self.name)
        return FramedCodec(self._instance(rate_hz), rate_hz, self.clock_hz)

    def _instance(self, rate_hz: int) -> Instance:
        if self.name in PJMEDIAS:
            return PjmediaInstance(PJMEDIAS[self.name])
        if self.name not in USABLE:
            raise WrongBuildError(f"only {', '.join(USABLE)} are converted here")
        made = OpusInstance() if self.name == "OPUS" else AmrWbInstance()
        param, _strings = _parameters(rate_hz, fmtp.parse_fmtp(self.fmtp))
        if made.open(param) != SUCCESS:
            raise WrongBuildError(f"{self.name} cannot be opened with {self.fmtp!r}")
        return made


def _parameters(rate_hz: int, parameters: Mapping[str, str]) -> tuple[Any, list[Any]]:
    """Return a pjmedia_codec_param for a plug-in, and the strings it points to."""
    param, strings = ffi.new("pjmedia_codec_param *"), []
    param.info.clock_rate, param.info.channel_cnt = rate_hz, 1
    param.setting.frm_per_pkt = 1
    target = param.setting.enc_fmtp
    pairs = list(parameters.items())[: len(target.param)]
    target.cnt = len(pairs)
    for index, pair in enumerate(pairs):
        for part, text in zip(
            (target.param[index].name, target.param[index].val), pair, strict=True
        ):
            kept = ffi.new("char[]", text.encode())
            strings.append(kept)
            part.ptr, part.slen = kept, len(kept) - 1
    return param, strings


def _opus_ticks(payload: bytes) -> int:
    first, second = payload[:2].ljust(2, b"\0")
    try:
        return opus_packets.shape(first, second, len(payload)).samples
    except opus_packets.MalformedPacketError:
        return 0


def _amr_wb_ticks(payload: bytes, *, aligned: bool) -> int:
    for octet_align in (aligned, not aligned):  # as the plug-in reads what another framing wrote
        if rfc4867.unpack_single(payload, octet_align=octet_align) is not None:
            return _AMR_WB_FRAME_TICKS
        try:
            return _AMR_WB_FRAME_TICKS * len(
                rfc4867.unpack(payload, octet_align=octet_align).frames
            )
        except rfc4867.MalformedPayloadError:
            continue
    return 0
