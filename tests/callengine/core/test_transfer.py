"""Transfers in the call state machine: every state, every event, crossings, no clock."""

import pytest

from callengine.core import effects as fx
from callengine.core.attempts import REST_S
from callengine.core.events import (
    DigitReceived,
    Event,
    HangUpOrdered,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegMatched,
    LegProgress,
    TransferOrdered,
)
from callengine.core.machine import CallMachine
from callengine.core.orders import LegOrder, TransferOrder, WaveOrder
from callengine.core.states import CallState
from callengine.core.transfer import MATCH_TIMEOUT_S
from tests.callengine.core.machines import (
    ended,
    hung_up,
    kinds,
    ringing,
    started,
    talking,
    termination,
)

FORCED = ("PCMU", "PCMA")


def transfer(*waves: tuple[str, ...], ring_timeout_s: float = 20.0) -> TransferOrdered:
    legs = [tuple(LegOrder(name, f"t{name}", label=f"Phone {name}") for name in w) for w in waves]
    orders = tuple(WaveOrder(wave, FORCED, ("PCMA",)) for wave in legs)
    return TransferOrdered(TransferOrder("c", "1001", "olga", orders, ring_timeout_s))


def transferring(*waves: tuple[str, ...]) -> CallMachine:
    machine = talking()
    machine.handle(transfer(*(waves or (("B2",),))), 110.0)
    return machine


def matching() -> CallMachine:
    machine = transferring()
    machine.handle(LegAnswered("B2"), 112.0)
    return machine


def waiting() -> CallMachine:
    """The callee has left, and the caller waits for the target."""
    machine = transferring()
    machine.handle(ended("B"), 111.0)
    return machine


def transferred() -> CallMachine:
    machine = matching()
    machine.handle(LegMatched("A", True, 200), 112.1)
    return machine


def note(effects: list[fx.Effect], kind: str) -> str:
    return next(e.text for e in effects if isinstance(e, fx.Note) and e.kind == kind)


def test_the_target_is_dialled_and_the_parties_go_on():
    machine = talking()
    effects = machine.handle(transfer(("B2",)), 110.0)
    assert [(e.leg.name, e.codecs) for e in effects if isinstance(e, fx.Dial)] == [
        ("B2", ("PCMA",))
    ]
    assert kinds(effects) == ["Dial"]
    assert (machine.state, machine.callee) == (CallState.ANSWERED, "B")


def test_the_targets_ringing_is_told_once_and_does_not_reach_the_caller():
    machine = transferring()
    effects = machine.handle(LegProgress("B2", 180, early_media=False), 111.0)
    assert kinds(effects) == []
    assert note(effects, "ringing") == "Phone B2 is ringing."
    assert machine.handle(LegProgress("B2", 183, early_media=True), 111.1) == []


def test_the_callers_leg_is_matched_before_the_parties_change():
    effects = transferring().handle(LegAnswered("B2"), 112.0)
    assert fx.MatchLeg(FORCED) in effects
    assert kinds(effects) == ["MatchLeg"]


def test_the_audio_moves_before_the_old_callee_is_hung_up():
    machine = matching()
    effects = machine.handle(LegMatched("A", True, 200), 112.1)
    assert kinds(effects) == ["Bridge", "EndLeg", "TransferEnded"]
    assert effects[0] == fx.Bridge("B2")
    assert effects[1] == fx.EndLeg("B", 200, "Q.850;cause=16")
    assert effects[2] == fx.TransferEnded("B2", FORCED)
    assert note(effects, "transferred") == "The caller now talks to Phone B2 instead of Phone B."
    assert machine.handle(ended("B", 200, by_peer=False), 112.2) == []
    assert machine.state is CallState.ANSWERED
    assert fx.SendDigit("B2", "1") in machine.handle(DigitReceived("A", "1"), 113.0)


def test_a_transferred_call_ends_like_any_other():
    machine = transferred()
    machine.handle(ended("B", 200, by_peer=False), 112.2)
    machine.handle(ended("B2"), 120.0)
    assert termination(machine.handle(ended("A"), 120.1)) == ("callee", "callee-hung-up", 200)


