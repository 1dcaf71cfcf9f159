"""Who is refused when the engine is behind, by a clock of the test's."""

import pytest

from callengine.core.overload import (
    BURST_ENDS_S,
    LASTS_S,
    LONGEST_BURST_S,
    MOST_REFUSED,
    REPEATED_S,
    Overload,
)
from callengine.core.reasons import Rule
from callengine.core.standing import KNOWN_S, STANDS_S


def behind(now: float, late_s: float) -> Overload:
    """Return what has been so late for long, until now."""
    overload = Overload()
    for number in range(10, -1, -1):
        at = now - STANDS_S * number / 10
        overload.observe(late_s, at)
        overload.refuses("BYE", at)
    return overload


def refused(overload: Overload, now: float, **more: float) -> tuple[bool, bool, bool]:
    """Tell whether a call, a registration, and what belongs to a call are refused."""
    ask = (overload.refuses(method, now, **more) for method in ("INVITE", "REGISTER", "BYE"))
    call, registration, other = ask
    return call, registration, other


def test_calls_are_refused_first_then_registrations_and_never_what_is_up() -> None:
    overload = behind(-0.1, 0.21)
    steps = [0.0, 0.2, 0.21, 0.4, 0.41, 0.21, 0.2, 0.11, 0.1, 0.15]
    outcomes = []
    for number, late_s in enumerate(steps):
        overload.observe(late_s, float(number) / 10)
        outcomes.append(refused(overload, float(number) / 10))
    assert all(not other for _, _, other in outcomes)
    assert [one[:2] for one in outcomes] == [
        (False, False), (False, False), (True, False), (True, False), (True, True),
        (True, True), (True, False), (True, False), (False, False), (False, False),
    ]  # fmt: skip


def test_what_stands_waiting_for_call_processes_counts_as_late() -> None:
    overload = Overload()
    for now in (1.0, 1.0 + STANDS_S / 3, 1.0 + STANDS_S / 2):
        overload.observe(0.0, now)
        assert refused(overload, now, waited_s=0.3) == (False, False, False)
    now = 1.0 + STANDS_S
    assert refused(overload, now, waited_s=0.3) == (True, False, False)
    assert refused(overload, now + 0.1, waited_s=0.15) == (True, False, False)
    assert refused(overload, now + 0.2, waited_s=0.05) == (False, False, False)


def test_calls_that_wait_very_long_for_their_process_are_followed_by_none() -> None:
    overload = Overload()
    assert refused(overload, 1.0, waited_s=0.49) == (False, False, False)
    assert refused(overload, 1.1, waited_s=0.51) == (True, True, False)


def test_one_stall_has_nothing_refused_however_many_wait_behind_it() -> None:
    overload = Overload()
    for number in range(300):
        now = 5.0 + number / 1000
        overload.observe(max(0.45 - number / 1000, 0.0), now)
        assert refused(overload, now) == (False, False, False)


def test_a_queue_that_stands_counts_beside_one_that_is_always_empty() -> None:
    overload = Overload()
    for number in range(100):
        now = number / 100
        overload.observe(0.0, now, "loopback")
        overload.observe(0.5, now, "public")
        overload.observe(0.0, now, "loopback")
        is_refused = now >= STANDS_S
        assert refused(overload, now) == (is_refused, is_refused, False)


def test_a_queue_in_which_nothing_comes_any_more_has_nobody_refused() -> None:
    overload = behind(1.0, 0.3)
    overload.observe(0.3, 1.0, "loopback")
    for now, is_refused in ((1.1, True), (1.25, False)):
        overload.observe(0.0, now)
        assert refused(overload, now) == (is_refused, False, False)


def test_what_is_late_counts_at_once_for_a_while_after_a_queue_has_stood() -> None:
    overload = behind(1.0, 0.3)
    overload.observe(0.0, 1.1)
    assert refused(overload, 1.1) == (False, False, False)
    overload.observe(0.25, 0.9 + LASTS_S)
    assert refused(overload, 0.9 + LASTS_S) == (True, False, False)
    overload.observe(0.0, 1.0 + LASTS_S)
    overload.observe(0.25, 1.1 + LASTS_S)
    assert refused(overload, 1.1 + LASTS_S) == (False, False, False)
    overload = behind(1.0, 0.3)
    assert refused(overload, 1.0) == (True, False, False)
    overload.refused("INVITE", "192.0.2.1", 1.0 + LASTS_S / 2)
    overload.observe(0.25, 0.9 + LASTS_S * 1.5)
    assert refused(overload, 0.9 + LASTS_S * 1.5) == (True, False, False)


