"""Voice agents in the call state machine: how they end, who is rung instead, what they are told."""

import dataclasses

import pytest

from callengine.core import effects as fx
from callengine.core.agentends import CODES, agent_ended
from callengine.core.events import (
    DigitReceived,
    Event,
    LegAnswered,
    LegEnded,
    LegMatched,
    LegProgress,
    TransferOrdered,
)
from callengine.core.machine import CallMachine
from callengine.core.orders import AgentOrder, LegOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.reasons import TERMINATIONS, Reason
from callengine.core.states import CallState
from tests.callengine.core.machines import ended, hung_up, kinds, order, termination
from tests.callengine.core.test_transfer import note, transfer

AGENT = AgentOrder(
    "support",
    "twilio",
    "ws://127.0.0.1:9",
    max_duration_s=1800.0,
    silence_timeout_s=60.0,
    ready_timeout_s=7.0,
)
TO_AGENT = WaveOrder((LegOrder("B", "", label="support", agent=AGENT),), ("PCMU",), ())
FAILURES = [reason for reason, code in CODES.items() if code >= 400]
ENDS = [reason for reason, code in CODES.items() if code == 200]


def called(*fallback: tuple[str, ...]) -> CallMachine:
    """A call to an agent, and whom it falls back on."""
    plain = order(("B",), *fallback)
    machine = CallMachine(dataclasses.replace(plain, waves=(TO_AGENT, *plain.waves[1:])), now=100.0)
    (dial,) = machine.start()
    assert isinstance(dial, fx.Dial)
    assert (dial.leg.agent, dial.codecs) == (AGENT, ())
    return machine


def talking(*fallback: tuple[str, ...]) -> CallMachine:
    machine = called(*fallback)
    machine.handle(LegProgress("B", 180, early_media=False), 100.1)
    machine.handle(LegAnswered("B"), 101.0)
    assert machine.state is CallState.ANSWERED
    return machine


def over(machine: CallMachine, *events: Event) -> Termination:
    """Have a call end by these events, and by its legs' ends."""
    for event in events:
        machine.handle(event, 110.0)
    for leg in sorted(machine.live):
        machine.handle(ended(leg, by_peer=False), 111.0)
    assert machine.finished
    assert machine.termination is not None
    return machine.termination


def dialled(effects: list[fx.Effect]) -> list[str]:
    return [effect.leg.name for effect in effects if isinstance(effect, fx.Dial)]


def test_the_caller_hears_ringing_and_is_answered_once_the_agent_is_ready() -> None:
    machine = called()
    ringing = machine.handle(LegProgress("B", 180, early_media=False), 100.1)
    assert kinds(ringing) == ["StateChanged", "RingCaller"]
    notes = [effect.text for effect in ringing if isinstance(effect, fx.Note)]
    assert notes == ["support is being connected."], "an agent has no bell"
    assert kinds(machine.handle(LegAnswered("B"), 101.0)) == [
        "StateChanged",
        "Bridge",
        "AnswerCaller",
    ]


def test_an_agent_may_be_answered_for_at_once() -> None:
    assert "AnswerCaller" in kinds(called().handle(LegAnswered("B"), 100.0))


@pytest.mark.parametrize("reason", FAILURES)
def test_an_agent_that_cannot_be_had_is_503_with_its_own_reason(reason: Reason) -> None:
    machine = called()
    effects = machine.handle(agent_ended("B", reason, "unauthorized: no such key."), 102.0)
    assert [e.code for e in effects if isinstance(e, fx.DeclineCaller)] == [503]
    end = over(machine)
    assert (end.by, end.reason, end.code) == ("callee", reason, 503)
    assert "agent support" in end.advice
    assert ": unauthorized: no such key. " in end.advice or "no such key, and" in end.advice


@pytest.mark.parametrize("reason", FAILURES)
def test_an_agent_that_is_lost_in_the_call_ends_it_with_its_own_reason(reason: Reason) -> None:
    end = over(talking(), agent_ended("B", reason, "close code 1011"))
    assert (end.by, end.reason, end.code) == ("callee", reason, 503)
    assert "close code 1011" in end.advice


@pytest.mark.parametrize("reason", ENDS)
def test_an_agent_that_hangs_up_ends_the_call(reason: Reason) -> None:
    """Also one with a fallback: nobody was left alone."""
    machine = talking(("B2",))
    effects = machine.handle(agent_ended("B", reason), 110.0)
    assert hung_up(effects) == ["A"]
    end = over(machine)
    assert (end.by, end.reason, end.code) == (TERMINATIONS[reason][0], reason, 200)


