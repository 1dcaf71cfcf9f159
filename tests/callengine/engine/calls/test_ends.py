"""Who takes part in a call, for limits on concurrent calls, and who is on record as having it."""

import dataclasses

from django.utils import timezone

from callengine.core.control.calls import LegFacts
from callengine.core.orders import LegOrder, WaveOrder
from callengine.core.states import CallState
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.calls.opencall import open_call
from tests.callengine.engine.plans.test_agent_orders import PLAN
from tests.dashboard.live import demo

AGENT, PHONE = "agent:support", "connection:bob"
FACTS = LegFacts(
    name="B", call_id="", user_agent="", offered=(), allowed=(), codec=None, payload_type=None,
    remote="", state="up",
)  # fmt: skip


def called() -> LiveCall:
    """A call to an agent whose fallback is bob."""
    call = open_call(
        dataclasses.replace(PLAN, source="connection:alice", destination=AGENT),
        uuid="u", sip_call_id="i", at=0.0,
    )  # fmt: skip
    legs = (LegOrder("B", "", party=AGENT), LegOrder("B2", "t", party=PHONE))
    call.ordered([WaveOrder((leg,), ("PCMU",), ()) for leg in legs], call.plan)
    return call


def test_an_agent_alone_takes_its_call_and_nobody_else_is_counted() -> None:
    call = called()
    call.set_leg(dataclasses.replace(FACTS, remote="192.0.2.1:443"))
    call.set_state(CallState.ANSWERED, 1.0)
    assert call.ends == {"connection:alice", AGENT}
    assert call.snapshot["taken_by"] == ""


def test_a_fallback_counts_from_when_it_rings_and_takes_the_call_once_it_is_heard() -> None:
    call = called()
    call.set_leg(dataclasses.replace(FACTS, state="ended"))
    call.set_leg(dataclasses.replace(FACTS, name="B2"))
    assert call.ends == {"connection:alice", AGENT, PHONE}
    assert call.snapshot["taken_by"] == ""
    call.set_leg(dataclasses.replace(FACTS, name="B2", codec="PCMU"))
    call.set_state(CallState.ANSWERED, 1.0)
    assert (call.snapshot["destination"], call.snapshot["taken_by"]) == (AGENT, PHONE)


def test_figures_that_are_taken_back_have_the_call_shown_anew() -> None:
    """Else who opens its page reads them for as long as it is on hold."""
    call = called()
    call.set_leg(FACTS)
    nothing = demo.silent(timezone.now(), last=None, audio="not-expected")
    heard, quiet = {"B": demo.quality()}, {"B": nothing}
    told = [call.set_quality(one, 1.0) for one in (heard, heard, quiet, quiet, heard)]
    assert told == [False, False, True, False, False]


def test_a_call_that_is_answered_on_hold_is_answered() -> None:
    call = called()
    call.set_state(CallState.HELD, 1.0)
    assert call.snapshot["answered"] is not None


def test_one_that_was_rung_in_vain_counts_no_more() -> None:
    call = called()
    call.set_leg(dataclasses.replace(FACTS, name="B2"))
    call.set_leg(dataclasses.replace(FACTS, name="B2", state="ended"))
    assert PHONE not in call.ends