@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
@pytest.mark.parametrize("times", [1.5, 2.0, 4.0])
def test_more_than_can_be_done_is_done_as_fast_as_ever_and_waits_for_a_moment(
    method: str, times: float
) -> None:
    """A queue of one server, which takes 10 ms for what is taken, half a one for what is not."""
    overload, now, arrived = Overload(), 0.0, 0.0
    waits: list[tuple[float, float]] = []
    while now < 20.0:
        now = max(now, arrived)
        overload.observe(now - arrived, now)
        if overload.refuses(method, now):
            overload.refused(method, "192.0.2.1", now)
            now += 0.0005
        else:
            waits.append((arrived, now - arrived))
            now += 0.01
        arrived += 0.01 / times
    assert len(waits) > 0.9 * 20 * 100 * (1 - 0.05 * times)
    assert max(wait for _, wait in waits) < 0.9
    bound_s = 0.21 if method == "INVITE" else 0.41
    assert max(wait for at, wait in waits if at > 2.0) < bound_s


def test_an_old_lateness_says_nothing() -> None:
    overload = behind(1.0, 3.0)
    assert refused(overload, 1.0 + KNOWN_S / 2) == (True, True, False)
    assert refused(overload, 1.0 + KNOWN_S) == (False, False, False)


def test_a_burst_is_told_once_with_its_numbers() -> None:
    now = 10.0
    overload = behind(now, 0.45)
    for number in range(300):
        now += 0.01
        overload.observe(0.45, now)
        method = "REGISTER" if number % 3 == 0 else "INVITE"
        assert overload.refuses(method, now)
        overload.refused(method, f"192.0.2.{number % 2}", now)
        assert overload.tell(now) is None
    assert overload.shortage(now).startswith("200 calls and 100 registrations were")
    assert overload.tell(now + BURST_ENDS_S - 0.1) is None
    told = overload.tell(now + BURST_ENDS_S)
    assert told is not None
    assert (told.code, told.rule, told.method) == (503, Rule.OVERLOADED, "INVITE")
    assert told.source_address == "many sources"
    assert "Within 3 s 200 calls and 100 registrations were refused with 503" in told.advice
    assert "up to 450 ms behind" in told.advice
    assert overload.tell(now + 60) is None
    assert overload.shortage(now + 60) == told.advice
    assert overload.shortage(now + 70) == ""


def test_a_burst_of_one_source_names_it_and_a_long_one_is_told_meanwhile() -> None:
    overload = behind(5.0, 0.3)
    overload.refused("INVITE", "192.0.2.1", 5.0)
    overload.refused("INVITE", "192.0.2.1", 5.0 + LONGEST_BURST_S)
    told = overload.tell(5.0 + LONGEST_BURST_S)
    assert told is not None
    assert told.source_address == "192.0.2.1"
    overload.refused("REGISTER", "192.0.2.1", 70.0)
    last = overload.tell(70.0, at_once=True)
    assert last is not None
    assert (last.method, last.advice[:40]) == (
        "REGISTER",
        "Within 1 s 1 registration was refused wi",
    )


def test_an_invite_that_was_refused_rings_nobody_when_it_comes_again() -> None:
    overload = behind(1.0, 0.0)
    assert not overload.refuses("INVITE", 1.0 - STANDS_S, waited_s=0.3, key=6)
    assert overload.refuses("INVITE", 1.0, waited_s=0.3, key=7)
    overload.refused("INVITE", "192.0.2.1", 1.0, key=7)
    assert overload.refuses("INVITE", 1.5, key=7), "its 503 is on the way"
    overload.refused("INVITE", "192.0.2.1", 1.5, key=7)
    assert not overload.refuses("INVITE", 1.5, key=8)
    told = overload.tell(2.0, at_once=True)
    assert told is not None
    assert "1 call was refused with 503 because the engine was up to 300 ms behind" in told.advice
    assert not overload.refuses("INVITE", 1.0 + REPEATED_S, key=7)


def test_what_is_known_of_refused_invites_is_bounded() -> None:
    overload = Overload()
    for key in range(MOST_REFUSED + 10):
        overload.refused("INVITE", "192.0.2.1", 1.0, key=key)
    assert not overload.refuses("INVITE", 1.0, key=9)
    assert overload.refuses("INVITE", 1.0, key=10)
