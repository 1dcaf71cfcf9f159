"""The table of transitions: what it does not allow never happens, what it allows does."""

import itertools
from collections.abc import Callable
from typing import get_args

import pytest

from callengine.core.attempts import CLEARING_TIMEOUT_S
from callengine.core.effects import Finish
from callengine.core.events import (
    AnswerOrdered,
    DialFailed,
    DigitReceived,
    Event,
    HangUpOrdered,
    HoldChanged,
    LegAnswered,
    LegFailed,
    LegMatched,
    LegProgress,
    LegWithoutMedia,
    RedirectDecided,
    TimePassed,
    TransferCalledOff,
    TransferExpected,
)
from callengine.core.machine import CallMachine
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.states import ALLOWED, CallState, is_allowed
from callengine.core.transfer import MATCH_TIMEOUT_S
from tests.callengine.core.machines import CAROL, ended, redirected, ringing, started, talking
from tests.callengine.core.test_machine_redirects import suiting
from tests.callengine.core.test_transfer import (
    matching,
    transfer,
    transferred,
    transferring,
    waiting,
)

pytestmark = pytest.mark.thorough


def after(make: Callable[[], CallMachine], *events: Event) -> Callable[[], CallMachine]:
    def made() -> CallMachine:
        machine = make()
        for event in events:
            machine.handle(event, 110.0)
        return machine

    return made


HELD = HoldChanged("B", held=True)
MAKES = {
    "trying": started,
    "forked": lambda: started(("B", "B2"), ("B3",)),
    "ringing": ringing,
    "early media": after(ringing, LegProgress("B", 183, early_media=True)),
    "held before the answer": after(ringing, HoldChanged("A", held=True)),
    "early media on hold": after(
        ringing, LegProgress("B", 183, early_media=True), HoldChanged("B", held=True)
    ),
    "early media to a caller on hold": after(
        ringing, LegProgress("B", 183, early_media=True), HoldChanged("A", held=True)
    ),
    "trying on hold": after(started, HoldChanged("A", held=True)),
    "redirected at once": after(started, redirected()),
    "redirected": after(ringing, redirected()),
    "redirected in early media": after(
        ringing, LegProgress("B", 183, early_media=True), redirected()
    ),
    "answered": talking,
    "held": after(talking, HELD),
    "transferring": transferring,
    "held and transferring": after(talking, HELD, transfer(("B2",))),
    "expecting": after(talking, TransferExpected("B")),
    "waiting for an order": after(talking, TransferExpected("B"), ended("B")),
    "waiting for an order on hold": after(
        talking, HoldChanged("A", held=True), TransferExpected("B"), ended("B")
    ),
    "waiting": waiting,
    "waiting on hold": after(waiting, HoldChanged("A", held=True)),
    "matching": matching,
    "held and matching": after(talking, HELD, transfer(("B2",)), LegAnswered("B2")),
    "matching a holder": after(transferring, HoldChanged("B2", held=True), LegAnswered("B2")),
    "waiting and matching": after(waiting, LegAnswered("B2")),
    "transferred": transferred,
    "suiting": after(suiting, LegAnswered("B5")),
    "held and suiting": after(suiting, LegAnswered("B5"), HoldChanged("A", held=True)),
    "ended": after(talking, ended("A")),
    "ended while ringing": after(ringing, ended("A", 487)),
}
LEGS = ("A", "B", "B2", "nobody")
EVENTS: list[Event] = [
    *(LegProgress(leg, code, early_media=False) for leg in LEGS for code in (100, 180)),
    *(LegProgress(leg, 183, early_media=True) for leg in LEGS),
    *(LegAnswered(leg) for leg in LEGS),
    *(ended(leg, code) for leg in LEGS for code in (200, 302, 408, 486, 603)),
    *(LegWithoutMedia(leg) for leg in LEGS),
    *(DialFailed(leg, "why") for leg in LEGS),
    *(LegFailed(leg, "onCallState") for leg in LEGS),
    *(HoldChanged(leg, held=held) for leg in LEGS for held in (True, False)),
    *(DigitReceived(leg, "1") for leg in LEGS),
    HangUpOrdered("operator", "operator-hung-up", 200, "x"),
    AnswerOrdered(15.0, Termination("engine", Reason.TRANSFER_FAILED, 480, "x")),
    transfer(("B4",)),
    transfer(("B4", "B5"), ("B6",)),
    *(LegMatched(leg, True, 200) for leg in LEGS),
    *(LegMatched(leg, False, 488) for leg in LEGS),
    TransferExpected("B"),
    TransferCalledOff(404, "Nobody has that number."),
    RedirectDecided("B", (CAROL,)),
    RedirectDecided("B", (), "no"),
    TimePassed(),
]
TIMES = {"at once": 113.0, "a ring time-out later": 150.0, "hours later": 9000.0}


def test_every_event_has_its_row_and_is_tried():
    kinds = {kind for union in get_args(Event) for kind in (get_args(union) or (union,))}
    assert set(ALLOWED) == kinds == {type(event) for event in EVENTS}


def test_nothing_leads_out_of_the_end():
    assert not any(
        is_allowed(event, CallState.ENDED, state) for event in ALLOWED for state in CallState
    )


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_no_event_in_any_state_leads_where_the_table_does_not(make):
    for now in TIMES.values():
        for event in EVENTS:
            machine = make()
            before = machine.state
            machine.handle(event, now)
            if machine.state is not before:
                assert is_allowed(type(event), before, machine.state), (event, now)


def test_whatever_the_table_allows_happens():
    reached = set()
    for make in MAKES.values():
        for now in TIMES.values():
            for event in EVENTS:
                machine = make()
                before = machine.state
                machine.handle(event, now)
                if machine.state is not before:
                    reached.add((type(event), before, machine.state))
    allowed = {
        (event, before, target)
        for event, moves in ALLOWED.items()
        for before, targets in moves.items()
        for target in targets
    }
    assert allowed == reached


TOLD = [event for event in EVENTS if getattr(event, "leg", "B") in ("A", "B", "B2")]
PAIRED = [event for event in TOLD if getattr(event, "code", 200) in (180, 183, 200, 486, 488)]


def check(machine: CallMachine) -> None:
    """What holds after any event."""
    assert len(machine.live) <= 4
    assert machine.callee is None or machine.callee in machine.live or machine.termination
    if machine.state is CallState.ANSWERED:
        is_waited_for = machine.is_transferring or machine.expects_transfer
        assert machine.callee is not None or is_waited_for


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_any_two_events_in_any_state_leave_a_call_that_ends_once(make):
    for first, second in itertools.product(PAIRED, PAIRED):
        machine = make()
        effects = []
        for at, event in ((113.0, first), (113.1, second)):
            effects += machine.handle(event, at)
            check(machine)
        effects += machine.tick(113.1 + MATCH_TIMEOUT_S)
        check(machine)
        effects += machine.tick(140.0)
        effects += machine.handle(HangUpOrdered("engine", "shutting-down", 503, "x"), 141.0)
        effects += machine.tick(141.0 + CLEARING_TIMEOUT_S)
        assert machine.finished
        assert not machine.is_transferring
        assert machine.state is CallState.ENDED
        assert sum(isinstance(effect, Finish) for effect in effects) == 1, (first, second)
