"""Legs that are confirmed and have no audio: who is told what, and who is tried next."""

import dataclasses

import pytest

from callengine.core import effects as fx
from callengine.core.events import LegAnswered, LegEnded, LegProgress, LegWithoutMedia
from callengine.core.states import CallState
from tests.callengine.core.machines import ended, kinds, started, talking, termination

WHY = "answered with no session description (SDP). Look at it."


def unheard(leg: str) -> LegEnded:
    return dataclasses.replace(ended(leg, 488, by_peer=False), why=WHY)


def test_after_a_gateway_that_sent_early_media_in_vain_the_next_one_is_heard() -> None:
    """The caller's device plays no ringing any more: it heard nothing until the answer."""
    machine = started(("B",), ("B2",), ("B3",))
    machine.handle(LegProgress("B", 183, early_media=True), 101.0)
    machine.handle(ended("B", 503), 102.0)
    rings = machine.handle(LegProgress("B2", 180, early_media=False), 103.0)
    assert rings == [fx.Note("ringing", "B2", "Phone B2 is ringing."), fx.PlayRinging("A")]
    assert machine.handle(LegProgress("B2", 180, early_media=False), 103.1) == []
    speaks = machine.handle(LegProgress("B2", 183, early_media=True), 104.0)
    assert speaks[1:] == [fx.Bridge("B2")]
    assert machine.audio_expected_since("B2")
    assert machine.handle(LegProgress("B2", 183, early_media=True), 104.1) == []
    machine.handle(ended("B2", 503), 105.0)
    assert fx.PlayRinging("A") in machine.handle(LegProgress("B3", 180, early_media=False), 106.0)
    assert machine.state is CallState.EARLY_MEDIA
    assert fx.Bridge("B3") in machine.handle(LegAnswered("B3"), 107.0)


def test_a_caller_without_media_ends_the_call_for_both() -> None:
    machine = talking()
    effects = machine.handle(LegWithoutMedia("A"), 103.0)
    assert [(e.leg, e.code) for e in effects if isinstance(e, fx.EndLeg)] == [
        ("A", 488),
        ("B", 488),
    ]
    assert {e.reason for e in effects if isinstance(e, fx.EndLeg)} == {"Q.850;cause=88"}
    machine.handle(ended("A"), 103.1)
    final = machine.handle(ended("B"), 103.2)
    assert termination(final) == ("caller", "caller-without-media", 488)
    assert machine.handle(LegWithoutMedia("A"), 103.3) == []


def test_a_callee_without_media_is_hung_up_and_blamed() -> None:
    machine = started()
    effects = machine.handle(LegWithoutMedia("B"), 101.0)
    assert effects == [fx.EndLeg("B", 488, "Q.850;cause=88")]
    effects = machine.handle(unheard("B"), 101.1)
    assert fx.Note("attempt-failed", "B", f"Phone B {WHY}") in effects
    assert fx.DeclineCaller(488, "Q.850;cause=88") in effects
    final = machine.handle(ended("A", 488), 101.2)
    assert termination(final) == ("callee", "callee-without-media", 488)
    assert machine.termination is not None
    assert machine.termination.advice == f"Phone B {WHY}"


def test_the_next_target_is_tried_after_a_callee_without_media() -> None:
    machine = started(("B",), ("B2",))
    machine.handle(LegWithoutMedia("B"), 101.0)
    assert kinds(machine.handle(unheard("B"), 101.1)) == ["Dial"]
    machine.handle(ended("B2", 486), 105.0)
    assert machine.termination is not None
    assert machine.termination.reason == "callee-busy"


@pytest.mark.parametrize(("first", "second"), [("B", "B2"), ("B2", "B")])
def test_of_several_failures_the_words_are_of_the_one_the_caller_hears_of(
    first: str, second: str
) -> None:
    machine = started(("B", "B2"))
    events = {"B": unheard("B"), "B2": ended("B2", 480)}
    machine.handle(events[first], 101.0)
    machine.handle(events[second], 101.1)
    assert machine.termination is not None
    assert machine.termination.reason == "callee-without-media"


def test_a_leg_that_is_gone_is_not_hung_up_again() -> None:
    machine = started(("B", "B2"))
    machine.handle(unheard("B"), 101.0)
    assert machine.handle(LegWithoutMedia("B"), 101.1) == []
    assert machine.handle(LegWithoutMedia("X"), 101.1) == []
    assert "Bridge" in kinds(machine.handle(LegAnswered("B2"), 102.0))