def test_the_advice_names_the_limit_that_was_reached() -> None:
    silent = over(talking(), agent_ended("B", Reason.AGENT_SILENT)).advice
    assert "said anything for 60 s" in silent
    long = over(talking(), agent_ended("B", Reason.AGENT_DURATION)).advice
    assert "support may be, 1800 s" in long
    late = over(called(), agent_ended("B", Reason.AGENT_NOT_READY)).advice
    assert "not ready within 7 s. Look" in late


def test_an_agent_that_leaves_before_it_is_ready_is_no_normal_end() -> None:
    end = over(called(), agent_ended("B", Reason.AGENT_ENDED, "close code 1000"))
    assert (end.reason, end.code) == (Reason.AGENT_ENDED, 503)
    assert "before it was ready: close code 1000. Look" in end.advice


def test_an_agent_that_is_told_to_end_is_no_reason() -> None:
    end = over(talking(), ended("A"))
    assert (end.by, end.reason) == ("caller", Reason.CALLER_HUNG_UP)


def test_keys_are_passed_on_to_the_agent() -> None:
    effects = talking().handle(DigitReceived("A", "5"), 105.0)
    assert [e for e in effects if isinstance(e, fx.SendDigit)] == [fx.SendDigit("B", "5")]


# The fallback


@pytest.mark.parametrize("reason", [*FAILURES, Reason.AGENT_ENDED])
def test_the_fallback_is_rung_if_the_agent_cannot_be_had(reason: Reason) -> None:
    machine = called(("B2",))
    effects = machine.handle(agent_ended("B", reason, "said so"), 102.0)
    assert dialled(effects) == ["B2"]
    assert note(effects, "attempt-failed").startswith("support ")
    assert note(effects, "attempt-failed").endswith(": said so.")
    machine.handle(LegAnswered("B2"), 103.0)
    assert machine.callee == "B2"


@pytest.mark.parametrize("reason", FAILURES)
def test_the_fallback_is_rung_while_the_caller_waits_if_the_agent_is_lost(reason: Reason) -> None:
    machine = talking(("B2",))
    effects = machine.handle(agent_ended("B", reason, "close code 1006"), 110.0)
    assert dialled(effects) == ["B2"]
    assert hung_up(effects) == []
    assert "close code 1006" in note(effects, "fallback")
    assert "The caller waits for Phone B2." in note(effects, "fallback")
    machine.handle(LegAnswered("B2"), 112.0)
    done = machine.handle(LegMatched("A", True, 200), 112.1)
    assert kinds(done) == ["Bridge", "TransferEnded"]
    assert [each.is_fallback for each in done if isinstance(each, fx.TransferEnded)] == [True]
    assert (machine.state, machine.callee) == (CallState.ANSWERED, "B2")
    end = over(machine, ended("B2"))
    assert (end.by, end.reason) == ("callee", Reason.CALLEE_HUNG_UP)


def test_a_fallback_that_does_not_answer_leaves_the_agents_own_reason() -> None:
    machine = talking(("B2",))
    machine.handle(agent_ended("B", Reason.AGENT_LOST, "close code 1006"), 110.0)
    end = over(machine, ended("B2", 486))
    assert (end.reason, end.code) == (Reason.AGENT_LOST, 503)
    assert "close code 1006" in end.advice
    assert "Its fallback did not take the call: Phone B2 is busy" in end.advice


def test_an_operators_transfer_is_refused_while_the_fallback_rings() -> None:
    machine = talking(("B2",))
    machine.handle(agent_ended("B", Reason.AGENT_LOST), 110.0)
    assert kinds(machine.handle(transfer(("B3",)), 110.5)) == ["TransferEnded"]
    assert machine.is_transferring


def test_the_caller_may_leave_while_the_fallback_rings() -> None:
    machine = talking(("B2",))
    machine.handle(agent_ended("B", Reason.AGENT_LOST), 110.0)
    assert set(hung_up(machine.handle(ended("A"), 111.0))) == {"B2"}
    assert termination(machine.handle(ended("B2", 487), 111.1)) == (
        "caller",
        "caller-hung-up",
        200,
    )


def test_a_fallback_is_the_agents_alone() -> None:
    """Once a person has the call, the waves behind the agent are nobody's."""
    machine = talking(("B3",))
    machine.handle(transfer(("B2",)), 110.0)
    machine.handle(LegAnswered("B2"), 112.0)
    machine.handle(LegMatched("A", True, 200), 112.1)
    machine.handle(ended("B"), 112.2)
    assert over(machine, ended("B2")).reason is Reason.CALLEE_HUNG_UP


