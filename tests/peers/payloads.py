"""RTP payloads of the five codecs, by FFmpeg's coders and the AMR-WB libraries themselves."""

import ctypes
from collections.abc import Iterable
from typing import Any

import av
import numpy as np

from tests.peers.tones import Samples, sine

FFMPEG_NAMES = {"OPUS": "libopus", "G722": "g722", "PCMU": "pcm_mulaw", "PCMA": "pcm_alaw"}
RATES_HZ = {"OPUS": 48000, "G722": 16000, "AMR-WB": 16000, "PCMU": 8000, "PCMA": 8000}
TIMESTAMP_STEPS = {"OPUS": 960, "G722": 160, "AMR-WB": 320, "PCMU": 160, "PCMA": 160}
AMR_WB_BITS = (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)
"Speech bits of frame types 0 to 9 (RFC 4867 table 1b)."
AMR_WB_MODE = 8


def tone_payloads(
    codec: str, hz: float, seconds: float, *, octet_align: bool = False
) -> list[bytes]:
    """Return `seconds` of a tone as 20 ms RTP payloads."""
    samples = sine(hz, seconds, RATES_HZ[codec])
    frame = RATES_HZ[codec] // 50
    frames = [samples[i : i + frame] for i in range(0, len(samples) - frame + 1, frame)]
    if codec == "AMR-WB":
        pack = pack_octet_aligned if octet_align else pack_bandwidth_efficient
        return [pack(data) for data in _amr_wb_encode(frames)]
    return _ffmpeg_encode(codec, frames)


def decode(codec: str, payloads: Iterable[bytes], *, octet_align: bool = False) -> Samples:
    """Return the sound of RTP payloads, at RATES_HZ[codec]."""
    if codec == "AMR-WB":
        unpack = unpack_octet_aligned if octet_align else unpack_bandwidth_efficient
        return _amr_wb_decode(f for payload in payloads for f in unpack(payload))
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
    decoder: Any = av.CodecContext.create(FFMPEG_NAMES[codec], "r")
    decoder.sample_rate, decoder.layout = RATES_HZ[codec], "mono"
    parts: list[Samples] = []
    for payload in payloads:
        for frame in decoder.decode(av.Packet(payload)):
            channels = len(frame.layout.channels)
            parts.append(frame.to_ndarray().reshape(-1, channels)[:, 0].astype(np.int16))
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


def pack_octet_aligned(stored: bytes) -> bytes:
    """Storage format (ToC octet, speech octets) to RFC 4867 section 4.4, no mode request."""
    return b"\xf0" + stored


def pack_bandwidth_efficient(stored: bytes) -> bytes:
    """Storage format to RFC 4867 section 4.3: 4 bits CMR, 6 bits ToC, speech bits."""
    frame_type = stored[0] >> 3 & 0xF
    bits = "1111" + f"0{frame_type:04b}1" + _bits(stored[1:])[: AMR_WB_BITS[frame_type]]
    return _octets(bits)


def unpack_octet_aligned(payload: bytes) -> list[bytes]:
    entries, rest = [], payload[1:]
    while rest:
        entry, rest = rest[0], rest[1:]
        entries.append(entry & 0x7C)
        if not entry & 0x80:
            break
    frames = []
    for entry in entries:
        size = (_speech_bits(entry >> 3 & 0xF) + 7) // 8
        frames.append(bytes([entry]) + rest[:size])
        rest = rest[size:]
    return frames


def unpack_bandwidth_efficient(payload: bytes) -> list[bytes]:
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
        size = _speech_bits(int(entry[1:5], 2))
        frames.append(_octets(f"0{entry[1:]}00") + _octets(bits[position : position + size]))
        position += size
    return frames


def _speech_bits(frame_type: int) -> int:
    return AMR_WB_BITS[frame_type] if frame_type < len(AMR_WB_BITS) else 0


def _bits(data: bytes) -> str:
    return "".join(f"{octet:08b}" for octet in data)


def _octets(bits: str) -> bytes:
    padded = bits.ljust((len(bits) + 7) // 8 * 8, "0")
    return bytes(int(padded[i : i + 8], 2) for i in range(0, len(padded), 8))
