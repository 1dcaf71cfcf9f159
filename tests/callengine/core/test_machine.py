"""The call state machine: every state, every event, crossings and duplicates, no clock."""

import dataclasses

import pytest

from callengine.core import effects as fx
from callengine.core.attempts import CLEARING_TIMEOUT_S
from callengine.core.events import (
    AnswerOrdered,
    DigitReceived,
    HangUpOrdered,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegProgress,
)
from callengine.core.machine import CallMachine
from callengine.core.orders import LegOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.states import CallState
from tests.callengine.core.machines import (
    ended,
    hung_up,
    kinds,
    order,
    ringing,
    started,
    talking,
    termination,
)


def test_the_callee_is_dialled_with_its_own_list():
    effects = CallMachine(order(("B",)), now=0.0).start()
    assert [(e.leg.name, e.codecs) for e in effects if isinstance(e, fx.Dial)] == [
        ("B", ("G722", "PCMU"))
    ]


def test_a_call_rings_is_answered_bridged_and_ended_by_the_caller():
    machine = started()
    assert kinds(machine.handle(LegProgress("B", 180, early_media=False), 1.0)) == [
        "StateChanged",
        "RingCaller",
    ]
    assert kinds(machine.handle(LegAnswered("B"), 2.0)) == [
        "StateChanged",
        "Bridge",
        "AnswerCaller",
    ]
    effects = machine.handle(ended("A"), 9.0)
    assert kinds(effects) == ["StateChanged", "EndLeg"]
    assert termination(machine.handle(ended("B"), 9.1)) == ("caller", "caller-hung-up", 200)


def test_the_callee_may_hang_up_too():
    machine = talking()
    machine.handle(ended("B"), 5.0)
    assert termination(machine.handle(ended("A"), 5.1)) == ("callee", "callee-hung-up", 200)


def test_ringing_is_told_once():
    machine = ringing()
    assert machine.handle(LegProgress("B", 180, early_media=False), 3.0) == []


def test_trying_is_not_ringing():
    machine = started()
    assert machine.handle(LegProgress("B", 100, early_media=False), 1.0) == []
    assert machine.state is CallState.TRYING


def test_early_media_of_a_single_callee_reaches_the_caller():
    machine = started()
    effects = machine.handle(LegProgress("B", 183, early_media=True), 1.0)
    assert fx.RingCaller(183, "B") in effects
    assert machine.state is CallState.EARLY_MEDIA


def test_early_media_of_one_among_several_is_only_ringing():
    machine = started(("B", "B2"))
    effects = machine.handle(LegProgress("B", 183, early_media=True), 1.0)
    assert fx.RingCaller(180, None) in effects


@pytest.mark.parametrize("told_first", [False, True])
def test_early_media_that_is_held_back_is_told_as_ringing(told_first: bool) -> None:
    quiet = LegOrder("B", "tB", label="Phone B", holds_back_early_media=True)
    wave = WaveOrder((quiet,), ("OPUS",), ("G722",))
    machine = CallMachine(dataclasses.replace(order(("B",)), waves=(wave,)), 0.0)
    machine.start()
    effects = []
    for early_media in (not told_first, True, True):
        effects += machine.handle(LegProgress("B", 183, early_media=early_media), 1.0)
    assert [effect for effect in effects if isinstance(effect, fx.RingCaller)] == [
        fx.RingCaller(180, None)
    ]
    assert [effect.text for effect in effects if isinstance(effect, fx.Note)] == [
        "Phone B is ringing.",
        "Phone B sends early media, which is held back: the caller hears ringing.",
    ]
    assert machine.state is CallState.RINGING


def test_the_first_of_several_to_answer_wins_and_the_others_stop_ringing():
    machine = started(("B", "B2", "B3"))
    effects = machine.handle(LegAnswered("B2"), 1.0)
    assert [e.leg for e in effects if isinstance(e, fx.EndLeg)] == ["B", "B3"]
    assert fx.Bridge("B2") in effects
    assert kinds(machine.handle(LegAnswered("B3"), 1.01)) == ["EndLeg"]
    assert machine.handle(ended("B", 487), 1.1) == []
    assert machine.state is CallState.ANSWERED


def test_the_next_phones_ring_for_their_own_time_while_the_caller_hears_ringing():
    machine = started(("B",), ("B2",))
    machine.handle(LegProgress("B", 180, early_media=False), 101.0)
    assert hung_up(machine.tick(130.0)) == ["B"]
    machine.handle(ended("B", 487, by_peer=False), 130.1)
    effects = machine.tick(machine.next_deadline())
    assert [e.leg.name for e in effects if isinstance(e, fx.Dial)] == ["B2"]
    assert machine.next_deadline() == 161.0
    assert machine.state is CallState.RINGING
    assert fx.Bridge("B2") in machine.handle(LegAnswered("B2"), 160.0)


def test_the_caller_cancels():
    machine = ringing()
    effects = machine.handle(ended("A", 487), 5.0)
    assert [e.leg for e in effects if isinstance(e, fx.EndLeg)] == ["B"]
    assert termination(machine.handle(ended("B", 487), 5.1)) == ("caller", "caller-cancelled", 487)


def test_an_answer_that_crosses_the_cancel_is_hung_up():
    machine = ringing()
    machine.handle(ended("A", 487), 5.0)
    assert kinds(machine.handle(LegAnswered("B"), 5.05)) == ["EndLeg"]
    assert termination(machine.handle(ended("B"), 5.1)) == ("caller", "caller-cancelled", 487)


