"""Who gets a call slot: tables of the rule, and the count of calls begun lately."""

import pytest

from callengine.core.capacity import (
    MAX_SOURCES,
    CapacityLimits,
    Load,
    RecentCalls,
    shortage,
)
from callengine.core.directory import ConnectionEntry, Source, TrunkEntry

LIMITS = CapacityLimits(
    max_calls=100,
    reserved_calls=10,
    external_calls=20,
    external_calls_per_minute=60,
    trunk_calls_per_minute=6000,
)
ALICE = Source("connection", "192.0.2.1", connection=ConnectionEntry("alice", "Alice"))
CARRIER = Source("trunk", "192.0.2.2", trunk=TrunkEntry("carrier"))
STRANGER = Source("external", "192.0.2.3")


@pytest.mark.parametrize(
    ("source", "load", "rule"),
    [
        (STRANGER, Load(0, 0, 0), ""),
        (STRANGER, Load(19, 19, 59), ""),
        (STRANGER, Load(20, 20, 20), "external-calls-reached"),
        (STRANGER, Load(89, 0, 0), ""),
        (STRANGER, Load(90, 0, 0), "reserved-for-authenticated"),
        (STRANGER, Load(99, 0, 0), "reserved-for-authenticated"),
        (STRANGER, Load(100, 0, 0), ""),
        (STRANGER, Load(3, 1, 60), "calls-per-minute-reached"),
        (CARRIER, Load(99, 99, 3600), ""),
        (CARRIER, Load(3, 1, 6000), "calls-per-minute-reached"),
        (ALICE, Load(99, 99, 9999), ""),
    ],
)
def test_who_may_begin_a_call(source: Source, load: Load, rule: str) -> None:
    found = shortage(source, load, LIMITS)
    assert (found.rule if found else "") == rule
    if found is not None:
        assert found.code == 503
        assert "VOIPNUMBER_" in found.advice
        assert found.retry_after_s > 0


def test_a_small_engine_may_reserve_nothing() -> None:
    limits = CapacityLimits(1, 0, 20, 60, 6000)
    assert shortage(STRANGER, Load(0, 0, 0), limits) is None
    assert shortage(STRANGER, Load(1, 1, 1), limits) is None, "the pool says that it is full"


def test_calls_of_the_last_minute_slide() -> None:
    recent = RecentCalls(3)
    for now in (0.0, 10.0, 20.0):
        recent.note("a", now)
    assert [recent.count("a", now) for now in (20.0, 59.9, 60.0, 70.0, 80.0)] == [3, 3, 2, 1, 0]
    assert recent.count("b", 20.0) == 0


def test_sources_without_number_are_forgotten_the_oldest_first() -> None:
    recent = RecentCalls(3)
    for number in range(MAX_SOURCES + 5):
        recent.note(str(number), 1.0)
    assert recent.count("0", 1.0) == 0
    assert recent.count(str(MAX_SOURCES), 1.0) == 1
