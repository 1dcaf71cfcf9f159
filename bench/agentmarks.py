"""Frames of 20 ms that are known again at the other end.

PCMU that passes untouched carries a counter in its bytes. Audio that is encoded anew cannot: there
each tenth frame is loud and the others are silent, and a loud one is known by that.
"""

import struct
from array import array
from typing import Any

import av
import numpy as np

from bench.signals import payloads_of

FRAME_S = 0.02
LOUD_EACH = 10
LOUD = 3000
"Sample, of the 12000 sent, above which a frame is loud."
_REPEATS = 4


def counted(counter: int) -> bytes:
    """Return a frame of PCMU that carries a counter."""
    return struct.pack("!I", counter) * _REPEATS + b"\x55" * (160 - 4 * _REPEATS)


def counter_in(frame: bytes) -> int | None:
    """Return the counter of a frame of PCMU, if it has one."""
    if len(frame) != 160 or frame[:4] * _REPEATS != frame[: 4 * _REPEATS] or frame[0] == 0xFF:
        return None
    return int(struct.unpack_from("!I", frame)[0])


def samples(counter: int, rate_hz: int) -> bytes:
    """Return a frame of 16-bit samples, loud or silent."""
    if counter % LOUD_EACH:
        return bytes(2 * rate_hz // 50)
    moments = np.arange(rate_hz // 50) / rate_hz
    return (12000 * np.sin(2 * np.pi * 1000 * moments)).astype("<i2").tobytes()


def is_loud(pcm: bytes) -> bool:
    """Whether a frame of 16-bit samples is loud."""
    return max(array("h", pcm), default=0) > LOUD


def g722(frames: int) -> list[bytes]:
    """Return so many G.722 payloads, loud and silent in turn."""
    rate_hz = 16000
    pcm = np.frombuffer(b"".join(samples(n, rate_hz) for n in range(frames)), "<i2")
    return payloads_of("G722", pcm)


def loud_g722(payloads: list[bytes]) -> list[bool]:
    """Return of each G.722 payload of a stream whether it is loud."""
    decoder: Any = av.CodecContext.create("g722", "r")
    decoder.sample_rate, decoder.layout = 16000, "mono"
    return [
        any(is_loud(frame.to_ndarray().tobytes()) for frame in decoder.decode(av.Packet(payload)))
        for payload in payloads
    ]
