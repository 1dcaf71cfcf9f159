"""The call state machine: calls that fail, and whose fault that is said to be."""

import dataclasses

import pytest

from callengine.core import effects as fx
from callengine.core.events import (
    DialFailed,
    LegEnded,
    LegFailed,
)
from callengine.core.machine import CallMachine
from callengine.core.orders import LegOrder, WaveOrder
from tests.callengine.core.machines import (
    ended,
    kinds,
    order,
    ringing,
    started,
    talking,
    termination,
)


@pytest.mark.parametrize(
    ("code", "shown", "reason"),
    [
        (486, 486, "callee-busy"),
        (600, 600, "callee-busy"),
        (603, 603, "callee-declined"),
        (480, 480, "callee-unavailable"),
        (404, 404, "callee-not-found"),
        (408, 408, "callee-unreachable"),
        (488, 488, "no-common-codec-callee"),
        (606, 488, "no-common-codec-callee"),
        (401, 503, "callee-challenged"),
        (407, 503, "callee-challenged"),
        (500, 500, "callee-failed"),
        (503, 503, "callee-unreachable"),
    ],
)
def test_a_callees_final_code_reaches_the_caller(code, shown, reason):
    machine = ringing()
    effects = machine.handle(ended("B", code), 5.0)
    decline = next(e for e in effects if isinstance(e, fx.DeclineCaller))
    assert decline.code == shown
    assert decline.reason.startswith("Q.850;cause=")
    assert termination(machine.handle(ended("A", shown, by_peer=False), 5.1)) == (
        "callee",
        reason,
        shown,
    )


@pytest.mark.parametrize(
    ("leg", "reason"),
    [
        (LegOrder("B", "t", label="Carrier", trunk="c", username="u"), "trunk-credentials-refused"),
        (LegOrder("B", "t", label="Carrier", trunk="c"), "trunk-credentials-missing"),
        (LegOrder("B", "t", label="Bob"), "callee-challenged"),
    ],
)
def test_whose_credentials_are_meant_by_a_challenge(leg, reason):
    machine = CallMachine(
        dataclasses.replace(order(), waves=(WaveOrder((leg,), ("PCMU",), ("PCMU",)),)), now=0.0
    )
    machine.start()
    machine.handle(ended("B", 407), 1.0)
    assert machine.termination.reason == reason
    assert "trunk" in machine.termination.advice or reason == "callee-challenged"


@pytest.mark.parametrize(
    ("leg", "code", "by_peer", "reason", "words"),
    [
        ("A", 200, True, "caller-hung-up", "The caller hung up: a normal end."),
        ("B", 200, True, "callee-hung-up", "Phone B hung up: a normal end."),
        ("A", 481, True, "caller-lost", "did not know the call any more (481)"),
        ("B", 408, False, "callee-lost", "Phone B stopped answering (408 why)"),
        ("B", 500, True, "callee-lost", "Phone B answered 500 why inside the call"),
        ("A", 488, False, "caller-lost", "The caller described audio that could not be used"),
    ],
)
def test_hanging_up_is_told_from_getting_lost(leg, code, by_peer, reason, words):
    machine = talking()
    machine.handle(ended(leg, code, by_peer=by_peer), 130.0)
    assert machine.termination.reason == reason
    assert words in machine.termination.advice


def test_a_leg_that_our_side_gives_up_is_the_engines_fault():
    for leg, name in (("A", "the caller"), ("B", "Phone B")):
        machine = talking()
        machine.handle(ended(leg, 500, by_peer=False), 130.0)
        end = machine.termination
        assert (end.by, end.reason, end.code) == ("engine", "leg-failed", 500)
        assert f"could not go on with the leg of {name} (500 why)" in end.advice


