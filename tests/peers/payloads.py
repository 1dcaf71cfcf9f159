"""RTP payloads of the codecs, by FFmpeg's coders, and the libraries where it has none."""

import ctypes
from collections.abc import Iterable
from typing import Any

import av
import numpy as np

from tests.peers.tones import Samples, sine

FFMPEG_NAMES = {
    "OPUS": "libopus",
    "G722": "g722",
    "PCMU": "pcm_mulaw",
    "PCMA": "pcm_alaw",
    "AMR": "libopencore_amrnb",
}
FFMPEG_DECODERS = FFMPEG_NAMES | {"AMR": "amrnb", "G729": "g729", "ILBC": "ilbc", "GSM": "gsm"}
RATES_HZ = {"OPUS": 48000, "G722": 16000, "AMR-WB": 16000, "PCMU": 8000, "PCMA": 8000}
RATES_HZ |= dict.fromkeys(("AMR", "G729", "ILBC", "GSM"), 8000)
TIMESTAMP_STEPS = {"OPUS": 960, "G722": 160, "AMR-WB": 320, "PCMU": 160, "PCMA": 160}
TIMESTAMP_STEPS |= dict.fromkeys(("AMR", "G729", "ILBC", "GSM"), 160)
ILBC_HZ = 950
ILBC_FRAME = bytes.fromhex(
    "4b056b5db275c3e0e3c3c3c3e3c9985b92af42729926d817e812e002fd52ca1e6dc66262e4f4"
)
"20 ms of ILBC_HZ, 19 periods: frames of iLBC know nothing of each other, so it may be repeated."
AMR_WB_BITS = (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)
"Speech bits of frame types 0 to 9 (RFC 4867 table 1b)."
AMR_BITS = (95, 103, 118, 134, 148, 159, 204, 244, 39)
"Of frame types 0 to 8 (RFC 4867 table 1a)."
AMR_WB_MODE = 8


def tone_payloads(
    codec: str, hz: float, seconds: float, *, octet_align: bool = False
) -> list[bytes]:
    """Return `seconds` of a tone as 20 ms RTP payloads."""
    samples = sine(hz, seconds, RATES_HZ[codec])
    frame = RATES_HZ[codec] // 50
    frames = [samples[i : i + frame] for i in range(0, len(samples) - frame + 1, frame)]
    if codec in ("AMR", "AMR-WB"):
        pack = pack_octet_aligned if octet_align else pack_bandwidth_efficient
        stored = _ffmpeg_encode(codec, frames) if codec == "AMR" else _amr_wb_encode(frames)
        return [pack(data, _bits_of(codec)) for data in stored]
    if codec == "ILBC":
        assert hz == ILBC_HZ, "of iLBC there is one recording"
        return [ILBC_FRAME] * len(frames)
    return _g729_encode(frames) if codec == "G729" else _ffmpeg_encode(codec, frames)


def decode(codec: str, payloads: Iterable[bytes], *, octet_align: bool = False) -> Samples:
    """Return the sound of RTP payloads, at RATES_HZ[codec]."""
    if codec in ("AMR", "AMR-WB"):
        unpack = unpack_octet_aligned if octet_align else unpack_bandwidth_efficient
        stored = (f for payload in payloads for f in unpack(payload, _bits_of(codec)))
        return _amr_wb_decode(stored) if codec == "AMR-WB" else _ffmpeg_decode(codec, stored)
    if codec == "G729":
        payloads = [p[i : i + 10] for p in payloads for i in range(0, len(p), 10)]
    return _ffmpeg_decode(codec, payloads)


def _ffmpeg_encode(codec: str, frames: list[Samples]) -> list[bytes]:
    rate_hz = RATES_HZ[codec]
    encoder: Any = av.CodecContext.create(FFMPEG_NAMES[codec], "w")
    encoder.sample_rate, encoder.format, encoder.layout = rate_hz, "s16", "mono"
    if codec == "OPUS":
        encoder.options = {"application": "voip", "frame_duration": "20"}
    payloads: list[bytes] = []
    for index, samples in enumerate(frames):
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, index * len(samples)
        payloads += [bytes(packet) for packet in encoder.encode(frame)]
    return payloads


def _ffmpeg_decode(codec: str, payloads: Iterable[bytes]) -> Samples:
    decoder: Any = av.CodecContext.create(FFMPEG_DECODERS[codec], "r")
    decoder.sample_rate, decoder.layout = RATES_HZ[codec], "mono"
    if codec == "ILBC":
        decoder.bit_rate = 15200  # frames of 20 ms
    parts: list[Samples] = []
    for payload in payloads:
        for frame in decoder.decode(av.Packet(payload)):
            channels = len(frame.layout.channels)
            sound = frame.to_ndarray().reshape(-1, channels)[:, 0]
            scale = 32768 if sound.dtype == np.float32 else 1
            parts.append((sound * scale).clip(-32768, 32767).astype(np.int16))
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def _library(name: str, restype: Any, function: str) -> tuple[ctypes.CDLL, Any]:
    library = ctypes.CDLL(name)
    getattr(library, function).restype = restype
    return library, getattr(library, function)()