def test_a_transferred_call_may_be_transferred_again():
    machine = transferred()
    machine.handle(ended("B"), 112.2)
    machine.handle(transfer(("B3",)), 120.0)
    machine.handle(LegAnswered("B3"), 121.0)
    effects = machine.handle(LegMatched("A", True, 200), 121.0)
    assert fx.Bridge("B3") in effects
    assert hung_up(effects) == ["B2"]


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (486, "callee-busy"),
        (603, "callee-declined"),
        (480, "callee-unavailable"),
        (408, "callee-unreachable"),
        (488, "no-common-codec-callee"),
        (404, "callee-not-found"),
    ],
)
def test_a_target_that_fails_leaves_the_call_as_it_was(code, rule):
    machine = transferring()
    effects = machine.handle(ended("B2", code), 113.0)
    assert kinds(effects) == ["TransferEnded"]
    assert fx.TransferEnded(None) in effects
    text = note(effects, "transfer-failed")
    assert text.startswith("Not transferred to 1001: Phone B2 ")
    assert f"Rule: {rule}. The call goes on as it was." in text
    assert (machine.state, machine.callee, machine.is_transferring) == (
        CallState.ANSWERED,
        "B",
        False,
    )
    assert termination(
        [*machine.handle(ended("B"), 114.0), *machine.handle(ended("A"), 114.1)]
    ) == (
        "callee",
        "callee-hung-up",
        200,
    )


def test_a_target_that_rings_too_long_is_cancelled():
    machine = transferring()
    assert machine.next_deadline() == 130.0
    effects = machine.tick(130.0)
    assert effects[0] == fx.EndLeg("B2", 487, "")
    assert "did not answer within 20 s" in note(effects, "transfer-failed")
    assert machine.next_deadline() == 102.0 + 3600.0


def test_each_wave_of_a_transfer_rings_for_its_own_time():
    machine = transferring(("B2", "B3"), ("B4",))
    effects = machine.tick(130.0)
    assert (hung_up(effects), kinds(effects)) == (["B2", "B3"], ["EndLeg", "EndLeg"])
    for leg in ("B2", "B3"):
        machine.handle(ended(leg, 487, by_peer=False), 130.1)
    effects = machine.tick(130.0 + REST_S)
    assert [e.leg.name for e in effects if isinstance(e, fx.Dial)] == ["B4"]
    assert machine.next_deadline() == 151.0
    assert (machine.state, machine.callee) == (CallState.ANSWERED, "B")


def test_the_longest_duration_ends_a_transfer_too():
    machine = talking()
    machine.handle(transfer(("B2",)), 3700.0)
    effects = machine.tick(3702.0)
    assert hung_up(effects) == ["A", "B", "B2"]
    assert machine.termination is not None
    assert machine.termination.reason == "max-duration"


@pytest.mark.parametrize(
    ("code", "words"), [(488, "refused"), (491, "just then"), (408, "in time")]
)
def test_a_caller_that_does_not_match_stays_with_the_callee(code, words):
    machine = matching()
    effects = machine.handle(LegMatched("A", False, code), 113.0)
    assert hung_up(effects) == ["B2"]
    text = note(effects, "transfer-failed")
    assert words in text
    assert "no-common-codec-caller" in text
    assert machine.callee == "B"
    assert machine.handle(LegMatched("A", True, 200), 113.1) == []


def test_a_caller_that_does_not_say_is_given_up():
    machine = matching()
    assert machine.next_deadline() == 112.0 + MATCH_TIMEOUT_S
    effects = machine.tick(112.0 + MATCH_TIMEOUT_S)
    assert hung_up(effects) == ["B2"]
    assert machine.handle(LegMatched("A", False, 488), 113.0 + MATCH_TIMEOUT_S) == []
    assert (machine.state, machine.callee) == (CallState.ANSWERED, "B")


def test_a_target_that_leaves_as_it_answers_leaves_the_call_as_it_was():
    machine = matching()
    effects = machine.handle(ended("B2"), 112.05)
    assert kinds(effects) == ["TransferEnded"]
    assert "left at once" in note(effects, "transfer-failed")
    # What the caller's device says to the re-offer that was made for it comes late.
    assert machine.handle(LegMatched("A", False, 488), 112.5) == []
    assert (machine.state, machine.callee) == (CallState.ANSWERED, "B")


