"""Which frames an hour's benchmark calls late or lost, and what it reads in the product's log."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from bench.lasting import findings
from bench.lasting.streams import LATE_NS, Stream

MS = 1_000_000
STARTED_NS = 1_800_000_000 * 1000 * MS


def judged(frames: Iterable[tuple[int, int, float]], clock_hz: int = 8000) -> tuple[list[int], int]:
    """Return the places of the late ones of (sequence, timestamp, ms), and how many are lost."""
    stream, late, lost = Stream(1, 0, clock_hz), [], 0
    for place, (sequence, timestamp, at_ms) in enumerate(frames):
        late_ns, missing = stream.late_ns(
            sequence & 0xFFFF, timestamp & 0xFFFFFFFF, STARTED_NS + round(at_ms * MS)
        )
        lost += missing
        if late_ns > LATE_NS:
            late.append(place)
    return late, lost


def steady(count: int, *, first: int = 0, step: int = 160) -> list[tuple[int, int, float]]:
    return [(first + n, (first + n) * step, n * 20.0) for n in range(count)]


@pytest.mark.parametrize(("clock_hz", "step"), [(8000, 160), (16000, 320), (48000, 960)])
def test_a_steady_stream_has_no_late_frame_over_the_ends_of_its_numbers(
    clock_hz: int, step: int
) -> None:
    near_the_end = 0x100000000 // step - 50
    assert judged(steady(65536 + 200, first=near_the_end, step=step), clock_hz) == ([], 0)


def test_frames_that_a_pause_held_up_are_late_until_the_stream_has_caught_up() -> None:
    frames = [
        (sequence, timestamp, max(at_ms, 245.0) if at_ms >= 160 else at_ms)
        for sequence, timestamp, at_ms in steady(100)
    ]
    assert judged(frames) == ([8, 9, 10, 11], 0)  # by 85, 65, 45, 25 and 5 ms


def test_a_frame_a_packet_late_is_not_late() -> None:
    frames = steady(10)
    frames[5] = (5, 800, 120.0)
    assert judged(frames) == ([], 0)
    frames[5] = (5, 800, 120.1)
    assert judged(frames) == ([5], 0)


def test_who_goes_on_later_for_good_is_late_for_two_to_four_seconds() -> None:
    frames = [(n, t, at + (50.0 if n >= 300 else 0.0)) for n, t, at in steady(1000)]
    late, _ = judged(frames)
    assert late == list(range(300, 300 + len(late)))
    assert 100 <= len(late) <= 200


def test_a_pause_of_any_length_is_late() -> None:
    frames = [(n, t, at + (30_000.0 if n >= 300 else 0.0)) for n, t, at in steady(310)]
    assert judged(frames)[0][0] == 300


def test_frames_that_do_not_come_are_lost_and_the_next_is_not_late() -> None:
    frames = [frame for frame in steady(50) if frame[0] not in {20, 21, 30}]
    assert judged(frames) == ([], 3)


def test_a_frame_that_comes_after_the_next_is_not_lost() -> None:
    frames = steady(50)
    frames[20], frames[21] = frames[21], frames[20]
    assert judged(frames) == ([], 0)


def test_lines_of_the_log_are_counted_by_kind(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text(
        "2026-11-27 09:00:00,001 ERROR a.keeper: call process 17 says nothing; ending it\n"
        "2026-11-27 09:00:01,001 ERROR a.keeper: call process 1801 says nothing; ending it\n"
        "2026-11-27 09:00:02,001 WARNING a.keeper: call process 5 ended with -11\n"
        "Traceback (most recent call last):\n"
    )
    kinds, others, lines = findings.said(log)
    assert kinds == {
        "ERROR a.keeper: call process # says nothing; ending it": 2,
        "WARNING a.keeper: call process # ended with -#": 1,
    }
    assert (others, lines) == (1, ["Traceback (most recent call last):"])
    assert not findings.log(log)


def test_every_word_for_a_process_that_was_ended_is_known(tmp_path: Path) -> None:
    """As the engine says them, wherever it ends one."""
    engine = Path(__file__).resolve().parents[2] / "callengine/engine"
    ended = [
        line
        for file in engine.rglob("*.py")
        for line in file.read_text().splitlines()
        if "logger." in line and ("ending it" in line or "ended with" in line)
    ]
    assert len(ended) > 5
    assert all(findings.ENDED_WORDS.search(line) for line in ended)
