"""What a caller's codec is on the wire, and how it is opened here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.formats import AudioFormat
from agents.meaning import Direction, conversion
from audiocodecs.catalogue import CATALOGUE
from callengine.core.fmtp import parse_fmtp
from callengine.worker.audio.codecs import FramedCodec, G711Codec, VoiceCodec
from callengine.worker.audio.pjcodec import PjmediaInstance
from callengine.worker.native.libraries import SUCCESS, WrongBuildError, ffi
from callengine.worker.plugins import amr_nb, amr_wb, fmtp, g729, opus, opus_packets, rfc4867
from callengine.worker.plugins.instances import Instance
from callengine.worker.rtp.heard import StreamFormat

G711 = ("PCMU", "PCMA")
PJMEDIAS = {"G722": "G722/16000/1", "GSM": "GSM/8000/1", "ILBC": "iLBC/8000/1"}
"Codecs of pjmedia's own, by its names: with the rate of their sound."
PLUGGED_IN: Mapping[str, Callable[[], Instance]] = {
    "OPUS": opus.instance,
    "AMR-WB": amr_wb.instance,
    "AMR": amr_nb.instance,
    "G729": g729.instance,
}
USABLE = (*G711, *PJMEDIAS, *PLUGGED_IN)
PTIMES_MS = range(10, 61)
_SHORT_FRAMES = (*G711, "G722", "G729")
_SHORT_FRAME_MS, _LONG_FRAME_MS = 10, 20
"Packets hold as many frames as fit."
_GSM_FRAME_BYTES, _GSM_FRAME_TICKS = 33, 160
_ILBC_FRAME_BYTES = {20: 38, 30: 50}


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
    sent_as: int | None = None
    "The payload type it wants to hear, if that is another."

    @property
    def clock_hz(self) -> int:
        """The rate of its RTP clock."""
        return CATALOGUE[self.name].rtp_clock_rate_hz

    @property
    def frame_ms(self) -> int:
        """How long the packets are that it is sent: what the codec can of what it wants."""
        ptime = self.ptime_ms if self.ptime_ms in PTIMES_MS else 20
        step = _SHORT_FRAME_MS if self.name in _SHORT_FRAMES else _LONG_FRAME_MS
        if self.name == "ILBC":
            step = fmtp.ilbc_mode_ms(self.fmtp)
        return max(step, ptime // step * step)

    def rate_hz(self, wanted_hz: int) -> int:
        """Return the rate to run it at: OPUS at the one wanted, the others at their own."""
        own = CATALOGUE[self.name].audio_rate_hz
        return wanted_hz if own > 16_000 and wanted_hz in fmtp.OPUS_RATES_HZ else own

    def how(self, audio: AudioFormat, direction: Direction) -> str:
        """Return what is done between it and a format, in a few words."""
        return conversion(self.name, audio, direction)

    def stream(self) -> StreamFormat:
        """Return what its RTP is like."""
        return StreamFormat(
            self.payload_type,
            self.clock_hz,
            self.ticks_of(),
            self.frame_ms,
            self.events,
            sent_as=self.sent_as,
        )

    def ticks_of(self) -> Callable[[bytes], int]:
        """Return what tells how long a payload lasts, in ticks of its clock; 0 for none."""
        match self.name:
            case "OPUS":
                return _opus_ticks
            case "GSM":
                return lambda payload: len(payload) // _GSM_FRAME_BYTES * _GSM_FRAME_TICKS
            case "ILBC":
                mode_ms = fmtp.ilbc_mode_ms(self.fmtp)
                return lambda payload: len(payload) // _ILBC_FRAME_BYTES[mode_ms] * mode_ms * 8
            case "G729":
                return lambda payload: len(g729.frame_sizes(len(payload))) * g729.FRAME_SAMPLES
            case "AMR" | "AMR-WB":
                table = fmtp.AMR_TABLES[self.name]
                aligned = fmtp.read_amr(parse_fmtp(self.fmtp), table).octet_align
                return lambda payload: _amr_ticks(payload, table, aligned=aligned)
        return len  # G.722 has two samples a tick, and one byte (RFC 3551 section 4.5.2)

    def open(self, rate_hz: int) -> VoiceCodec:
        """Return its encoder and decoder, at a rate that `rate_hz` told.

        Raises WrongBuildError, or LibraryMissingError.
        """
        if self.name in G711:
            return G711Codec(self.name)
        return FramedCodec(self._instance(rate_hz), rate_hz, self.clock_hz)

    @property
    def _mode_ms(self) -> int | None:
        return fmtp.ilbc_mode_ms(self.fmtp) if self.name == "ILBC" else None

    def _instance(self, rate_hz: int) -> Instance:
        if self.name in PJMEDIAS:
            return PjmediaInstance(PJMEDIAS[self.name], mode_ms=self._mode_ms)
        if self.name not in USABLE:
            raise WrongBuildError(f"only {', '.join(USABLE)} are converted here")
        made = PLUGGED_IN[self.name]()
        param, _strings = _parameters(rate_hz, parse_fmtp(self.fmtp))
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


def _amr_ticks(payload: bytes, table: rfc4867.FrameTable, *, aligned: bool) -> int:
    for octet_align in (aligned, not aligned):  # as the plug-in reads what another framing wrote
        if rfc4867.unpack_single(payload, octet_align=octet_align, table=table) is not None:
            return table.frame_samples
        try:
            frames = rfc4867.unpack(payload, octet_align=octet_align, table=table).frames
        except rfc4867.MalformedPayloadError:
            continue
        return table.frame_samples * len(frames)
    return 0
