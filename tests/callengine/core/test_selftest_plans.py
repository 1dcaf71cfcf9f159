"""The call plan to a test destination: by the caller's own list, and nobody is rung."""

import pytest

from callengine.core.directory import (
    ConnectionEntry,
    Destination,
    Platform,
    Source,
    TrunkEntry,
)
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined, plan_call
from callengine.core.request import CallRequest
from sip.selftests import SelfTest, dialled_selftest, labelled_selftest

ALL = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
PLATFORM = Platform(codecs=ALL, available_codecs=ALL)
ALICE = Source(
    "connection",
    "192.0.2.8",
    connection=ConnectionEntry("alice", "Alice", outbound_codecs=("PCMA", "OPUS")),
)
CARRIER = Source("trunk", "192.0.2.9", trunk=TrunkEntry("carrier", in_codecs=("G722", "PCMU")))
STRANGER = Source("external", "203.0.113.7")


def planned(source: Source, offered: tuple[str, ...] | None = ALL) -> CallPlan | Declined:
    request = CallRequest("0" * 32, "cid", "x", "X", "*echo", offered, 70, source)
    made = plan_call(
        request,
        destination=Destination(selftest=SelfTest.ECHO),
        platform=PLATFORM,
        usage=Usage(),
    )
    assert isinstance(made, CallPlan | Declined), made
    return made


@pytest.mark.parametrize(
    ("source", "vn_a", "where_from", "rate_hz"),
    [
        (ALICE, ("PCMA", "OPUS"), "outbound list of Alice", 8000),
        (CARRIER, ("G722", "PCMU"), "TRUNK IN of carrier", 16000),
        (STRANGER, ALL, "platform list", 48000),
    ],
    ids=["connection", "trunk", "stranger"],
)
def test_the_callers_own_list_holds(
    source: Source, vn_a: tuple[str, ...], where_from: str, rate_hz: int
) -> None:
    made = planned(source)
    assert isinstance(made, CallPlan)
    assert (made.vn_a, made.vn_b, made.vn_a_source) == (vn_a, (), where_from)
    assert made.vn_b_source == "none: Echo test is a test destination"
    assert (made.destination, made.bridge_rate_hz) == ("test:echo", rate_hz)
    ((target,),) = (wave.targets for wave in made.waves)
    assert (target.selftest, target.uri, target.agent) == ("echo", "", "")


def test_a_caller_without_a_codec_in_common_is_declined() -> None:
    made = planned(ALICE, offered=("G722",))
    assert isinstance(made, Declined)
    assert made.termination.code == 488
    assert "Alice" in made.termination.advice


@pytest.mark.parametrize("one", SelfTest)
def test_each_is_dialled_by_its_star_word_and_known_by_its_label(one: SelfTest) -> None:
    assert dialled_selftest(f"*{one}".upper()) is one
    assert labelled_selftest(one.label) is one
    assert dialled_selftest(one.value) is None
