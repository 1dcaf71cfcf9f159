"""Transfers that one of the parties asks for (RFC 3515), in the call state machine; no clock."""

import dataclasses

import pytest

from callengine.core import effects as fx
from callengine.core.agentends import agent_ended
from callengine.core.events import (
    DigitReceived,
    HoldChanged,
    LegAnswered,
    LegMatched,
    LegProgress,
    TransferCalledOff,
    TransferExpected,
    TransferOrdered,
)
from callengine.core.limits import ORDER_TIMEOUT_S
from callengine.core.machine import CallMachine
from callengine.core.orders import LegOrder, TransferOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.states import CallState
from callengine.core.transferring import FAREWELL_S
from tests.callengine.core.machines import ended, kinds, talking
from tests.callengine.core.test_machine_agents import TO_AGENT
from tests.callengine.core.test_machine_redirects import suiting

WAITING = {"A": "B", "B": "A"}
"Who refers -> who is connected with somebody else."


def order(referrer: str) -> TransferOrdered:
    wave = WaveOrder((LegOrder("B2", "t2", label="Phone B2"),), ("PCMU",), ("PCMA",))
    return TransferOrdered(TransferOrder("c", "1001", "Bob", (wave,), 20.0, referrer=referrer))


def referred(referrer: str) -> CallMachine:
    machine = talking()
    machine.handle(TransferExpected(referrer), 110.0)
    machine.handle(order(referrer), 110.1)
    return machine


def why(machine: CallMachine) -> Termination:
    assert machine.termination is not None
    return machine.termination


def rung(referrer: str) -> tuple[CallMachine, list[fx.Effect]]:
    machine = referred(referrer)
    return machine, machine.handle(LegProgress("B2", 180, early_media=False), 111.0)


@pytest.mark.parametrize(("referrer", "waiting"), WAITING.items())
def test_who_waits_hears_ringing_and_who_referred_is_told(referrer: str, waiting: str) -> None:
    machine, effects = rung(referrer)
    assert fx.PlayRinging(waiting) in effects
    assert fx.TellReferrer(180) in effects
    assert fx.MatchLeg(("PCMU",), waiting) in machine.handle(LegAnswered("B2"), 112.0)


@pytest.mark.parametrize(("referrer", "waiting"), WAITING.items())
def test_who_referred_is_told_first_and_hung_up_later(referrer: str, waiting: str) -> None:
    machine, _ = rung(referrer)
    machine.handle(LegAnswered("B2"), 112.0)
    effects = machine.handle(LegMatched(waiting, True, 200), 112.1)
    assert kinds(effects) == ["Bridge", "TellReferrer", "TransferEnded"]
    assert fx.Bridge("B2", waiting) in effects
    assert fx.TellReferrer(200) in effects
    assert (machine.caller, machine.callee) == (waiting, "B2")
    assert machine.next_deadline() == 112.1 + FAREWELL_S
    assert machine.tick(112.1 + FAREWELL_S) == [fx.EndLeg(referrer, 200, "Q.850;cause=16")]
    assert machine.handle(ended(referrer, 200, by_peer=False), 114.0) == []
    assert fx.SendDigit(waiting, "1") in machine.handle(DigitReceived("B2", "1"), 115.0)


def test_who_referred_and_stays_is_hung_up_by_the_next_transfer_at_the_latest() -> None:
    machine, _ = rung("B")
    machine.handle(LegAnswered("B2"), 112.0)
    machine.handle(LegMatched("A", True, 200), 112.1)
    wave = WaveOrder((LegOrder("B3", "t3", label="Phone B3"),), ("PCMU",), ("PCMA",))
    again = TransferOrder("c", "1002", "B2", (wave,), 20.0, referrer="B2")
    machine.handle(TransferOrdered(again), 113.2)
    machine.handle(LegAnswered("B3"), 113.3)
    effects = machine.handle(LegMatched("A", True, 200), 113.4)
    assert fx.EndLeg("B", 200, "Q.850;cause=16") in effects
    assert machine.tick(113.4 + FAREWELL_S) == [fx.EndLeg("B2", 200, "Q.850;cause=16")]


def test_who_referred_and_hangs_up_by_itself_is_not_hung_up() -> None:
    machine, _ = rung("B")
    machine.handle(LegAnswered("B2"), 112.0)
    machine.handle(LegMatched("A", True, 200), 112.1)
    assert machine.handle(ended("B", 200), 112.2) == []
    assert machine.tick(112.1 + FAREWELL_S) == []
    assert machine.state is CallState.ANSWERED


@pytest.mark.parametrize(("referrer", "waiting"), WAITING.items())
def test_a_target_that_fails_gives_who_waits_back(referrer: str, waiting: str) -> None:
    machine, _ = rung(referrer)
    effects = machine.handle(ended("B2", 486), 112.0)
    assert fx.Bridge("B", "A") in effects
    assert fx.TellReferrer(486) in effects
    assert fx.TransferEnded(None) in effects
    assert (machine.caller, machine.callee) == ("A", "B")


