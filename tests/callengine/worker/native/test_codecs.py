"""The codecs in C do what those in Python do: the same frames, sound and failures."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callengine.worker.native import build
from callengine.worker.native.libraries import SUCCESS, ffi
from callengine.worker.plugins.amr_nb import AmrNbInstance
from callengine.worker.plugins.amr_wb import AmrWbInstance
from callengine.worker.plugins.compiled import CompiledInstance, PythonInstance
from callengine.worker.plugins.g729 import G729Instance
from callengine.worker.plugins.instances import errors
from callengine.worker.plugins.opus import OpusInstance
from callengine.worker.plugins.rfc4867 import AMR, AMR_WB, Frame, FrameTable, Payload, pack

HERE = Path(__file__).parent
OUT_BYTES = 1400
SOUND_BYTES = 11520
FMTP = {
    "OPUS": ("", "useinbandfec=1", "cbr=1;maxaveragebitrate=12000"),
    "AMR": ("", "octet-align=1;mode-set=0,2,5,7;mode-change-period=2", "mode-change-neighbor=1"),
    "AMR-WB": ("", "octet-align=1", "mode-set=0,1,2;mode-change-neighbor=1"),
    "G729": ("",),
}


@dataclass
class One:
    """An instance, and what it answers in bytes that can be compared."""

    instance: Any

    def parse(self, packet: bytes, at: int, most: int) -> list[tuple[bytes, int, int]]:
        self.packet = ffi.new("uint8_t[]", packet or b"\0")  # frames may point into it
        frames = ffi.new("pjmedia_frame[16]")
        count = self.instance.parse(self.packet, len(packet), at, most, frames)
        return [
            (bytes(ffi.buffer(f.buf, f.size)), f.timestamp.u64, f.bit_info)
            for f in (frames[index] for index in range(count))
        ]

    def decode(self, data: bytes, room: int = SOUND_BYTES) -> bytes | None:
        raw = ffi.new("uint8_t[]", data or b"\0")
        frame = ffi.new("pjmedia_frame *", {"type": 1, "buf": raw, "size": len(data)})
        return self._into(room, lambda out: self.instance.decode(frame, room, out))

    def recover(self, room: int = SOUND_BYTES) -> bytes | None:
        return self._into(room, lambda out: self.instance.recover(room, out))

    def encode(self, samples: bytes, room: int = OUT_BYTES) -> bytes | None:
        raw = ffi.new("uint8_t[]", samples or b"\0\0")
        frame = ffi.new("pjmedia_frame *", {"type": 1, "buf": raw, "size": len(samples)})
        return self._into(room, lambda out: self.instance.encode(frame, room, out))

    def _into(self, room: int, operation: Callable[[Any], int]) -> bytes | None:
        made = ffi.new("uint8_t[]", max(room, 1))
        out = ffi.new("pjmedia_frame *", {"buf": made})
        done = operation(out) == SUCCESS
        return bytes(ffi.buffer(made, out.size)) if done else None


class Both:
    """The same codec twice, in C and in Python; an answer of one that differs is a failure."""

    def __init__(self, kind: type[PythonInstance], extension: Any, rate_hz: int, fmtp: str) -> None:
        table = getattr(extension, f"{kind.in_c}_operations")()
        self.compiled = CompiledInstance(kind(), table)
        self.each = [One(self.compiled), One(kind())]
        for one in self.each:
            assert one.instance.open(parameters(rate_hz, fmtp)) == SUCCESS
        self._errors = errors.copy()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def both(*words: Any) -> Any:
            in_c, in_python = (getattr(one, operation)(*words) for one in self.each)
            assert in_c == in_python
            assert self.compiled.failures() == errors - self._errors
            return in_c

        return both

    def close(self) -> None:
        for one in self.each:
            one.instance.close()


def parameters(rate_hz: int, fmtp: str) -> Any:
    param = ffi.new("pjmedia_codec_param *")
    param.info.clock_rate, param.info.channel_cnt = rate_hz, 1
    param.setting.frm_per_pkt = 1
    pairs = [item.split("=") for item in fmtp.split(";") if item]
    target = param.setting.enc_fmtp
    target.cnt = len(pairs)
    for index, pair in enumerate(pairs):
        for part, text in zip(
            (target.param[index].name, target.param[index].val), pair, strict=True
        ):
            KEPT.append(ffi.new("char[]", text.encode()))
            part.ptr, part.slen = KEPT[-1], len(text)
    return param


KEPT: list[Any] = []
KINDS: dict[str, tuple[type[Any], tuple[int, ...]]] = {
    "OPUS": (OpusInstance, (8000, 16000, 48000)),
    "AMR": (AmrNbInstance, (8000,)),
    "AMR-WB": (AmrWbInstance, (16000,)),
    "G729": (G729Instance, (8000,)),
}


@contextmanager
def both(name: str, extension: Any, rate_hz: int = 0, fmtp: str = "") -> Iterator[Both]:
    kind, rates = KINDS[name]
    pair = Both(kind, extension, rate_hz or rates[0], fmtp)
    try:
        yield pair
    finally:
        pair.close()


def voice(rate_hz: int, seconds: float) -> bytes:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    sound = sum(np.sin(2 * np.pi * 140 * k * at) / k for k in range(1, 12))
    loud = 0.1 + 0.9 * (np.sin(2 * np.pi * 9 * at) > 0)
    return bytes((3000 * sound * loud).astype(np.int16))


@st.composite
def amr_payloads(draw: st.DrawFn, table: FrameTable) -> bytes:
    kinds = draw(st.lists(st.sampled_from(sorted(table.frame_bits)), min_size=1, max_size=16))
    frames = []
    for kind in kinds:
        bits = table.frame_bits[kind]
        value = draw(st.integers(0, (1 << bits) - 1)) << (-bits % 8)
        frames.append(Frame(kind, value.to_bytes((bits + 7) // 8), draw(st.booleans())))
    payload = Payload(tuple(frames), draw(st.integers(0, 15)))
    return pack(payload, octet_align=draw(st.booleans()), table=table)


@st.composite
def opus_packets(draw: st.DrawFn) -> bytes:
    """One to 48 frames of any length a packet may have, as RFC 6716 section 3.2.5 counts them."""
    config, frames = draw(st.integers(0, 31)), draw(st.lists(st.binary(max_size=40), max_size=50))
    lengths = bytes(len(frame) for frame in frames[:-1])
    return bytes((config << 3 | 3, 0x80 | len(frames))) + lengths + b"".join(frames)


PACKETS = {
    "OPUS": st.one_of(opus_packets(), st.binary(max_size=60)),
    "AMR": st.one_of(amr_payloads(AMR), st.binary(max_size=60)),
    "AMR-WB": st.one_of(amr_payloads(AMR_WB), st.binary(max_size=130)),
    "G729": st.binary(max_size=360),
}


@st.composite
def damaged(draw: st.DrawFn, packets: st.SearchStrategy[bytes]) -> bytes:
    """A packet as it is, cut, or with a byte changed."""
    packet = bytearray(draw(packets))
    if packet and draw(st.integers(0, 3)) == 0:
        packet[draw(st.integers(0, len(packet) - 1))] = draw(st.integers(0, 255))
    if draw(st.integers(0, 5)) == 0:
        del packet[draw(st.integers(0, len(packet))) :]
    return bytes(packet)


@pytest.mark.parametrize("name", list(KINDS))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_packets_become_the_same_frames_sound_and_failures(
    name: str, extension: Any, data: st.DataObject
) -> None:
    rate_hz = data.draw(st.sampled_from(KINDS[name][1]))
    with both(name, extension, rate_hz, data.draw(st.sampled_from(FMTP[name]))) as codec:
        frame = voice(rate_hz, 0.02)
        for packet in data.draw(st.lists(damaged(PACKETS[name]), min_size=1, max_size=6)):
            at = data.draw(st.integers(0, 20)) * 960
            pieces = codec.parse(packet, at, data.draw(st.sampled_from((0, 1, 3, 16, 16, 16))))
            for piece, _, _ in pieces[:3]:
                codec.decode(piece)
                if data.draw(st.booleans()):
                    codec.recover()
            codec.encode(frame)  # in the mode the packet asked for


@pytest.mark.parametrize("name", list(KINDS))
def test_speech_is_coded_lost_and_found_alike(name: str, extension: Any) -> None:
    """Several frames a packet, losses with and without the packet after them, silence."""
    for rate_hz in KINDS[name][1]:
        for fmtp, per_packet in zip(FMTP[name], (1, 2, 3), strict=False):
            with both(name, extension, rate_hz, fmtp) as codec:
                sound, size = voice(rate_hz, 0.6), rate_hz // 50 * 2 * per_packet
                for number, start in enumerate(range(0, len(sound) - size + 1, size)):
                    packet = codec.encode(sound[start : start + size])
                    assert packet
                    pieces = codec.parse(packet, number * 960 * per_packet, 16)
                    assert pieces
                    for piece, _, _ in pieces:
                        if number % 5 == 3:
                            assert codec.recover()
                        elif number % 5 != 2:
                            codec.decode(piece)
                assert not codec.compiled.failures()


@pytest.mark.parametrize("name", list(KINDS))
def test_what_cannot_be_done_fails_alike(name: str, extension: Any) -> None:
    with both(name, extension) as codec:
        frame = voice(KINDS[name][1][0], 0.02)
        for size in (0, 1, 7, len(frame) - 2, len(frame) + 2, len(frame) * 17):
            codec.encode((frame * 17)[:size])
        for room in (0, 1, 9, 19, 20, 30):
            codec.encode(frame, room)
        for data in (b"", b"\x44", b"\xff" * 70, bytes(1300)):
            codec.decode(data)
        for room in (0, 2, 158):
            codec.decode(b"\x7c", room)
            codec.recover(room)
        assert codec.compiled.failures()
    # What was counted is not lost with the codec; a closed one refuses and goes down with nobody.
    assert errors[f"{name}.decode"]
    assert codec.each[0].encode(frame) is None
    assert codec.each[0].decode(b"\x7c") is None
    assert codec.each[0].recover() is None


def test_no_packet_makes_c_touch_what_is_not_its_own(tmp_path: Path) -> None:
    """ASan and UBSan watch; every buffer is exactly as long as it may be touched."""
    program = tmp_path / "fuzz"
    sources = (HERE / "fuzz_codecs.c", *(build.HERE / "codecs").glob("*.c"))
    flags = ("-std=gnu11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    subprocess.run(
        [*build.compiler(), *flags, f"-I{build.HERE}", *sources, "-ldl", "-o", program],
        check=True,
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [str(program), seed, "4000"],
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr
