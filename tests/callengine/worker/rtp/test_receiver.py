"""A stream put in order: every case of arrival, by a clock of the test's own."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.worker.rtp.heard import Gap, Heard, Key, Pause, Sound, StreamFormat
from callengine.worker.rtp.packets import SEQUENCES, TIMESTAMPS, RtpPacket
from callengine.worker.rtp.receiver import MAX_MISORDER, MAX_WAITING, REORDER_S, RtpReceiver

STREAM = StreamFormat(0, 8000, len, events={101: 8000})
OPUS = StreamFormat(111, 48000, lambda payload: 960, events={110: 48000})


def packet(number: int, *, ticks: int = 160, **changes: object) -> RtpPacket:
    """Return packet `number` of a stream; sequence numbers begin close before they wrap."""
    sequence, timestamp = (65530 + number) % SEQUENCES, (TIMESTAMPS - 480 + number * ticks)
    made = RtpPacket(0, sequence, timestamp % TIMESTAMPS, 7, bytes((number % 256,)) * 160)
    return made._replace(**changes)  # type: ignore[arg-type]


class Ear:
    """Takes packets by number, and keeps what was heard."""

    def __init__(self, stream: StreamFormat = STREAM) -> None:
        self.receiver = RtpReceiver(stream)
        self.heard: list[Heard] = []

    def take(self, packets: Iterable[RtpPacket | int], at: float = 0.0) -> list[Heard]:
        now = [
            item
            for one in packets
            for item in self.receiver.take(packet(one) if isinstance(one, int) else one, at)
        ]
        self.heard += now
        return now

    def tick(self, at: float) -> list[Heard]:
        now = self.receiver.tick(at)
        self.heard += now
        return now


def told(items: Iterable[Heard]) -> list[int | str]:
    """Return packets by number, gaps as the ticks they last, and the rest by name."""
    words: list[int | str] = []
    for item in items:
        match item:
            case Sound(payload, _, skipped):
                words += [f"skip {skipped}"] if skipped else []
                words.append(payload[0])
            case Gap(ticks):
                words.append(f"gap {ticks}")
            case Key(digit):
                words.append(digit)
            case Pause():
                words.append("pause")
    return words


@pytest.mark.parametrize(
    ("arrivals", "heard", "waits"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3], False),
        ([0, 2, 1, 3], [0, 1, 2, 3], False),
        ([0, 3, 2, 1], [0, 1, 2, 3], False),
        ([0, 1, 1, 0, 2], [0, 1, 2], False),
        ([0, 2, 2, 1, 1], [0, 1, 2], False),
        ([0, 2, 3], [0], True),
        ([4, 3, 5], [4, 5], False),  # nothing is known of what was before the first
    ],
)
def test_what_arrives_is_heard_in_order(
    arrivals: list[int], heard: list[int], *, waits: bool
) -> None:
    ear = Ear()
    ear.take(arrivals)
    assert told(ear.heard) == heard
    assert bool(ear.tick(1.0)) is waits


def test_a_packet_in_order_waits_for_nothing() -> None:
    ear = Ear()
    assert told(ear.take([0])) == [0]
    assert told(ear.take([1])) == [1]


def test_a_missing_packet_is_waited_for_and_then_a_gap_of_its_length() -> None:
    ear = Ear()
    ear.take([0, 1], at=0.0)
    assert ear.take([3, 4], at=0.02) == []
    assert ear.tick(0.02 + REORDER_S - 0.001) == []
    heard = ear.tick(0.02 + REORDER_S)
    assert told(heard) == ["gap 160", 3, 4]
    assert heard[0] == Gap(160, packet(3).payload)


def test_a_packet_that_comes_after_its_gap_is_late_and_not_heard() -> None:
    ear = Ear()
    ear.take([0, 2])
    ear.tick(1.0)
    assert ear.take([1], at=1.0) == []
    assert (ear.receiver.late, ear.receiver.duplicates) == (1, 0)
    assert ear.take([1], at=1.0) == []
    assert (ear.receiver.late, ear.receiver.duplicates) == (1, 1)


def test_two_gaps_are_two() -> None:
    ear = Ear()
    ear.take([0, 2, 5])
    assert told(ear.tick(1.0)) == ["gap 160", 2, "gap 320", 5]


def test_however_fast_they_come_only_so_many_wait() -> None:
    ear = Ear()
    ear.take([0, *range(2, 2 + MAX_WAITING)])
    assert told(ear.heard) == [0]
    ear.take([2 + MAX_WAITING])
    assert told(ear.heard) == [0, "gap 160", *range(2, 3 + MAX_WAITING)]


@given(st.integers(), st.integers(0, 30), st.integers(0, 5))
def test_no_order_of_arrival_makes_a_packet_heard_twice_or_out_of_place(
    seed: int, loss_percent: int, spread: int
) -> None:
    chance = random.Random(seed)
    numbers = [n for n in range(1, 120) if chance.random() * 100 >= loss_percent]
    arrivals = [0, *sorted(numbers, key=lambda n: n + chance.uniform(0, spread))]
    # From further back, two in a row would be a stream that begins anew (RFC 3550 appendix A.1).
    arrivals += [chance.choice(arrivals[-MAX_MISORDER // 2 :]) for _ in range(5)]
    ear = Ear()
    for index, number in enumerate(arrivals):
        ear.take([number], at=index * 0.02)
        ear.tick(index * 0.02 + 0.01)
    ear.tick(100.0)
    sounds = [item.payload[0] for item in ear.heard if isinstance(item, Sound)]
    assert sounds == sorted(set(sounds))
    # Time is kept: what was heard and the gaps make up all there was.
    ticks = sum(item.ticks for item in ear.heard if isinstance(item, Sound | Gap))
    assert ticks == (max(sounds) + 1) * 160


@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFFFFFF),
            st.integers(7, 8),
            st.sampled_from((0, 13, 96, 101)),
            st.binary(max_size=8),
            st.floats(0, 0.1),
        ),
        max_size=60,
    )
)
def test_no_packets_do_any_harm_and_no_more_wait_than_may(
    packets: list[tuple[int, int, int, int, bytes, float]],
) -> None:
    ear, now = Ear(), 0.0
    for sequence, timestamp, ssrc, payload_type, payload, pause in packets:
        now += pause
        ear.take([RtpPacket(payload_type, sequence, timestamp, ssrc, payload)], at=now)
        ear.tick(now)
        assert len(ear.receiver._waiting) <= MAX_WAITING
    report = ear.receiver.statistics.report()
    assert ear.receiver.statistics.lost >= 0
    assert report is None or 0 <= report.fraction_lost <= 255


def test_padding_extension_and_other_lengths_keep_their_time() -> None:
    ear = Ear()
    long = packet(1)._replace(payload=bytes(480))
    ear.take([0, long, packet(2)._replace(timestamp=(long.timestamp + 480) % TIMESTAMPS)])
    assert [item.ticks for item in ear.heard if isinstance(item, Sound)] == [160, 480, 160]


# Silence that is no loss


def test_comfort_noise_is_a_pause_and_the_silence_after_it_no_loss() -> None:
    ear = Ear()
    noise = packet(1, payload_type=13, payload=b"\x40")
    later = packet(2, timestamp=packet(52).timestamp)
    ear.take([0, noise, later])
    assert told(ear.heard) == [0, "pause", "skip 8160", 2]
    assert ear.receiver.statistics.lost == 0


def test_a_peer_that_stops_between_words_skips_time() -> None:
    ear = Ear()
    ear.take([0, packet(1, timestamp=packet(11).timestamp, marker=True)])
    assert told(ear.heard) == [0, "skip 1600", 1]


@pytest.mark.parametrize("step", [-160, -8000 * 60, 8000 * 3600])
def test_a_clock_set_anew_is_neither_silence_nor_loss(step: int) -> None:
    ear = Ear()
    ear.take([0, packet(1, timestamp=(packet(1).timestamp + step) % TIMESTAMPS)])
    assert told(ear.heard) == [0, 1]
    assert ear.receiver.statistics.jitter_us < 1000


def test_an_unknown_payload_type_is_not_heard_and_no_loss() -> None:
    ear = Ear()
    ear.take([0, packet(1, payload_type=96), 2])
    assert told(ear.heard) == [0, "skip 160", 2]
    assert (ear.receiver.odd, ear.receiver.statistics.lost) == (1, 0)


def test_a_payload_that_is_none_is_not_heard() -> None:
    ear = Ear()
    ear.take([0, packet(1, payload=b""), 2])
    assert told(ear.heard) == [0, "skip 160", 2]


# Another stream


def test_another_stream_is_followed_from_its_first_packet() -> None:
    ear = Ear()
    ear.take([0, 1])
    fresh = [packet(n, ssrc=8, sequence=4000 + n, timestamp=n * 160) for n in range(100, 103)]
    assert ear.take(fresh[:1]) == []
    assert told(ear.take(fresh[1:])) == [100, 101, 102]
    assert ear.receiver.statistics.received == 5
    assert ear.receiver.statistics.lost == 0


def test_a_stray_packet_of_another_stream_is_not_followed() -> None:
    ear = Ear()
    ear.take([0, packet(9, ssrc=8), 1, packet(10, ssrc=8), 2])
    assert told(ear.heard) == [0, 1, 2]


def test_numbers_that_jump_far_are_another_stream_and_no_loss() -> None:
    ear = Ear()
    ear.take([0, *(packet(n, sequence=20_000 + n) for n in (1, 2, 3))])
    assert told(ear.heard) == [0, 1, 2, 3]
    assert ear.receiver.statistics.lost == 0


def test_what_waits_is_heard_before_another_stream() -> None:
    ear = Ear()
    ear.take([0, 2])
    ear.take([packet(n, ssrc=8) for n in (50, 51)])
    assert [word for word in told(ear.heard) if isinstance(word, int)] == [0, 2, 50, 51]


# Keys


def event(
    number: int, start: int, digit: int, *, end: bool = False, **changes: object
) -> RtpPacket:
    payload = bytes((digit, 0x8A if end else 0x0A)) + (number * 160).to_bytes(2)
    stamped = {"timestamp": packet(start).timestamp, "payload": payload, "payload_type": 101}
    return packet(number, **{**stamped, **changes})


def test_a_key_is_told_once_though_many_packets_tell_it() -> None:
    ear = Ear()
    ear.take([0, *(event(n, 1, 5, end=n > 3) for n in range(1, 7)), 7])
    assert told(ear.heard) == [0, "pause", "5", *["pause"] * 5, "skip 960", 7]


def test_a_key_pressed_twice_is_two() -> None:
    ear = Ear()
    ear.take([0, *(event(n, 1, 11, end=n > 2) for n in range(1, 4))])
    ear.take([event(n, 4, 11, end=n > 5) for n in range(4, 7)])
    assert [item.digit for item in ear.heard if isinstance(item, Key)] == ["#", "#"]


@pytest.mark.parametrize("lost", [{1}, {1, 2}, {1, 2, 3, 4, 5}])
def test_a_key_whose_first_packets_are_lost_is_told_all_the_same(lost: set[int]) -> None:
    ear = Ear()
    ear.take([0, *(event(n, 1, 9, end=n > 3) for n in range(1, 7) if n not in lost)])
    ear.tick(1.0)
    assert [item.digit for item in ear.heard if isinstance(item, Key)] == ["9"]


def test_a_key_whose_packets_each_have_a_timestamp_of_their_own_is_one() -> None:
    """Six packets of one press told an agent of six."""
    ear = Ear()
    ear.take([0, *(event(n, n, 3, end=n > 4) for n in range(1, 7))])
    ear.take([event(7, 7, 3, payload=bytes((3, 0x0A, 0, 160)))])
    assert [item.digit for item in ear.heard if isinstance(item, Key)] == ["3", "3"]


def test_a_key_pressed_again_though_its_end_was_lost_is_two() -> None:
    ear = Ear()
    ear.take([0, *(event(n, 1, 3) for n in range(1, 4))])
    ear.take([event(4, 4, 3, payload=bytes((3, 0x0A, 0, 160)))])
    assert [item.digit for item in ear.heard if isinstance(item, Key)] == ["3", "3"]


def test_a_device_whose_events_have_a_clock_of_their_own_is_understood() -> None:
    ear = Ear()
    ear.take([0, event(1, 1, 5), event(2, 1, 5, end=True)])
    ear.take([event(n, 1, 5, end=n > 3, timestamp=17) for n in (3, 4, 5)])
    assert [item.digit for item in ear.heard if isinstance(item, Key)] == ["5", "5"]


def test_a_key_of_an_unagreed_payload_type_is_none() -> None:
    ear = Ear()
    ear.take([0, event(1, 1, 5, payload_type=96)])
    assert not [item for item in ear.heard if isinstance(item, Key)]


@pytest.mark.parametrize("payload", [b"", b"\x05\x0a\x00", b"\x10\x0a\x00\xa0", b"\xff" * 4])
def test_an_event_that_is_no_key_is_a_pause(payload: bytes) -> None:
    ear = Ear()
    ear.take([0, event(1, 1, 5, payload=payload)])
    assert told(ear.heard) == [0, "pause"]


def test_a_key_held_beyond_what_a_packet_can_tell_is_one() -> None:
    ear = Ear()
    at = packet(1).timestamp
    long = b"\x05\x0a" + (65535).to_bytes(2)
    ear.take([0, event(1, 1, 5), event(2, 1, 5, payload=long)])
    ear.take([event(3, 1, 5, timestamp=(at + 65535) % TIMESTAMPS)])
    assert [item.digit for item in ear.heard if isinstance(item, Key)] == ["5"]


def test_packets_of_keys_do_not_spoil_the_jitter() -> None:
    """Their timestamp stands still, which would be 20 ms of jitter each."""
    ear = Ear()
    for number in range(50):
        made = event(number, 10, 5) if 10 <= number < 40 else packet(number)
        ear.take([made], at=number * 0.02)
    assert ear.receiver.statistics.jitter_us < 1000


# Statistics


def test_jitter_is_told_in_the_clock_of_the_codec() -> None:
    """Alternately 10 ms late: a mean deviation of 10 ms at 8000 Hz and at 48000 Hz alike."""
    for stream, ticks in ((STREAM, 160), (OPUS, 960)):
        ear = Ear(stream)
        for number in range(400):
            made = packet(number, ticks=ticks, payload_type=stream.payload_type)
            ear.take([made], at=number * 0.02 + (number % 2) * 0.01)
        assert ear.receiver.statistics.jitter_us == pytest.approx(10_000, rel=0.02)


def test_loss_is_what_was_expected_and_did_not_come() -> None:
    ear = Ear()
    ear.take([n for n in range(100) if n % 10 != 5])
    ear.tick(1.0)
    statistics = ear.receiver.statistics
    assert (statistics.received, statistics.lost) == (90, 10)
    report = statistics.report()
    assert report is not None
    assert (report.lost, report.fraction_lost) == (10, 10 * 256 // 100)
    assert report.highest % SEQUENCES == packet(99).sequence
    ear.take(range(100, 110))
    again = statistics.report()
    assert again is not None
    assert (again.lost, again.fraction_lost) == (10, 0)
