"""How wrong keys are counted, without a clock to wait for."""

import pytest

from api.keys import guessing
from api.keys.guessing import Guesses


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guesses(clock: Clock) -> Guesses:
    return Guesses(most=lambda: 3, window_s=lambda: 60.0, clock=clock)


def guess(guesses: Guesses, times: int, site: str = "192.0.2.1") -> None:
    for number in range(times):
        guesses.was_wrong(site, f"wrong {number}")


def test_some_wrong_keys_are_nothing_and_more_are_held_until_the_window_ends(
    guesses: Guesses, clock: Clock
) -> None:
    guess(guesses, 2)
    assert guesses.hold_s("192.0.2.1", "any") == 0
    guess(guesses, 1)
    assert guesses.hold_s("192.0.2.1", "any") == 61
    clock.now_s += 59.5
    assert guesses.hold_s("192.0.2.1", "any") == 1
    clock.now_s += 0.5
    assert guesses.hold_s("192.0.2.1", "any") == 0


def test_others_are_not_held(guesses: Guesses) -> None:
    guess(guesses, 3)
    assert guesses.hold_s("192.0.2.2", "any") == 0


def test_a_key_that_was_right_is_looked_up_until_it_is_wrong(guesses: Guesses) -> None:
    guesses.was_right("good")
    guess(guesses, 3)
    assert guesses.hold_s("192.0.2.1", "good") == 0
    guesses.was_wrong("192.0.2.1", "good")
    assert guesses.hold_s("192.0.2.1", "good") > 0


def test_a_slow_trickle_is_never_held(guesses: Guesses, clock: Clock) -> None:
    for _ in range(20):
        guess(guesses, 1)
        clock.now_s += 30
        assert guesses.hold_s("192.0.2.1", "any") == 0


def test_over_a_unix_socket_nobody_is_held(guesses: Guesses) -> None:
    guess(guesses, 9, site="")
    assert guesses.hold_s("", "any") == 0


def test_what_is_remembered_is_bounded(guesses: Guesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "MOST_SITES", 2)
    monkeypatch.setattr(guessing, "MOST_GOOD", 2)
    for number in (1, 2, 3):
        guess(guesses, 3, site=f"192.0.2.{number}")
        guesses.was_right(f"good {number}")
    held = [guesses.hold_s(f"192.0.2.{number}", "any") > 0 for number in (1, 2, 3)]
    assert held == [False, True, True]
    good = [guesses.hold_s("192.0.2.3", f"good {number}") == 0 for number in (1, 2, 3)]
    assert good == [False, True, True]
