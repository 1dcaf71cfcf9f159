"""The queue of what an agent says: whatever the pieces, the caller hears it once, in time."""

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.formats import AudioFormat, Encoding
from callengine.core.playout import CUSHION_FRAMES, HOLDS_MS, Playout

PCM = AudioFormat(Encoding.PCM)
PCMU = AudioFormat(Encoding.PCMU)
PCMA = AudioFormat(Encoding.PCMA)


def counting(size: int) -> bytes:
    """Return bytes of which each place can be told from its neighbours."""
    return bytes(index % 251 for index in range(size))


def played(playout: Playout, takes: int) -> list[bytes | None]:
    return [playout.take() for _ in range(takes)]


def audio(frames: list[bytes | None]) -> bytes:
    return b"".join(frame for frame in frames if frame is not None)


@pytest.mark.parametrize("size", [1, 7, 160, 300, 961, 5000, 48_000])
@pytest.mark.parametrize("format_", [PCM, PCMU])
def test_pieces_of_any_size_leave_as_one_stream(format_: AudioFormat, size: int) -> None:
    playout, sent = Playout(format_), counting(format_.frame_bytes * 50)
    for at in range(0, len(sent), size):
        playout.add(sent[at : at + size])
    playout.reply_done()
    assert audio(played(playout, 50)) == sent
    assert playout.take() is None


