"""When a queue stands and when it is worked off, by a clock of the test's."""

from collections.abc import Iterator

import pytest

from callengine.core.standing import KNOWN_S, STANDS_S, Queue

BOUND_S, HOPELESS_S = 0.2, 1.0
STEP_S = 0.01
"Between two reads."


def worked(queue: Queue, *, stall_s: float, load: float, seconds: float) -> Iterator[float]:
    """Yield when the queue stands; it has been held up for so long, and then work goes on.

    `load` is what comes, as a share of what can be done: with twice that, what is read after a
    second came half a second after what was read before.
    """
    for number in range(round(seconds / STEP_S)):
        now = number * STEP_S
        queue.read(max(stall_s + now * (1.0 - 1.0 / load), 0.0), now)
        if queue.stands(now):
            yield now


@pytest.mark.parametrize(
    ("stall_s", "load"), [(0.25, 0.01), (0.25, 0.85), (0.25, 0.9), (0.5, 0.85), (0.9, 0.5)]
)
def test_what_a_stall_has_held_up_is_worked_off(stall_s: float, load: float) -> None:
    assert not list(worked(Queue(BOUND_S, HOPELESS_S), stall_s=stall_s, load=load, seconds=20.0))


@pytest.mark.parametrize("load", [1.0, 1.2, 2.0, 10.0])
def test_more_than_is_done_stands_half_a_second_later(load: float) -> None:
    first = next(worked(Queue(BOUND_S, HOPELESS_S), stall_s=BOUND_S + 0.01, load=load, seconds=3.0))
    assert first == pytest.approx(STANDS_S, abs=2 * STEP_S)


def test_a_queue_that_is_hardly_worked_off_after_a_stall_stands() -> None:
    assert list(worked(Queue(BOUND_S, HOPELESS_S), stall_s=0.8, load=0.99, seconds=2.0))


def test_what_has_waited_far_too_long_stands_at_once() -> None:
    (*_, last) = worked(Queue(BOUND_S, HOPELESS_S), stall_s=HOPELESS_S + 0.1, load=0.5, seconds=2.0)
    assert last == pytest.approx(0.1, abs=2 * STEP_S)


def test_stalls_with_an_empty_queue_between_them_are_no_queue_that_stands() -> None:
    queue = Queue(BOUND_S, HOPELESS_S)
    for number in range(20):
        now = float(number)
        queue.read(0.3, now)
        assert not queue.stands(now)


def test_one_read_in_time_says_that_it_does_not_stand() -> None:
    queue = Queue(BOUND_S, HOPELESS_S)
    for number in range(200):
        now = number * STEP_S
        queue.read(0.1 if number % 40 == 39 else 0.4, now)
        assert not queue.stands(now)


def test_a_queue_that_stood_says_less_and_less_until_it_is_read_again() -> None:
    queue = Queue(BOUND_S, HOPELESS_S)
    for now in (0.0, STANDS_S):
        queue.read(0.7, now)
    assert queue.stands(STANDS_S)
    assert queue.late_s(STANDS_S) == pytest.approx(0.7)
    assert queue.late_s(STANDS_S + 0.3) == pytest.approx(0.4)
    assert queue.late_s(STANDS_S + 0.8) == 0.0
    assert not queue.stands(STANDS_S + KNOWN_S)
    queue.read(3.0, 10.0)
    assert queue.late_s(10.0 + KNOWN_S) == 0.0
