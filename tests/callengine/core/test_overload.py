"""Who is refused when the engine is behind, by a clock of the test's."""

from callengine.core.overload import (
    BURST_ENDS_S,
    KNOWN_S,
    LONGEST_BURST_S,
    MOST_REFUSED,
    REPEATED_S,
    Overload,
)
from callengine.core.reasons import Rule


def refused(overload: Overload, now: float, **more: float) -> tuple[bool, bool, bool]:
    """Tell whether a call, a registration, and what belongs to a call are refused."""
    ask = (overload.refuses(method, now, **more) for method in ("INVITE", "REGISTER", "BYE"))
    call, registration, other = ask
    return call, registration, other


def test_calls_are_refused_first_then_registrations_and_never_what_is_up() -> None:
    overload = Overload()
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


def test_what_waits_for_a_call_process_counts_as_late() -> None:
    overload = Overload()
    overload.observe(0.0, 1.0)
    assert refused(overload, 1.0, waited_s=0.3) == (True, False, False)
    assert refused(overload, 1.1, waited_s=0.15) == (True, False, False)
    assert refused(overload, 1.2, waited_s=0.05) == (False, False, False)


def test_an_old_lateness_says_nothing() -> None:
    overload = Overload()
    overload.observe(3.0, 1.0)
    assert refused(overload, 1.0 + KNOWN_S / 2) == (True, True, False)
    assert refused(overload, 1.0 + KNOWN_S) == (False, False, False)


def test_a_burst_is_told_once_with_its_numbers() -> None:
    overload, now = Overload(), 10.0
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
    overload = Overload()
    overload.observe(0.3, 5.0)
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
    overload = Overload()
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