def _amr_wb_encode(frames: list[Samples]) -> list[bytes]:
    library, state = _library("libvo-amrwbenc.so.0", ctypes.c_void_p, "E_IF_init")
    handle, out = ctypes.c_void_p(state), ctypes.create_string_buffer(128)
    encoded = []
    for samples in frames:
        source = np.ascontiguousarray(samples).ctypes.data_as(ctypes.c_void_p)
        size = library.E_IF_encode(handle, AMR_WB_MODE, source, out, 0)
        encoded.append(out.raw[:size])
    library.E_IF_exit(handle)
    return encoded


def _amr_wb_decode(frames: Iterable[bytes]) -> Samples:
    library, state = _library("libopencore-amrwb.so.0", ctypes.c_void_p, "D_IF_init")
    handle, out = ctypes.c_void_p(state), (ctypes.c_int16 * 320)()
    parts: list[Samples] = [np.zeros(0, np.int16)]
    for frame in frames:
        library.D_IF_decode(handle, ctypes.c_char_p(frame), out, 0)
        parts.append(np.array(out, dtype=np.int16))
    library.D_IF_exit(handle)
    return np.concatenate(parts)


def _g729_encode(frames: list[Samples]) -> list[bytes]:
    library = ctypes.CDLL("libbcg729.so.0")
    library.initBcg729EncoderChannel.restype = ctypes.c_void_p
    encoder = ctypes.c_void_p(library.initBcg729EncoderChannel(0))
    out, size = ctypes.create_string_buffer(10), ctypes.c_uint8()
    payloads = []
    for samples in frames:
        payload = b""
        for half in (samples[:80], samples[80:]):
            source = np.ascontiguousarray(half).ctypes.data_as(ctypes.c_void_p)
            library.bcg729Encoder(encoder, source, out, ctypes.byref(size))
            payload += out.raw[: size.value]
        payloads.append(payload)
    library.closeBcg729EncoderChannel(encoder)
    return payloads


def _bits_of(codec: str) -> tuple[int, ...]:
    return AMR_BITS if codec == "AMR" else AMR_WB_BITS


def pack_octet_aligned(stored: bytes, _: tuple[int, ...] = AMR_WB_BITS) -> bytes:
    """Storage format (ToC octet, speech octets) to RFC 4867 section 4.4, no mode request."""
    return b"\xf0" + stored


def pack_bandwidth_efficient(stored: bytes, sizes: tuple[int, ...] = AMR_WB_BITS) -> bytes:
    """Storage format to RFC 4867 section 4.3: 4 bits CMR, 6 bits ToC, speech bits."""
    frame_type = stored[0] >> 3 & 0xF
    bits = "1111" + f"0{frame_type:04b}1" + _bits(stored[1:])[: sizes[frame_type]]
    return _octets(bits)


def unpack_octet_aligned(payload: bytes, sizes: tuple[int, ...] = AMR_WB_BITS) -> list[bytes]:
    entries, rest = [], payload[1:]
    while rest:
        entry, rest = rest[0], rest[1:]
        entries.append(entry & 0x7C)
        if not entry & 0x80:
            break
    frames = []
    for entry in entries:
        size = (_speech_bits(entry >> 3 & 0xF, sizes) + 7) // 8
        frames.append(bytes([entry]) + rest[:size])
        rest = rest[size:]
    return frames


def unpack_bandwidth_efficient(payload: bytes, sizes: tuple[int, ...] = AMR_WB_BITS) -> list[bytes]:
    bits = _bits(payload)
    position, entries = 4, []
    while position + 6 <= len(bits):
        entry = bits[position : position + 6]
        position += 6
        entries.append(entry)
        if entry[0] == "0":
            break
    frames = []
    for entry in entries:
        size = _speech_bits(int(entry[1:5], 2), sizes)
        frames.append(_octets(f"0{entry[1:]}00") + _octets(bits[position : position + size]))
        position += size
    return frames


def _speech_bits(frame_type: int, sizes: tuple[int, ...]) -> int:
    return sizes[frame_type] if frame_type < len(sizes) else 0


def _bits(data: bytes) -> str:
    return "".join(f"{octet:08b}" for octet in data)


def _octets(bits: str) -> bytes:
    padded = bits.ljust((len(bits) + 7) // 8 * 8, "0")
    return bytes(int(padded[i : i + 8], 2) for i in range(0, len(padded), 8))