@given(
    pieces=st.lists(
        st.one_of(st.binary(max_size=2500), st.none(), st.just("done")), min_size=1, max_size=60
    ),
    frame_ms=st.sampled_from([10, 20, 30, 60]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_between_takes_nothing_is_lost_or_moved(
    pieces: list[bytes | str | None], frame_ms: int
) -> None:
    """None is a take; what was padded in between is silence of whole samples, never a click."""
    playout, sent, heard = Playout(PCMU, frame_ms=frame_ms), b"", b""
    for piece in pieces:
        match piece:
            case bytes():
                piece = piece.replace(b"\xff", b"\x01")
                sent += piece
                playout.add(piece)
            case None:
                heard += playout.take() or b""
            case _:
                playout.reply_done()
    playout.reply_done()
    while frame := playout.take():
        assert len(frame) == PCMU.bytes_of(frame_ms)
        heard += frame
    assert heard.replace(b"\xff", b"") == sent
    assert playout.is_silent


def test_ten_seconds_sent_at_once_take_ten_seconds() -> None:
    playout = Playout(PCM)
    playout.add(bytes(PCM.bytes_of(10_000)))
    playout.reply_done()
    assert sum(frame is not None for frame in played(playout, 600)) == 500


@pytest.mark.parametrize("format_", [PCM, PCMU, PCMA])
def test_a_minute_sent_in_a_moment_is_heard_whole(format_: AudioFormat) -> None:
    playout, sent = Playout(format_), counting(format_.frame_bytes * 50 * 60)
    for at in range(0, len(sent), 7777):
        playout.add(sent[at : at + 7777], "reply")
    playout.reply_done()
    assert audio(played(playout, 50 * 60)) == sent
    assert playout.refused_bytes == 0


def test_two_frames_wait_before_the_first_is_played() -> None:
    playout = Playout(PCM)
    playout.add(bytes(PCM.frame_bytes))
    assert playout.take() is None
    playout.add(bytes(PCM.frame_bytes))
    assert playout.take() is not None
    assert playout.take() is not None, "once begun, each frame is played when it is there"


def test_a_reply_known_to_be_over_waits_for_nothing() -> None:
    playout = Playout(PCM)
    playout.add(b"\x01\x00" * 100)
    playout.reply_done()
    assert playout.take() == b"\x01\x00" * 100 + bytes(PCM.frame_bytes - 200)


@pytest.mark.parametrize(("format_", "silence"), [(PCMU, b"\xff"), (PCMA, b"\xd5"), (PCM, b"\0\0")])
def test_a_last_partial_frame_is_padded_and_played(format_: AudioFormat, silence: bytes) -> None:
    """Nobody says that a reply is over in some dialects; nothing more comes."""
    playout = Playout(format_)
    playout.add(b"\x10\x20" * 10)
    frames = played(playout, CUSHION_FRAMES + 2)
    padding = silence * ((format_.frame_bytes - 20) // len(silence))
    assert [frame for frame in frames if frame is not None] == [b"\x10\x20" * 10 + padding]
    assert frames[-2] is not None


def test_half_a_sample_at_the_end_of_a_reply_does_not_move_the_next_one() -> None:
    playout, reply = Playout(PCM), b"\x34\x12" * 480
    playout.add(b"\x01\x02\x03")
    playout.reply_done()
    assert playout.take() == b"\x01\x02\x03\x00" + bytes(956)
    playout.add(reply)
    playout.reply_done()
    assert playout.take() == reply


def test_half_a_sample_that_is_flushed_does_not_move_the_next_one() -> None:
    playout, reply = Playout(PCM), b"\x34\x12" * 480
    playout.add(b"\x01\x02\x03")
    playout.flush()
    playout.add(reply)
    playout.reply_done()
    assert playout.take() == reply


def test_a_flush_silences_at_once_though_the_whole_reply_came_long_ago() -> None:
    playout = Playout(PCM)
    playout.add(bytes(PCM.bytes_of(60_000)), "reply-1")
    playout.reply_done()
    played(playout, 100)
    assert playout.flush() == {"reply-1": 2000.0}
    assert playout.take() is None
    assert (playout.queued_ms, playout.played_ms) == (0, 2000)


def test_a_flush_tells_of_each_item_what_was_heard_not_what_was_queued() -> None:
    playout = Playout(PCMU)
    for name, ms in (("a", 100), ("b", 200), ("c", 300)):
        playout.add(bytes(PCMU.bytes_of(ms)), name)
    played(playout, 10)  # 200 ms
    assert playout.flush() == {"b": 100.0, "c": 0.0}


def test_an_item_that_paused_is_counted_from_its_beginning() -> None:
    playout = Playout(PCMU)
    playout.add(bytes(PCMU.bytes_of(100)), "a")
    played(playout, 20)
    playout.add(bytes(PCMU.bytes_of(100)), "a")
    played(playout, 3)
    assert playout.flush() == {"a": 160.0}


def test_an_item_heard_whole_is_no_part_of_a_flush() -> None:
    playout = Playout(PCMU)
    playout.add(bytes(PCMU.bytes_of(100)), "a")
    played(playout, 20)
    assert playout.flush() == {}


def test_a_mark_is_reached_when_what_came_before_it_has_been_played() -> None:
    playout = Playout(PCMU)
    playout.add(bytes(320))
    playout.mark("one")
    playout.add(bytes(320))
    playout.mark("two")
    reached = []
    for _ in range(6):
        playout.take()
        reached.append(playout.marks())
    assert reached == [[], [], ["one"], [], ["two"], []]


def test_a_mark_behind_nothing_is_reached_at_the_next_take() -> None:
    playout = Playout(PCMU)
    playout.mark("now")
    playout.take()
    assert playout.marks() == ["now"]


def test_marks_of_what_is_thrown_away_are_reached() -> None:
    playout = Playout(PCMU)
    playout.add(bytes(8000))
    playout.mark("a")
    playout.mark("b")
    playout.flush()
    assert playout.marks() == ["a", "b"]


def test_the_last_frame_is_heard_before_all_is_silent() -> None:
    playout = Playout(PCMU)
    playout.add(bytes(160))
    playout.reply_done()
    assert not playout.is_silent
    playout.take()
    assert not playout.is_silent, "its time is not over"
    playout.take()
    assert playout.is_silent


@pytest.mark.parametrize("piece_ms", [6.25, 20, 60_000])
def test_two_minutes_wait_and_then_the_socket_is_left_alone(piece_ms: float) -> None:
    playout, sent = Playout(PCM), 0
    piece = b"\x07" * max(1, PCM.bytes_of(piece_ms))
    while not playout.is_full:
        playout.add(piece, "x")
        sent += len(piece)
    assert playout.queued_ms >= HOLDS_MS - 10
    assert not playout.may_resume
    while not playout.may_resume:
        playout.take()
    assert playout.queued_ms > 100_000
    playout.reply_done()
    heard = 0
    while playout.take():
        heard += PCM.frame_bytes
    assert sent - PCM.bytes_of(10_100) <= heard <= sent + PCM.frame_bytes


def test_pieces_of_two_bytes_take_no_more_memory_than_they_are() -> None:
    tracemalloc.start()
    try:
        playout = Playout(PCM)
        for _ in range(100_000):
            playout.add(b"\x01\x02", "item")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 300_000


@pytest.mark.parametrize("name", ["m", "m" * 10_000])
def test_marks_without_audio_fill_the_queue_too(name: str) -> None:
    playout, count = Playout(PCMU), 0
    while not playout.is_full:
        playout.mark(name)
        count += 1
    assert count < 10_000
    playout.take()
    assert len(playout.marks()) == count
    assert playout.may_resume


def test_what_an_owner_queues_that_never_stops_is_refused_in_the_end() -> None:
    playout, piece = Playout(PCMU), bytes(PCMU.bytes_of(10_000))
    for _ in range(100):
        playout.add(piece)
    assert playout.queued_ms <= 490_000
    assert playout.refused_bytes


def test_a_frame_costs_the_same_however_much_waits() -> None:
    """Two thousand frames of a full queue: were it copied for each, this took ten seconds."""
    playout = Playout(PCM)
    playout.add(bytes(PCM.bytes_of(HOLDS_MS)))
    began = time.process_time()
    played(playout, 2000)
    assert time.process_time() - began < 0.5


def test_frames_may_become_longer_while_audio_waits() -> None:
    playout, sent = Playout(PCMU), counting(160 + 480)
    playout.add(sent)
    first = playout.take()
    playout.frame_ms = 60
    assert first is not None
    assert first + (playout.take() or b"") == sent


def stretch(number: int) -> bytes:
    """A frame of an agent that speaks and pauses, half a second each."""
    return (b"\xff" if number // 25 % 2 else b"\x20") * 160


def streamed(playout: Playout, frames: range, *, lead: int = 0) -> list[int]:
    """Let an agent send a frame each 20 ms; return how many frames wait after each take."""
    waiting = []
    for number in frames:
        playout.add(stretch(number + lead))
        playout.take()
        waiting.append(round(playout.queued_ms / 20))
    return waiting


@pytest.mark.parametrize("stalled_ms", [300, 1000, 5000])
def test_what_streams_without_a_pause_is_no_later_for_a_stall_of_ours(stalled_ms: int) -> None:
    """It is caught up with by leaving out silence alone."""
    playout, lost = Playout(PCMU), stalled_ms // 20
    before = streamed(playout, range(100))
    for number in range(100, 100 + lost):
        playout.add(stretch(number))
    playout.stalled(stalled_ms)
    after = streamed(playout, range(100 + lost, 800 + 2 * lost))
    assert max(after) == before[-1] + lost
    assert after[-1] <= before[-1] + 2
    assert playout.left_out_ms == pytest.approx(stalled_ms, abs=40)
    assert playout.late_ms == 0


@pytest.mark.parametrize("held_ms", [200, 1000, 8000])
def test_nor_for_a_caller_that_comes_late(held_ms: int) -> None:
    """A browser's page connects its sound after the agent is ready: the call was later by that."""
    playout, lost = Playout(PCMU), held_ms // 20
    for number in range(lost):
        playout.add(stretch(number))
    playout.held(held_ms)
    after = streamed(playout, range(lost, 800 + 6 * lost))
    assert max(after) >= lost
    assert after[-1] <= 2
    assert playout.left_out_ms == pytest.approx(held_ms, abs=60)
    assert playout.late_ms == 0


def test_of_a_greeting_that_is_sent_at_once_nothing_is_left_out_for_that() -> None:
    playout = Playout(PCMU)
    playout.add(b"".join(map(stretch, range(400))))
    playout.held(1000)
    played(playout, 450)
    assert playout.left_out_ms == 0
    assert playout.played_ms == 8000


def test_nor_for_one_of_its_own() -> None:
    playout = Playout(PCMU)
    before = streamed(playout, range(100))
    assert sum(frame is None for frame in played(playout, 50)) > 40
    for number in range(100, 150):
        playout.add(stretch(number))
    after = streamed(playout, range(150, 500))
    assert after[60] > before[-1] + 40, "nothing is left out before it is sure"
    assert after[-1] <= before[-1] + 2


def test_what_is_loud_is_all_heard() -> None:
    playout, heard = Playout(PCMU), b""
    for number in range(600):
        playout.add(stretch(number))
        if number == 100:
            playout.stalled(1000)
        elif not 100 < number < 150:
            heard += playout.take() or b""
    while frame := playout.take():
        heard += frame
    assert heard.count(0x20) == 300 * 160
    assert heard.count(0xFF) == pytest.approx(300 * 160 - 50 * 160, abs=10 * 160)


@pytest.mark.parametrize("lead", [0, 10, 50])
def test_of_replies_that_are_sent_ahead_nothing_is_left_out(lead: int) -> None:
    """With a pause between them, of whose end and beginning nobody tells."""
    playout, sent = Playout(PCMU), 0
    for _ in range(4):
        playout.add(b"".join(map(stretch, range(lead))))
        streamed(playout, range(150), lead=lead)
        sent += lead + 150
        played(playout, lead + 80)
    playout.add(b"".join(map(stretch, range(500))))
    played(playout, 40)
    playout.stalled(700)
    played(playout, 600)
    assert playout.left_out_ms == 0
    assert playout.is_silent
    assert playout.played_ms == (sent + 500) * 20
