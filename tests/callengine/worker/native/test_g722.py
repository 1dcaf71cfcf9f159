"""G.722 of the extension: bit for bit what pjmedia's own says, which it stands in for."""

import ctypes
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callengine.worker.native import build
from callengine.worker.native.libraries import ffi
from tests.callengine.worker.native.sanitizing import run
from tests.peers.engine import WITH_EXTENSION

STATE_BYTES = 456
"Of pjmedia's g722_enc_t and g722_dec_t."
SAMPLES = 320
FRAMES = 400
"Of each kind, one after the other: a state that differs once goes on to."
FUNCTIONS = ("g722_enc_init", "g722_enc_encode", "g722_dec_init", "g722_dec_decode")


class Codec:
    """An encoder and a decoder of one library."""

    def __init__(self, file: Path) -> None:
        self.library = ctypes.CDLL(str(file))
        self._encoder, self._decoder = (ctypes.create_string_buffer(STATE_BYTES) for _ in range(2))
        assert self.library.g722_enc_init(self._encoder) == 0
        assert self.library.g722_dec_init(self._decoder) == 0

    def encode(self, samples: "np.ndarray[Any, Any]") -> bytes:
        out, size = ctypes.create_string_buffer(len(samples) // 2), ctypes.c_size_t(len(samples))
        pointer = samples.ctypes.data_as(ctypes.c_void_p)
        count = ctypes.c_size_t(len(samples))
        done = self.library.g722_enc_encode(self._encoder, pointer, count, out, ctypes.byref(size))
        assert done == 0
        return out.raw[: size.value]

    def decode(self, codes: bytes) -> "np.ndarray[Any, Any]":
        out = np.zeros(2 * len(codes), np.int16)
        size = ctypes.c_size_t(len(out))
        pointer, count = out.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(codes))
        done = self.library.g722_dec_decode(
            self._decoder, codes, count, pointer, ctypes.byref(size)
        )
        assert done == 0
        return out[: size.value]


def pjsua2() -> Path:
    spec = importlib.util.find_spec("pjsua2")
    assert spec is not None
    (file,) = Path((spec.submodule_search_locations or [""])[0]).glob("_pjsua2*.so")
    return file


@pytest.fixture
def both(extension: object) -> tuple[Codec, Codec]:
    """Ours, and pjmedia's: what a library is asked for by its handle is its own."""
    return Codec(build.library()), Codec(pjsua2())


def tones(random: "np.random.Generator") -> Iterator["np.ndarray[Any, Any]"]:
    at = np.arange(SAMPLES)
    for _ in range(FRAMES):
        hz, loud = random.uniform(50, 7900), random.uniform(1, 32767)
        yield loud * np.sin(2 * np.pi * hz * at / 16000)


def noise(random: "np.random.Generator") -> Iterator["np.ndarray[Any, Any]"]:
    for _ in range(FRAMES):
        yield random.normal(0, random.choice([1, 30, 1000, 20000]), SAMPLES)