def test_hold_and_resume_change_the_state_and_a_duplicate_changes_nothing():
    machine = talking()
    assert fx.StateChanged("held") in machine.handle(HoldChanged("A", held=True), 3.0)
    assert machine.handle(HoldChanged("A", held=True), 3.1) == []
    machine.handle(HoldChanged("B", held=True), 3.2)
    machine.handle(HoldChanged("A", held=False), 4.0)
    assert machine.state is CallState.HELD
    assert fx.StateChanged("answered") in machine.handle(HoldChanged("B", held=False), 5.0)


@pytest.mark.parametrize(("leg", "other"), [("A", "B"), ("B", "A")])
def test_keys_are_passed_across_and_kept_out_of_the_record(leg, other):
    effects = talking().handle(DigitReceived(leg, "7"), 3.0)
    assert fx.SendDigit(other, "7") in effects
    (note,) = (effect for effect in effects if isinstance(effect, fx.Note))
    assert "7" not in note.text


def test_keys_before_the_answer_go_nowhere():
    assert ringing().handle(DigitReceived("A", "7"), 3.0) == []


@pytest.mark.parametrize("make", [started, ringing, talking])
def test_an_operator_may_hang_up_in_any_state(make):
    machine = make()
    effects = machine.handle(HangUpOrdered("operator", "operator-hung-up", 200, "x"), 4.0)
    legs = {e.leg for e in effects if isinstance(e, fx.EndLeg)}
    declined = any(isinstance(e, fx.DeclineCaller) for e in effects)
    assert legs | ({"A"} if declined else set()) == {"A", "B"}
    machine.handle(ended("A", 480, by_peer=False), 4.1)
    assert termination(machine.handle(ended("B", 487, by_peer=False), 4.2)) == (
        "operator",
        "operator-hung-up",
        200,
    )


def test_a_call_ends_once_however_many_reasons_come():
    machine = talking()
    machine.handle(ended("A"), 5.0)
    assert machine.handle(HangUpOrdered("operator", "operator-hung-up", 200, "x"), 5.0) == []
    assert termination(machine.handle(ended("B"), 5.1)) == ("caller", "caller-hung-up", 200)
    assert machine.handle(ended("B"), 5.2) == []


def test_a_leg_that_never_confirms_its_end_does_not_keep_the_call_open():
    machine = talking()
    machine.handle(ended("A"), 5.0)
    assert machine.next_deadline() == 5.0 + CLEARING_TIMEOUT_S
    assert termination(machine.tick(5.0 + CLEARING_TIMEOUT_S))[1] == "caller-hung-up"


def test_a_call_has_a_longest_duration():
    machine = talking()
    machine.tick(102.0 + 3600.0)
    assert machine.termination is not None
    assert machine.termination.reason == "max-duration"


def test_a_party_that_stops_answering_is_told_from_one_that_hangs_up():
    machine = talking()
    machine.handle(ended("B", 408, by_peer=False), 5.0)
    assert termination(machine.handle(ended("A"), 5.1)) == ("callee", "callee-lost", 408)


@pytest.mark.parametrize(("leg", "who"), [("A", "The caller"), ("B", "Phone B")])
def test_a_session_that_nobody_refreshed_ends_with_its_own_reason(leg, who):
    machine = talking()
    gone = LegEnded(leg, 408, "No session refresh received.", by_peer=False, is_expired=True)
    machine.handle(gone, 200.0)
    end = machine.termination
    assert (end.by, end.reason, end.code) == ("engine", "session-expired", 408)
    assert end.advice.startswith(f"{who} was to refresh the session")


def test_a_caller_answered_for_a_pick_up_waits_for_it_and_no_longer() -> None:
    missed = Termination("engine", Reason.TRANSFER_FAILED, 480, "Nobody took it over.")
    machine = started(("B", "C"))
    effects = machine.handle(AnswerOrdered(15.0, missed), 101.0)
    assert kinds(effects) == ["EndLeg", "EndLeg", "StateChanged", "AnswerCaller"]
    assert machine.callee is None
    # A 200 that crosses our CANCEL does not get the caller any more.
    assert hung_up(machine.handle(LegAnswered("B"), 101.1)) == ["B"]
    for leg in "BC":
        assert machine.handle(ended(leg, 487), 101.2) == []
    assert machine.next_deadline() == 116.0
    assert hung_up(machine.tick(116.0)) == ["A"]
    assert termination(machine.handle(ended("A"), 116.1)) == ("engine", "transfer-failed", 480)


def test_a_pick_up_of_a_ringing_call_changes_nothing_once_it_is_answered() -> None:
    missed = Termination("engine", Reason.TRANSFER_FAILED, 480, "Nobody took it over.")
    machine = talking()
    assert machine.handle(AnswerOrdered(15.0, missed), 103.0) == []
    assert machine.callee == "B"
    assert machine.next_deadline() == 102.0 + 3600.0


def test_a_call_that_is_forwarded_or_queued_there_is_passed_on_as_that_and_does_not_ring():
    machine = started()
    effects = []
    for code in (181, 181, 182, 199):
        effects += machine.handle(LegProgress("B", code, early_media=False), 1.0)
    assert [e for e in effects if not isinstance(e, fx.Note)] == [
        fx.RingCaller(181, None),
        fx.RingCaller(182, None),
    ]
    assert machine.state is CallState.TRYING
