"""Packets of G.711 that are no whole number of 10 ms: what is left waits for what follows on it."""

from collections.abc import Callable
from typing import Any

import pytest

from callengine.worker.native.libraries import SUCCESS, ffi

FRAME = 80
Parse = Callable[[int, bytes], list[tuple[int, bytes]]]


@pytest.fixture(scope="module")
def table(extension: Any) -> tuple[Any, Any]:
    """A table of operations as pjmedia has one for G.711, joined, and what it called before."""

    @ffi.callback(
        "pj_status_t(pjmedia_codec *, void *, size_t, const pj_timestamp *, unsigned *,"
        " pjmedia_frame *)"
    )
    def own(codec: Any, packet: Any, size: int, at: Any, count: Any, frames: Any) -> int:
        count[0] = min(count[0], size // FRAME)
        for index in range(count[0]):
            frames[index].buf = ffi.cast("uint8_t *", packet) + index * FRAME
            frames[index].size = FRAME
            frames[index].timestamp.u64 = at.u64 + index * FRAME
        return SUCCESS

    operations = ffi.new("pjmedia_codec_op *", {"parse": own})
    for _ in range(2):  # again does no harm
        extension.vn_short_join(operations)
    return operations, own  # which must be kept


@pytest.fixture
def parse(table: tuple[Any, Any]) -> Parse:
    codec = ffi.new("pjmedia_codec *")

    def parsed(at: int, payload: bytes) -> list[tuple[int, bytes]]:
        frames, count = ffi.new("pjmedia_frame[16]"), ffi.new("unsigned *", 16)
        packet = ffi.new("uint8_t[]", payload)
        time = ffi.new("pj_timestamp *", {"u64": at})
        assert table[0].parse(codec, packet, len(payload), time, count, frames) == SUCCESS
        return [
            (f.timestamp.u64, bytes(ffi.buffer(f.buf, f.size)))
            for f in (frames[index] for index in range(count[0]))
        ]

    return parsed


@pytest.mark.parametrize("size", [40, 120, 8, 200, 79, 81, 80, 160, 240])
def test_every_octet_is_heard_once_and_in_its_time(parse: Parse, size: int) -> None:
    sound = bytes(n % 251 for n in range(2400))
    heard = [
        frame
        for at in range(0, len(sound) - size + 1, size)
        for frame in parse(1000 + at, sound[at : at + size])
    ]
    assert b"".join(frame for _, frame in heard) == sound[: len(heard) * FRAME]
    assert [at for at, _ in heard] == [1000 + n * FRAME for n in range(len(heard))]
    assert len(heard) == (len(sound) // size * size) // FRAME


def test_what_does_not_follow_is_not_joined(parse: Parse) -> None:
    half, other = b"a" * 40, b"b" * 40
    assert parse(0, half) == []
    assert parse(80, other) == []  # 40 is missing
    assert parse(120, half) == [(80, other + half)]
    assert parse(160, half) == []
    assert parse(200, b"c" * 160) == [(160, half + b"c" * 40), (240, b"c" * 80)]
    assert parse(40, half) == []  # an old one
    assert parse(360, b"d" * 160) == [(360, b"d" * 80), (440, b"d" * 80)]
    assert parse(520, b"") == []
    assert len(parse(600, b"e" * 1440)) == 16


def test_a_time_that_begins_anew_joins_nothing(parse: Parse) -> None:
    assert parse(2**32 - 40, b"a" * 40) == []
    assert parse(0, b"b" * 40) == []
    assert parse(40, b"c" * 40) == [(0, b"b" * 40 + b"c" * 40)]