def squares(random: "np.random.Generator") -> Iterator["np.ndarray[Any, Any]"]:
    for _ in range(FRAMES):
        yield np.where(np.arange(SAMPLES) // random.integers(1, 400) % 2, 32767, -32768)


def voices(random: "np.random.Generator") -> Iterator["np.ndarray[Any, Any]"]:
    for _ in range(FRAMES):
        yield np.cumsum(random.normal(0, random.choice([1, 30, 300, 5000]), SAMPLES))


@pytest.mark.parametrize("sound", [tones, noise, squares, voices])
def test_sound_is_coded_and_decoded_as_pjmedia_does(
    both: tuple[Codec, Codec],
    sound: Callable[["np.random.Generator"], Iterator["np.ndarray[Any, Any]"]],
) -> None:
    ours, theirs = both
    for samples in sound(np.random.default_rng(1)):
        frame = np.ascontiguousarray(samples.clip(-32768, 32767).astype(np.int16))
        codes = ours.encode(frame)
        assert codes == theirs.encode(frame)
        assert (ours.decode(codes) == theirs.decode(codes)).all()


@pytest.mark.parametrize("kind", ["any", "one", "strong"])
def test_whatever_a_peer_sends_is_decoded_as_pjmedia_does(
    both: tuple[Codec, Codec], kind: str
) -> None:
    ours, theirs = both
    random = np.random.default_rng(2)
    strong = np.array([0x20, 0xA0, 0x04, 0x84, 0xC0, 0xFF, 0x00])
    for _ in range(2 * FRAMES):
        codes = {
            "any": random.integers(0, 256, SAMPLES // 2),
            "one": np.full(SAMPLES // 2, random.integers(0, 256)),
            "strong": random.choice(strong, SAMPLES // 2),
        }[kind]
        payload = bytes(codes.astype(np.uint8))
        assert (ours.decode(payload) == theirs.decode(payload)).all()


MU_TO_G722, A_TO_G722, G722_TO_MU, G722_TO_A = 3, 4, 5, 6
LAWS = [(MU_TO_G722, G722_TO_MU, "u"), (A_TO_G722, G722_TO_A, "a")]


class Coding:
    """The relay's coding one way, and as the bridge has it: pjmedia's tables and codec, our filter.

    pjmedia shifts what G.722 says by one bit.
    """

    def __init__(self, extension: Any, letter: str) -> None:
        self._extension = extension
        self._own, self._filter = ffi.new("struct vn_coding *"), ffi.new("struct vn_halfband *")
        self._state = ffi.new("char[]", STATE_BYTES)
        self._own.state = self._state
        for one in self._filter, ffi.addressof(self._own.filter):
            extension.vn_halfband_reset(one)
        self._codec, self._library = Codec(pjsua2()), ctypes.CDLL(str(pjsua2()))
        tables = f"pjmedia_{letter}law2linear_tab", f"pjmedia_linear2{letter}law_tab"
        self._decode = np.array((ctypes.c_int16 * 256).in_dll(self._library, tables[0]))
        self._encode = np.array((ctypes.c_uint8 * 16384).in_dll(self._library, tables[1]))
        ours = Codec(build.library()).library
        begin = ours.g722_enc_init, ours.g722_dec_init
        self._begin = [lambda one=one: one(ctypes.c_void_p(address(self._state))) for one in begin]

    def begin(self, *, encodes: bool) -> None:
        assert self._begin[0 if encodes else 1]() == 0

    def relayed(self, law: int, payload: bytes) -> bytes:
        out = ffi.new("uint8_t[]", len(payload))
        self._extension.vn_coding_run(self._own, law, out, payload, len(payload))
        return bytes(ffi.buffer(out))

    def bridged_to_wide(self, payload: bytes) -> bytes:
        narrow, wide = self._decode[np.frombuffer(payload, np.uint8)], ffi.new("int16_t[320]")
        self._extension.vn_halfband_up(
            self._filter, ffi.from_buffer("int16_t[]", narrow.copy()), 160, wide
        )
        samples = np.frombuffer(ffi.buffer(wide), np.int16)
        return self._codec.encode(np.ascontiguousarray((samples / 2).astype(np.int16)))

    def bridged_from_wide(self, payload: bytes) -> bytes:
        wide, narrow = self._codec.decode(payload) * 2, ffi.new("int16_t[160]")
        self._extension.vn_halfband_down(
            self._filter, ffi.from_buffer("int16_t[]", wide.astype(np.int16)), 160, narrow
        )
        samples = np.frombuffer(ffi.buffer(narrow), np.int16)
        return bytes(self._encode[samples.astype(int) >> 2 & 0x3FFF])


def address(state: Any) -> int:
    return int(ffi.cast("uintptr_t", state))


@pytest.mark.parametrize(("to_wide", "from_wide", "letter"), LAWS)
@pytest.mark.parametrize("sound", [tones, noise, voices])
def test_the_relay_says_what_the_bridge_would(
    extension: Any,
    sound: Callable[["np.random.Generator"], Iterator["np.ndarray[Any, Any]"]],
    to_wide: int,
    from_wide: int,
    letter: str,
) -> None:
    there, back = Coding(extension, letter), Coding(extension, letter)
    there.begin(encodes=True)
    back.begin(encodes=False)
    said: set[bytes] = set()
    for samples in sound(np.random.default_rng(3)):
        narrow = samples[::2].clip(-32768, 32767).astype(np.int16)
        payload = bytes(there._encode[narrow.astype(int) >> 2 & 0x3FFF])
        coded = there.relayed(to_wide, payload)
        assert coded == there.bridged_to_wide(payload)
        heard = back.relayed(from_wide, coded)
        assert heard == back.bridged_from_wide(coded)
        said.add(heard)
    assert len(said) > FRAMES / 2


def test_pjmedia_calls_it(extension: object) -> None:
    """A library's own calls may be bound when it is linked: then all of the above would be idle."""
    done = subprocess.run(
        [sys.executable, "-c", "from callengine.worker.native import loading; loading.load()"],
        env={**os.environ, **WITH_EXTENSION, "LD_DEBUG": "bindings", "LD_BIND_NOW": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for name in FUNCTIONS:
        bound = [line for line in done.stderr.splitlines() if f"symbol `{name}'" in line]
        assert any(f"{pjsua2()} " in line and str(build.library()) in line for line in bound), name


def test_it_touches_nothing_but_its_own(tmp_path: Path) -> None:
    run("g722_test.c", "codecs/g722.c", folder=tmp_path)