@pytest.mark.parametrize("leg", ["A", "B"])
@pytest.mark.parametrize("begin", ["started", "ringing", "talking"])
def test_a_leg_that_our_side_fails_with_ends_the_call(begin, leg):
    machine = {"started": started, "ringing": ringing, "talking": talking}[begin]()
    effects = machine.handle(LegFailed(leg, "onCallState"), 130.0)
    end = machine.termination
    assert (end.by, end.reason, end.code) == ("engine", "leg-failed", 500)
    name = "the caller" if leg == "A" else "Phone B"
    assert f"could not go on with the leg of {name}: onCallState failed." in end.advice
    assert {e.leg for e in effects if isinstance(e, fx.EndLeg)} | {"A"} == {"A", "B"}
    assert machine.handle(LegFailed(leg, "onCallState"), 131.0) == []
    machine.handle(ended("A"), 131.0)
    assert machine.handle(ended("B"), 131.0) == [fx.Finish(end)]


def test_a_leg_that_our_side_cannot_dial_is_the_engines_fault():
    machine = started()
    machine.handle(DialFailed("B", "too many calls"), 1.0)
    end = machine.termination
    assert (end.by, end.reason, end.code) == ("engine", "dial-failed", 500)
    assert "Phone B was not rung" in end.advice


@pytest.mark.parametrize("code", [487, 200])
def test_a_cancel_or_a_bye_before_the_answer_is_the_caller_giving_up(code):
    machine = ringing()
    machine.handle(ended("A", code), 5.0)
    end = machine.termination
    assert (end.by, end.reason, end.code) == ("caller", "caller-cancelled", 487)


@pytest.mark.parametrize("code", [488, 422, 500])
def test_our_own_refusal_of_an_invite_is_not_the_caller_giving_up(code):
    machine = ringing()
    machine.handle(ended("A", code, by_peer=False), 5.0)
    end = machine.termination
    assert (end.by, end.reason, end.code) == ("engine", "invite-not-accepted", code)
    machine = ringing()
    machine.handle(ended("A", 487), 5.0)
    assert machine.termination.reason == "caller-cancelled"


def test_what_the_edge_found_is_told_instead_of_an_answer_nobody_gave():
    machine = ringing()
    gone = LegEnded(
        "B", 503, "Service Unavailable", by_peer=False, unreachable="its connection is gone"
    )
    machine.handle(gone, 5.0)
    assert machine.termination.reason == "callee-unreachable"
    assert "could not be reached: its connection is gone" in machine.termination.advice


def test_a_busy_phone_is_told_of_only_when_the_others_have_failed_too():
    machine = started(("B", "B2"))
    assert kinds(machine.handle(ended("B", 486), 1.0)) == []
    effects = machine.handle(ended("B2", 503), 2.0)
    assert next(e for e in effects if isinstance(e, fx.DeclineCaller)).code == 486


def test_a_global_failure_stops_the_other_phones():
    machine = started(("B", "B2"))
    effects = machine.handle(ended("B", 603), 1.0)
    assert [e.leg for e in effects if isinstance(e, fx.EndLeg)] == ["B2"]
    assert next(e for e in effects if isinstance(e, fx.DeclineCaller)).code == 603


def test_the_next_gateway_is_tried_when_one_fails():
    machine = started(("B",), ("B2",))
    effects = machine.handle(ended("B", 503), 1.0)
    assert [e.leg.name for e in effects if isinstance(e, fx.Dial)] == ["B2"]


def test_nobody_answers():
    machine = ringing()
    assert machine.next_deadline() == 130.0
    effects = machine.tick(130.0)
    assert next(e for e in effects if isinstance(e, fx.DeclineCaller)) == fx.DeclineCaller(
        480, "Q.850;cause=19"
    )
    assert [e.leg for e in effects if isinstance(e, fx.EndLeg)] == ["B"]
    machine.handle(ended("B", 487, by_peer=False), 130.1)
    assert termination(machine.handle(ended("A", 480, by_peer=False), 130.2)) == (
        "engine",
        "no-answer",
        480,
    )
