"""A callee's device that answers 3xx: who is asked, who is rung instead, and what is told."""

import dataclasses

from callengine.core import effects as fx
from callengine.core.events import LegAnswered, LegMatched, RedirectDecided
from callengine.core.machine import CallMachine
from callengine.core.orders import LegOrder
from tests.callengine.core.machines import (
    CAROL,
    ended,
    kinds,
    order,
    redirected,
    ringing,
    started,
)


def test_a_redirect_is_asked_about_and_rung_instead():
    machine = ringing()
    effects = machine.handle(redirected(), 5.0)
    assert fx.RedirectWanted("B", 302, ("sip:carol@here",)) in effects
    assert kinds(effects) == ["RedirectWanted"]
    effects = machine.handle(RedirectDecided("B", (CAROL,)), 5.1)
    assert [(e.leg.name, e.codecs) for e in effects if isinstance(e, fx.Dial)] == [
        ("B5", ("PCMA",))
    ]
    assert fx.AnswerCaller() in machine.handle(LegAnswered("B5"), 6.0)


def suiting() -> CallMachine:
    """The caller was answered for another callee than the one that answered."""
    machine = ringing()
    machine.handle(redirected(), 5.0)
    machine.handle(RedirectDecided("B", (dataclasses.replace(CAROL, vn_a=("PCMA",)),)), 5.1)
    return machine


def test_a_caller_answered_for_the_first_callee_is_made_to_suit_the_new_one():
    machine = suiting()
    effects = machine.handle(LegAnswered("B5"), 6.0)
    assert kinds(effects)[-2:] == ["AnswerCaller", "MatchLeg"]
    assert machine.handle(LegMatched("A", True, 200), 6.1) == []
    assert machine.handle(LegMatched("A", False, 488), 6.2) == []


def test_a_caller_that_refuses_the_new_callees_list_is_let_go():
    machine = suiting()
    machine.handle(LegAnswered("B5"), 6.0)
    machine.handle(LegMatched("A", False, 488), 6.1)
    assert machine.termination.reason == "no-common-codec-caller"
    assert "Carol asks for PCMA" in machine.termination.advice


def test_a_redirect_that_is_not_followed_names_code_contact_and_reason():
    machine = ringing()
    machine.handle(redirected(), 5.0)
    effects = machine.handle(RedirectDecided("B", (), "it is a stranger"), 5.1)
    decline = next(e for e in effects if isinstance(e, fx.DeclineCaller))
    assert decline.code == 480
    end = machine.termination
    assert (end.by, end.reason, end.code) == ("callee", "callee-redirected", 480)
    assert "answered 302 and named sip:carol@here; that was not followed: it is a" in end.advice


def test_a_redirect_waits_for_the_phones_that_still_ring():
    machine = started(("B", "B2"))
    assert kinds(machine.handle(redirected(), 1.0)) == []
    assert kinds(machine.handle(ended("B2", 486), 2.0)) == ["RedirectWanted"]
    machine.handle(RedirectDecided("B", (CAROL,)), 2.1)
    machine.handle(ended("B5", 480), 3.0)
    assert machine.termination.code == 486


def test_an_answer_beats_a_redirect_and_a_decline_everywhere_ends_it():
    machine = started(("B", "B2"))
    machine.handle(redirected(), 1.0)
    assert fx.AnswerCaller() in machine.handle(LegAnswered("B2"), 2.0)
    machine = started(("B", "B2"))
    machine.handle(redirected(), 1.0)
    machine.handle(ended("B2", 603), 2.0)
    assert machine.termination.reason == "callee-declined"


def test_a_redirect_refused_goes_on_with_the_next_wave():
    machine = started(("B",), ("B2",))
    machine.handle(redirected(), 1.0)
    effects = machine.handle(RedirectDecided("B", (), "no"), 1.1)
    assert [e.leg.name for e in effects if isinstance(e, fx.Dial)] == ["B2"]


def test_decisions_that_come_late_or_twice_change_nothing():
    machine = ringing()
    machine.handle(redirected(), 5.0)
    machine.handle(ended("A", 487), 5.1)
    assert machine.handle(RedirectDecided("B", (CAROL,)), 5.2) == []
    machine = ringing()
    machine.handle(redirected(), 5.0)
    machine.handle(RedirectDecided("B", (CAROL,)), 5.2)
    assert machine.handle(RedirectDecided("B", (CAROL,)), 5.3) == []


def test_a_redirect_to_a_number_that_has_been_called_is_not_followed():
    """It ended the call's process."""
    abroad = dataclasses.replace(CAROL, dialled="+442079460000")
    machine = CallMachine(dataclasses.replace(order(("B",)), waves=(abroad,)), now=0.0)
    machine.start()
    machine.handle(redirected("B5"), 1.0)
    again = dataclasses.replace(abroad, legs=(LegOrder("B6", "t6", label="Carol"),))
    effects = machine.handle(RedirectDecided("B5", (again,)), 1.1)
    assert not [effect for effect in effects if isinstance(effect, fx.Dial)]
    assert machine.termination.reason == "callee-redirected"
    assert "was not followed: that number has been called already" in machine.termination.advice