def test_the_callee_leaves_and_the_caller_waits():
    machine = transferring()
    effects = machine.handle(ended("B"), 111.0)
    assert kinds(effects) == []
    assert note(effects, "callee-left") == "Phone B left; the caller waits for Phone B2."
    machine.handle(LegAnswered("B2"), 112.0)
    effects = machine.handle(LegMatched("A", True, 200), 112.0)
    assert kinds(effects) == ["Bridge", "TransferEnded"]
    assert machine.state is CallState.ANSWERED


@pytest.mark.parametrize("how", ["busy", "timeout", "unmatched"])
def test_the_call_ends_when_the_callee_left_and_the_transfer_fails(how):
    machine = waiting()
    if how == "busy":
        effects = machine.handle(ended("B2", 486), 113.0)
    elif how == "timeout":
        effects = machine.tick(130.0)
    else:
        machine.handle(LegAnswered("B2"), 112.0)
        effects = machine.handle(LegMatched("A", False, 488), 113.0)
    assert "A" in hung_up(effects)
    machine.handle(ended("B2"), 131.0)
    by, reason, code = termination(machine.handle(ended("A", by_peer=False), 131.0))
    assert (by, reason) == ("engine", "transfer-failed")
    assert code == {"busy": 486, "timeout": 480, "unmatched": 488}[how]


def test_the_caller_leaves_and_the_target_is_cancelled():
    machine = transferring()
    effects = machine.handle(ended("A"), 111.0)
    assert effects[1:] == [fx.EndLeg("B", 200, "Q.850;cause=16"), fx.EndLeg("B2", 487, "")]
    machine.handle(LegAnswered("B2"), 111.05)  # crosses the CANCEL
    machine.handle(ended("B2"), 111.1)
    assert termination(machine.handle(ended("B"), 111.1)) == ("caller", "caller-hung-up", 200)


def test_the_first_of_two_targets_to_answer_takes_the_call():
    machine = transferring(("B2", "B3"))
    effects = machine.handle(LegAnswered("B3"), 111.0)
    assert hung_up(effects) == ["B2"]
    assert hung_up(machine.handle(LegAnswered("B2"), 111.01)) == ["B2"]
    machine.handle(LegMatched("A", True, 200), 111.02)
    assert machine.callee == "B3"
    assert machine.handle(ended("B2", 487), 111.1) == []


def test_the_next_targets_are_rung_when_the_first_have_failed():
    machine = transferring(("B2", "B3"), ("B4",))
    assert kinds(machine.handle(ended("B2", 486), 111.0)) == []
    effects = machine.handle(ended("B3", 480), 111.5)
    assert [e.leg.name for e in effects if isinstance(e, fx.Dial)] == ["B4"]
    effects = machine.handle(ended("B4", 503), 112.0)
    assert "Rule: callee-busy" in note(effects, "transfer-failed")


def test_a_global_failure_stops_the_other_target():
    effects = transferring(("B2", "B3"), ("B4",)).handle(ended("B2", 603), 111.0)
    assert hung_up(effects) == ["B3"]
    assert fx.TransferEnded(None) in effects


def test_no_more_targets_are_rung_than_a_process_holds_legs():
    machine = talking(("B", "B2", "B3"))  # B2 and B3 were cancelled and have not confirmed it
    effects = machine.handle(transfer(("B4", "B5")), 103.0)
    assert kinds(effects) == ["TransferEnded"]
    assert "no-room-for-another-leg" in note(effects, "transfer-failed")
    machine.handle(ended("B2", 487), 103.1)
    effects = machine.handle(transfer(("B4", "B5")), 104.0)
    assert [e.leg.name for e in effects if isinstance(e, fx.Dial)] == ["B4"]
    assert "1 more of Phone B4 were left out" in note(effects, "transfer")


def test_only_one_transfer_at_a_time():
    machine = transferring()
    effects = machine.handle(transfer(("B3",)), 111.0)
    assert kinds(effects) == []
    assert "under way" in note(effects, "transfer-failed")
    machine.handle(LegAnswered("B2"), 112.0)
    assert fx.Bridge("B2") in machine.handle(LegMatched("A", True, 200), 112.0)