def test_the_fallback_of_an_agent_that_was_transferred_to_comes_with_the_transfer() -> None:
    machine = talking()
    order_ = transfer(("B2",), ("B3",)).order
    to_agent = WaveOrder((dataclasses.replace(TO_AGENT.legs[0], name="B2"),), ("PCMU",), ())
    waves = (to_agent, order_.waves[1])
    machine.handle(TransferOrdered(dataclasses.replace(order_, waves=waves)), 110.0)
    machine.handle(LegAnswered("B2"), 112.0)
    machine.handle(LegMatched("A", True, 200), 112.1)
    assert dialled(machine.handle(agent_ended("B2", Reason.AGENT_LOST), 113.0)) == ["B3"]


# A transfer that the agent asked for


def asked() -> TransferOrdered:
    plain = transfer(("B2",))
    return TransferOrdered(dataclasses.replace(plain.order, by="support", key="call_1"))


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([ended("B2", 486)], 486),
        ([ended("B2", 603)], 603),
        ([LegAnswered("B2"), LegMatched("A", False, 488)], 488),
    ],
)
def test_a_failed_transfer_returns_to_the_agent_with_its_code(
    events: list[Event], code: int
) -> None:
    machine = talking()
    effects = machine.handle(asked(), 110.0)
    for event in events:
        effects = machine.handle(event, 111.0)
    (told,) = [effect for effect in effects if isinstance(effect, fx.TellTransferFailed)]
    assert (told.leg, told.key, told.code) == ("B", "call_1", code)
    assert told.why
    assert (machine.state, machine.callee) == (CallState.ANSWERED, "B")


def test_a_second_transfer_is_refused_while_the_first_goes_on() -> None:
    machine = talking()
    machine.handle(asked(), 110.0)
    effects = machine.handle(asked(), 110.5)
    (told,) = [effect for effect in effects if isinstance(effect, fx.TellTransferFailed)]
    assert (told.key, told.code) == ("call_1", 491)


def test_an_agent_is_told_nothing_of_an_operators_transfer() -> None:
    machine = talking()
    machine.handle(transfer(("B2",)), 110.0)
    effects = machine.handle(ended("B2", 486), 111.0)
    assert not [effect for effect in effects if isinstance(effect, fx.TellTransferFailed)]


def test_a_transfer_that_succeeds_ends_the_agents_leg() -> None:
    machine = talking()
    machine.handle(asked(), 110.0)
    machine.handle(LegAnswered("B2"), 111.0)
    effects = machine.handle(LegMatched("A", True, 200), 111.1)
    assert hung_up(effects) == ["B"]
    assert machine.handle(LegEnded("B", 200, "", by_peer=False), 112.0) == []
    assert machine.callee == "B2"


def hears_ringing(effects: list[fx.Effect]) -> list[bool]:
    """Return, of each effect that tells, whether the caller hears ringing from then on."""
    tells = (fx.PlayRinging, fx.Bridge)
    return [isinstance(effect, fx.PlayRinging) for effect in effects if isinstance(effect, tells)]


def rings(leg: str) -> LegProgress:
    return LegProgress(leg, 180, early_media=False)


def test_a_caller_left_by_its_agent_hears_that_the_fallback_rings() -> None:
    machine = talking(("B2",))
    lost = machine.handle(agent_ended("B", Reason.AGENT_LOST), 110.0)
    assert hears_ringing(lost) == []  # nobody rings yet
    assert hears_ringing(machine.handle(rings("B2"), 110.5)) == [True]
    machine.handle(LegAnswered("B2"), 112.0)
    assert hears_ringing(machine.handle(LegMatched("A", True, 200), 112.1)) == [False]


def test_an_agents_caller_hears_that_a_transfers_target_rings_until_it_fails() -> None:
    machine = talking()
    machine.handle(transfer(("B2",)), 110.0)
    assert hears_ringing(machine.handle(rings("B2"), 110.5)) == [True]
    failed = machine.handle(ended("B2", 486), 112.0)
    assert hears_ringing(failed) == [False]


def test_the_ringing_goes_on_if_the_agent_leaves_meanwhile() -> None:
    machine = talking()
    machine.handle(transfer(("B2",)), 110.0)
    machine.handle(rings("B2"), 110.5)
    assert hears_ringing(machine.handle(agent_ended("B", Reason.AGENT_ENDED), 111.0)) == [True]
