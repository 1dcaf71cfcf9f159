"""Whose next call is to be recorded: asked for once, by the last who asked, and not too late."""

import datetime as dt

import pytest

from callengine.engine.captures.wanted import WantedCaptures
from callengine.record.captures import CaptureOrder

SOON = dt.timedelta(hours=1)


def asked(
    key: str, party: str = "connection:bob", lasts: dt.timedelta | None = SOON
) -> CaptureOrder:
    until = dt.datetime.now(dt.UTC) + lasts if lasts is not None else None
    return CaptureOrder(
        key, call="", party=party, by="ann", whole=False, max_s=60, max_bytes=1000, until=until
    )


@pytest.fixture
def wanted() -> WantedCaptures:
    return WantedCaptures()


def test_a_call_of_either_party_is_meant_and_of_nobody_else(wanted: WantedCaptures) -> None:
    wanted.add(order := asked("1"))
    assert wanted.take({"connection:ann", "connection:eve"}) is None
    assert wanted.take(set()) is None
    assert wanted.take({"connection:ann", "connection:bob"}) is order


def test_one_call_is_recorded_and_not_the_next(wanted: WantedCaptures) -> None:
    wanted.add(asked("1"))
    assert wanted.take({"connection:bob"}) is not None
    assert "connection:bob" not in wanted
    assert wanted.take({"connection:bob"}) is None


def test_the_last_that_was_asked_for_of_a_party_is_meant(wanted: WantedCaptures) -> None:
    wanted.add(asked("1"))
    wanted.add(order := asked("2"))
    assert wanted.take({"connection:bob"}) is order


@pytest.mark.parametrize("lasts", [-SOON, None])
def test_a_call_that_comes_too_late_is_not_recorded_and_ends_the_wait(
    wanted: WantedCaptures, lasts: dt.timedelta | None
) -> None:
    wanted.add(asked("1", lasts=lasts))
    assert wanted.take({"connection:bob"}) is None
    assert "connection:bob" not in wanted


def test_what_was_called_off_is_waited_for_no_more_and_the_rest_is(wanted: WantedCaptures) -> None:
    wanted.add(asked("1"))
    wanted.add(other := asked("2", party="connection:ann"))
    wanted.forget("1")
    assert wanted.take({"connection:bob"}) is None
    wanted.forget("unheard of")
    assert wanted.take({"connection:ann"}) is other
