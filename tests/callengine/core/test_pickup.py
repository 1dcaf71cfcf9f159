"""The plan of a call that takes a party's place: by the list its connection is called with."""

import dataclasses

import pytest

from callengine.core.directory import ConnectionEntry, Platform, Source, TrunkEntry
from callengine.core.outcomes import Rejection
from callengine.core.permissions import Usage
from callengine.core.pickup import Partner, plan_pick_up
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined
from callengine.core.reasons import Reason, Rule
from callengine.core.request import CallRequest

ALL = ("OPUS", "G722", "PCMU", "PCMA")
PLATFORM = Platform(codecs=ALL, available_codecs=ALL)
DESK = ConnectionEntry("desk", "Desk", inbound_codecs=("G722",), outbound_codecs=("PCMA",))
PHONE = Source("connection", "192.0.2.8", connection=DESK)
CARRIER = TrunkEntry("carrier", in_codecs=("PCMA",), out_codecs=("PCMU",))
TRUNK = Source("trunk", "192.0.2.20", trunk=CARRIER)
BOB = Partner("connection:bob", ("PCMA",), "inbound list of Bob")


def decide(
    source: Source, *offered: str, calls: dict[str, int] | None = None
) -> CallPlan | Declined | Rejection:
    request = CallRequest("0" * 32, "cid", "desk", "Desk", "bob", offered or ALL, 70, source)
    return plan_pick_up(
        request, partner=BOB, platform=PLATFORM, usage=Usage(calls or {}), max_duration_s=60.0
    )


@pytest.mark.parametrize(
    ("source", "codecs", "named"),
    [
        (PHONE, ("G722",), "inbound list of Desk"),
        (TRUNK, ("PCMU",), "TRUNK OUT of carrier"),
        (
            dataclasses.replace(PHONE, connection=dataclasses.replace(DESK, inbound_codecs=())),
            ALL,
            "platform list",
        ),
    ],
)
def test_who_picks_up_has_the_list_it_is_called_with(
    source: Source, codecs: tuple[str, ...], named: str
) -> None:
    plan = decide(source)
    assert isinstance(plan, CallPlan)
    assert (plan.vn_a, plan.vn_a_source) == (codecs, named)
    assert (plan.vn_b, plan.vn_b_source) == (BOB.codecs, BOB.codecs_source)
    assert plan.destination == "connection:bob"
    assert plan.waves == ()


def test_who_shares_no_codec_is_declined_and_nobody_is_taken_over() -> None:
    declined = decide(PHONE, "PCMA")
    assert isinstance(declined, Declined)
    assert declined.termination.reason is Reason.NO_COMMON_CODEC_CALLER
    assert "The inbound list of Desk allows G722" in declined.termination.advice


def test_who_has_as_many_calls_as_it_may_picks_none_up() -> None:
    full = dataclasses.replace(PHONE, connection=dataclasses.replace(DESK, concurrent_calls=1))
    refused = decide(full, calls={"connection:desk": 1})
    assert isinstance(refused, Rejection)
    assert refused.rule is Rule.CALLER_AT_ITS_LIMIT
    assert isinstance(decide(full), CallPlan)
