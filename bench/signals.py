"""What both ends of a benchmark say: a speech-like signal, encoded once by FFmpeg's coders."""

import ctypes
from functools import cache
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from bench.formats import CODECS

Samples = npt.NDArray[np.int16]
SYLLABLE_HZ = 4.0
PITCH_HZ = 120.0
AMR_WB_MODE = 8
AMR_WB_BITS = 477
"Speech bits of a frame of mode 8 (RFC 4867, table 1b)."


def speech(seconds: float, rate_hz: int) -> Samples:
    """Return a voice-like signal: a pitch with harmonics, syllables, pauses and a little noise."""
    moments = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = PITCH_HZ * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * moments))
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    highest = min(3400.0, 0.45 * rate_hz)
    voice = sum(np.sin(n * phase) / n**0.8 for n in range(1, int(highest / (PITCH_HZ * 1.1))))
    syllables = np.clip(np.sin(2 * np.pi * SYLLABLE_HZ / 2 * moments), 0, 1) ** 0.5
    talking = (np.sin(2 * np.pi * 0.3 * moments) > -0.6).astype(float)
    noise = np.random.default_rng(1).normal(0, 20, len(moments))
    return (
        np.asarray(3000 * voice * syllables * talking + noise).clip(-32000, 32000).astype(np.int16)
    )


@cache
def payloads(codec: str, seconds: float) -> list[bytes]:
    """Return the signal as 20 ms RTP payloads; AMR-WB bandwidth-efficient, mode 8."""
    return payloads_of(codec, speech(seconds, CODECS[codec].audio_rate_hz))


def payloads_of(codec: str, samples: Samples) -> list[bytes]:
    """Return samples at the codec's rate as 20 ms RTP payloads."""
    step = CODECS[codec].audio_rate_hz // 50
    frames = [samples[i : i + step] for i in range(0, len(samples) - step + 1, step)]
    return _amr_wb(frames) if codec == "AMR-WB" else _ffmpeg(codec, frames)


def loudness(payloads_of_pcmu: list[bytes]) -> float:
    """Return the root mean square, in 16-bit steps, of PCMU payloads."""
    octets = ~np.frombuffer(b"".join(payloads_of_pcmu), np.uint8)
    size = ((octets & 15).astype(np.int32) << 3) + 0x84 << ((octets & 0x70) >> 4)
    return float(np.sqrt(np.mean((size - 132.0) ** 2))) if len(octets) else 0.0


def _ffmpeg(codec: str, frames: list[Samples]) -> list[bytes]:
    traits = CODECS[codec]
    encoder: Any = av.CodecContext.create(traits.ffmpeg_name, "w")
    encoder.sample_rate, encoder.format, encoder.layout = traits.audio_rate_hz, "s16", "mono"
    if codec == "OPUS":
        encoder.bit_rate = 24000
        encoder.options = {"application": "voip", "frame_duration": "20"}
    encoded: list[bytes] = []
    for index, samples in enumerate(frames):
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = traits.audio_rate_hz, index * len(samples)
        encoded += [bytes(packet) for packet in encoder.encode(frame)]
    return encoded


def _amr_wb(frames: list[Samples]) -> list[bytes]:
    library = ctypes.CDLL("libvo-amrwbenc.so.0")
    library.E_IF_init.restype = ctypes.c_void_p
    handle, out = ctypes.c_void_p(library.E_IF_init()), ctypes.create_string_buffer(128)
    encoded = []
    for samples in frames:
        source = np.ascontiguousarray(samples).ctypes.data_as(ctypes.c_void_p)
        size = library.E_IF_encode(handle, AMR_WB_MODE, source, out, 0)
        encoded.append(_bandwidth_efficient(out.raw[:size]))
    library.E_IF_exit(handle)
    return encoded


def _bandwidth_efficient(stored: bytes) -> bytes:
    # RFC 4867 section 4.3: CMR 15 (no request), then F=0, FT=8, Q=1, then the speech bits.
    speech_bits = int.from_bytes(stored[1:]) >> (len(stored[1:]) * 8 - AMR_WB_BITS)
    value = (15 << 6 | AMR_WB_MODE << 1 | 1) << AMR_WB_BITS | speech_bits
    length = 10 + AMR_WB_BITS
    return (value << (-length % 8)).to_bytes((length + 7) // 8)
