"""Frames between a page and a call, and what waits to be played."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.core.sounds import (
    MAX_FRAME_BYTES,
    WATCHED,
    Cushion,
    FrameKind,
    Frames,
    SoundError,
    frame,
)

KINDS = st.sampled_from(list(FrameKind))
FRAMES = st.lists(st.tuples(KINDS, st.binary(max_size=700)), max_size=6)


@given(FRAMES, st.lists(st.integers(1, 50), min_size=1))
def test_frames_arrive_whole_however_they_are_cut(
    sent: list[tuple[FrameKind, bytes]], cuts: list[int]
) -> None:
    data = b"".join(frame(kind, content) for kind, content in sent)
    frames, heard = Frames(), []
    at = 0
    while at < len(data):
        size = cuts[at % len(cuts)]
        heard += list(frames.take(data[at : at + size]))
        at += size
    assert heard == sent


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x63\x00\x00", "no frame of kind 99"),
        (b"\x01\xff\xff", "65535 bytes is too long"),
    ],
)
def test_what_is_no_frame_is_told(data: bytes, why: str) -> None:
    with pytest.raises(SoundError, match=why):
        list(Frames().take(data))
    with pytest.raises(SoundError, match="too long"):
        frame(FrameKind.SOUND, bytes(MAX_FRAME_BYTES + 1))


def numbered(cushion: Cushion, first: int, count: int) -> None:
    for number in range(first, first + count):
        cushion.put(bytes([number]))


def test_it_waits_for_a_few_frames_and_again_after_silence() -> None:
    cushion = Cushion(begins_at=3)
    numbered(cushion, 0, 2)
    assert cushion.take() is None
    numbered(cushion, 2, 1)
    assert [cushion.take() for _ in range(4)] == [b"\0", b"\1", b"\2", None]
    numbered(cushion, 3, 2)
    assert cushion.take() is None


def test_a_burst_does_not_become_lasting_delay() -> None:
    cushion = Cushion(begins_at=3, most=25)
    numbered(cushion, 0, 30)
    assert len(cushion) <= 10
    while len(cushion) < 12:
        cushion.put(b"x")
    for _ in range(WATCHED * 12):
        cushion.take()
        cushion.put(b"x")
    assert len(cushion) <= 4
