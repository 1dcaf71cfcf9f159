"""How a leg to a voice agent ends: whose end it is, what it counts as, and how it is told."""

import dataclasses

import pytest

from callengine.core.agentends import CODES, agent_ended, agent_termination, is_failure
from callengine.core.events import AgentEnd
from callengine.core.orders import AgentOrder, LegOrder
from callengine.core.reasons import Reason

AGENT = AgentOrder("support", "twilio", "ws://127.0.0.1:9")
LEG = LegOrder("B", "", label="Help desk", agent=AGENT)
OURS = {Reason.AGENT_SILENT, Reason.AGENT_DURATION}
"Limits that an engine keeps."
GOOD = {Reason.AGENT_ENDED, *OURS}
"Ends of a call that was as it should be."


@pytest.mark.parametrize("reason", CODES)
def test_only_what_an_engine_limits_is_not_the_agents_own_doing(reason: Reason) -> None:
    end = agent_ended("B", reason, " it said so. ")
    assert end.by_peer is (reason not in OURS)
    assert end.agent == AgentEnd(reason, "it said so")
    by = agent_termination(LEG, AgentEnd(reason), was_talking=True).by
    assert by == ("engine" if reason in OURS else "callee")


@pytest.mark.parametrize("reason", CODES)
def test_a_good_end_is_200_and_any_other_leaves_the_caller_alone_with_503(reason: Reason) -> None:
    code = 200 if reason in GOOD else 503
    assert agent_ended("B", reason).code == code
    assert agent_termination(LEG, AgentEnd(reason), was_talking=True).code == code
    assert is_failure(AgentEnd(reason)) is (reason not in GOOD)


@pytest.mark.parametrize("reason", CODES)
def test_whoever_never_talked_to_it_hears_503_however_it_left(reason: Reason) -> None:
    told = agent_termination(LEG, AgentEnd(reason, "why"), was_talking=False)
    assert (told.reason, told.code) == (reason, 503)
    assert ("ended the session before it was ready: why." in told.advice) is (reason in GOOD)


@pytest.mark.parametrize("reason", CODES)
def test_it_is_named_as_its_leg_is_and_else_as_the_agent(reason: Reason) -> None:
    end = AgentEnd(reason)
    assert "Help desk" in agent_termination(LEG, end, was_talking=True).advice
    nameless = dataclasses.replace(LEG, label="")
    assert "support" in agent_termination(nameless, end, was_talking=True).advice