@pytest.mark.parametrize(("referrer", "waiting"), WAITING.items())
def test_who_hangs_up_before_the_order_comes_leaves_somebody_waiting(
    referrer: str, waiting: str
) -> None:
    machine = talking()
    machine.handle(TransferExpected(referrer), 110.0)
    effects = machine.handle(ended(referrer, 200), 110.1)
    assert kinds(effects) == []
    assert machine.state is CallState.ANSWERED
    assert "Dial" in kinds(machine.handle(order(referrer), 110.2))
    machine.handle(LegAnswered("B2"), 112.0)
    machine.handle(LegMatched(waiting, True, 200), 112.1)
    assert (machine.caller, machine.callee) == (waiting, "B2")


@pytest.mark.parametrize("how", ["called off", "not heard of"])
def test_who_is_left_alone_by_a_transfer_that_rings_nobody_is_let_go(how: str) -> None:
    machine = talking()
    machine.handle(TransferExpected("B"), 110.0)
    machine.handle(ended("B", 200), 110.1)
    if how == "called off":
        effects = machine.handle(TransferCalledOff(404, "Nobody has that number."), 110.2)
        assert why(machine).code == 404
    else:
        assert machine.next_deadline() == 110.0 + ORDER_TIMEOUT_S
        effects = machine.tick(110.0 + ORDER_TIMEOUT_S)
    assert "EndLeg" in kinds(effects)
    assert why(machine).reason == "transfer-failed"
    assert "left while the call was being transferred" in why(machine).advice


def test_what_is_called_off_while_both_talk_changes_nothing() -> None:
    machine = talking()
    machine.handle(TransferExpected("B"), 110.0)
    assert machine.handle(TransferCalledOff(404, "Nobody has that number."), 110.2) == []
    assert "Finish" not in kinds(machine.handle(ended("B", 200), 110.3))
    assert machine.state is CallState.ENDED


def test_who_waits_and_hangs_up_ends_the_call_for_both() -> None:
    machine = referred("B")
    effects = machine.handle(ended("A", 200), 111.0)
    assert why(machine).reason == "caller-hung-up"
    assert {e.leg for e in effects if isinstance(e, fx.EndLeg)} == {"B", "B2"}


def test_what_the_caller_says_to_its_new_list_is_no_word_of_who_waits() -> None:
    """It was forwarded, and transfers before it has said whether it takes the list of there."""
    machine = suiting()
    machine.handle(LegAnswered("B5"), 6.0)
    machine.handle(order("A"), 6.1)
    assert fx.MatchLeg(("PCMU",), "B5") in machine.handle(LegAnswered("B2"), 6.2)
    assert machine.handle(LegMatched("A", True, 200), 6.3) == []
    assert fx.Bridge("B2", "B5") in machine.handle(LegMatched("B5", True, 200), 6.4)


def test_a_hold_of_who_referred_ends_with_it() -> None:
    machine = talking()
    machine.handle(HoldChanged("B", held=True), 109.0)
    machine.handle(order("B"), 110.0)
    machine.handle(LegAnswered("B2"), 112.0)
    effects = machine.handle(LegMatched("A", True, 200), 112.1)
    assert fx.StateChanged("answered") in effects


def test_an_order_of_somebody_who_has_left_rings_nobody() -> None:
    machine, _ = rung("B")
    machine.handle(LegAnswered("B2"), 112.0)
    machine.handle(LegMatched("A", True, 200), 112.1)
    effects = machine.handle(order("B"), 113.0)
    assert kinds(effects) == ["TellReferrer", "TransferEnded"]
    assert fx.TellReferrer(481) in effects


def test_whom_an_agent_leaves_alone_waits_for_its_fallback_be_it_the_caller_or_not() -> None:
    """The caller had transferred it there and left, and the fallback talked to nobody."""
    machine = talking()
    machine.handle(TransferExpected("A"), 110.0)
    machine.handle(TransferOrdered(to_agent("A", "B3")), 110.1)
    machine.handle(LegAnswered("B2"), 111.0)
    machine.handle(LegMatched("B", True, 200), 111.1)
    machine.handle(ended("A"), 111.2)
    effects = machine.handle(agent_ended("B2", Reason.AGENT_LOST), 120.0)
    (note,) = (effect for effect in effects if isinstance(effect, fx.Note))
    assert note.text.endswith("Phone B waits for Phone B3.")
    assert fx.MatchLeg(("PCMU",), "B") in machine.handle(LegAnswered("B3"), 121.0)
    assert fx.Bridge("B3", "B") in machine.handle(LegMatched("B", True, 200), 121.1)
    assert (machine.caller, machine.callee) == ("B", "B3")


def to_agent(referrer: str, deputy: str) -> TransferOrder:
    deputies = WaveOrder((LegOrder(deputy, "t", label=f"Phone {deputy}"),), ("PCMU",), ("PCMA",))
    agent = dataclasses.replace(TO_AGENT, legs=(dataclasses.replace(TO_AGENT.legs[0], name="B2"),))
    return TransferOrder("c", "1001", "Alice", (agent, deputies), 20.0, referrer=referrer)
