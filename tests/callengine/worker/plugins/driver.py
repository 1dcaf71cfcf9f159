"""Driving a codec through pjmedia without a call; imported only in processes of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pjsua2 as pj

from callengine.worker import plugins
from callengine.worker.native import layout
from callengine.worker.native.libraries import ffi, pjmedia

Samples = npt.NDArray[np.int16]


@contextmanager
def endpoint(bridge_rate_hz: int = 16000) -> Iterator[plugins.CodecReport]:
    """Run pjsua2 with the codecs plugged in."""
    ep = pj.Endpoint()
    ep.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.medConfig.clockRate = bridge_rate_hz
    ep.libInit(config)
    try:
        built_in = [codec.codecId for codec in ep.codecEnum2()]
        yield plugins.install(built_in, bridge_rate_hz=bridge_rate_hz)
    finally:
        ep.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)


class Codec:
    """One codec instance, used through the operations pjmedia uses."""

    def __init__(self, codec_id: str, rate_hz: int, fmtp: str = "", frames_per_packet: int = 1):
        api = pjmedia()
        self._manager = api.pjmedia_endpt_get_codec_mgr(api.pjsua_get_pjmedia_endpt())
        info = layout.find(self._manager, codec_id)
        self.param = layout.default_param(self._manager, info)
        self.param.info.clock_rate = rate_hz
        self.param.setting.frm_per_pkt = frames_per_packet
        self._strings: list[Any] = []
        self._set_fmtp(self.param.setting.enc_fmtp, fmtp)
        slot = ffi.new("pjmedia_codec **")
        assert api.pjmedia_codec_mgr_alloc_codec(self._manager, info, slot) == 0
        self._codec = slot[0]
        self.open_status = self._codec.op.open(self._codec, self.param)
        self._packet = ffi.new("uint8_t[]", 1500)
        self._frames = ffi.new("pjmedia_frame[16]")
        self._room = rate_hz * 2 * 120 // 1000
        self._sound = ffi.new("uint8_t[]", self._room)

    def _set_fmtp(self, target: Any, fmtp: str) -> None:
        pairs = [item.split("=") for item in fmtp.split(";") if item]
        target.cnt = len(pairs)
        for index, (name, value) in enumerate(pairs):
            for part, content in (
                (target.param[index].name, name),
                (target.param[index].val, value),
            ):
                kept = ffi.new("char[]", content.encode())
                self._strings.append(kept)
                part.ptr, part.slen = kept, len(content)

    def encode(self, samples: Samples) -> bytes:
        raw = ffi.from_buffer(samples)
        source = ffi.new("pjmedia_frame *", {"type": 1, "buf": raw, "size": samples.nbytes})
        out = ffi.new("pjmedia_frame *", {"buf": self._packet})
        assert self._codec.op.encode(self._codec, source, 1400, out) == 0
        return bytes(ffi.buffer(self._packet, out.size))

    def parse(self, packet: bytes, timestamp: int = 0) -> list[tuple[bytes, int, int]]:
        """Return (bytes, timestamp, bit_info) of each frame; empty if the packet was refused."""
        copy = ffi.new("uint8_t[]", max(len(packet), 1))
        ffi.memmove(copy, packet, len(packet))
        at = ffi.new("pj_timestamp *", {"u64": timestamp})
        count = ffi.new("unsigned *", 16)
        status = self._codec.op.parse(self._codec, copy, len(packet), at, count, self._frames)
        assert (status == 0) == (count[0] > 0)
        return [
            (bytes(ffi.buffer(f.buf, f.size)), f.timestamp.u64, f.bit_info)
            for f in (self._frames[index] for index in range(count[0]))
        ]

    def decode(self, frame: bytes) -> Samples | None:
        raw = ffi.new("uint8_t[]", frame) if frame else ffi.new("uint8_t[1]")
        source = ffi.new("pjmedia_frame *", {"type": 1, "buf": raw, "size": len(frame)})
        out = ffi.new("pjmedia_frame *", {"buf": self._sound})
        if self._codec.op.decode(self._codec, source, self._room, out) != 0:
            return None
        return self._heard(out)

    def recover(self) -> Samples:
        out = ffi.new("pjmedia_frame *", {"buf": self._sound})
        assert self._codec.op.recover(self._codec, self._room, out) == 0
        return self._heard(out)

    def _heard(self, out: Any) -> Samples:
        return np.frombuffer(bytes(ffi.buffer(self._sound, out.size)), dtype=np.int16)

    def close(self) -> None:
        self._codec.op.close(self._codec)
        assert pjmedia().pjmedia_codec_mgr_dealloc_codec(self._manager, self._codec) == 0


def tone(rate_hz: int, frequency_hz: float, seconds: float) -> Samples:
    """Return a sine at a third of full scale."""
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return (10000 * np.sin(2 * np.pi * frequency_hz * at)).astype(np.int16)


def strongest_hz(samples: Samples, rate_hz: int) -> float:
    """Return the frequency with most power."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    return float(power.argmax() * rate_hz / len(samples))