@pytest.mark.parametrize("make", [started, ringing])
def test_a_call_that_nobody_answered_is_not_transferred(make):
    effects = make().handle(transfer(("B2",)), 105.0)
    assert kinds(effects) == ["TransferEnded"]
    assert "nobody has answered" in note(effects, "transfer-failed")


def test_a_call_that_ended_is_not_transferred():
    machine = talking()
    machine.handle(ended("A"), 105.0)
    assert machine.handle(transfer(("B2",)), 105.1) == []


def test_a_target_of_an_earlier_transfer_that_answers_late_is_hung_up():
    machine = transferring()
    machine.tick(130.0)
    machine.handle(transfer(("B3",)), 131.0)
    machine.handle(ended("B"), 131.1)
    assert hung_up(machine.handle(LegAnswered("B2"), 131.2)) == ["B2"]
    assert machine.callee is None
    assert machine.handle(ended("B2"), 131.3) == []


def test_hold_is_the_two_parties_and_goes_with_the_old_callee():
    machine = talking()
    machine.handle(HoldChanged("B", held=True), 105.0)
    assert machine.state is CallState.HELD
    machine.handle(transfer(("B2",)), 110.0)
    machine.handle(LegAnswered("B2"), 111.0)
    effects = machine.handle(LegMatched("A", True, 200), 111.0)
    assert fx.StateChanged("answered") in effects


def test_a_target_that_answers_on_hold_holds_the_call_only_once_it_is_the_callee():
    machine = transferring()
    assert kinds(machine.handle(HoldChanged("B2", held=True), 111.0)) == []
    machine.handle(LegAnswered("B2"), 111.0)
    effects = machine.handle(LegMatched("A", True, 200), 111.0)
    assert fx.StateChanged("held") in effects


def test_keys_of_a_target_go_nowhere():
    assert transferring().handle(DigitReceived("B2", "7"), 111.0) == []


MAKES = [started, ringing, talking, transferring, waiting, matching, transferred]
EVENTS: list[Event] = [
    transfer(("B3",)),
    transfer(("B3", "B4"), ("B5",)),
    *(LegMatched(leg, True, 200) for leg in ("A", "B", "B2")),
    *(LegMatched(leg, False, 488) for leg in ("A", "B", "B2")),
    LegProgress("B2", 180, early_media=False),
    LegProgress("B2", 183, early_media=True),
    LegAnswered("A"),
    LegAnswered("B"),
    LegAnswered("B2"),
    LegAnswered("B3"),
    ended("A"),
    ended("B"),
    ended("B2", 486),
    ended("B2", 600),
    ended("B3", 503),
    LegEnded("B2", 408, "timer", by_peer=False),
    HoldChanged("B2", held=True),
    HoldChanged("A", held=True),
    DigitReceived("B2", "1"),
    HangUpOrdered("operator", "operator-hung-up", 200, "x"),
]


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_that_comes_twice_moves_the_audio_once(make, event):
    machine = make()
    effects = [*machine.handle(event, 113.0), *machine.handle(event, 113.0)]
    assert sum(isinstance(effect, fx.Bridge) for effect in effects) <= 1
    assert sum(isinstance(effect, fx.TransferEnded) and bool(effect.leg) for effect in effects) <= 1


@pytest.mark.parametrize("begin", [transferring, matching])
def test_a_target_that_our_side_fails_with_ends_the_transfer_alone(begin):
    machine = begin()
    effects = machine.handle(LegFailed("B2", "onCallState"), 113.0)
    assert machine.state is CallState.ANSWERED
    assert hung_up(effects)[0] == "B2"
    assert fx.TransferEnded(None) in effects
    assert "onCallState failed" in note(effects, "transfer-failed")
    assert "Rule: leg-failed. The call goes on as it was." in note(effects, "transfer-failed")


def test_who_talks_to_a_person_hears_no_ringing_until_that_person_leaves():
    def waits(effects: list[fx.Effect]) -> list[fx.Effect]:
        return [effect for effect in effects if isinstance(effect, fx.PlayRinging)]

    machine = transferring()
    assert waits(machine.handle(LegProgress("B2", 180, early_media=False), 110.5)) == []
    assert waits(machine.handle(ended("B"), 111.0)) == [fx.PlayRinging("A")]
