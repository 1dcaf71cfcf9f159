"""The call plan: who is rung, over which lists, and who is refused by which rule."""

import dataclasses

import pytest

from callengine.core.directory import (
    ConnectionEntry,
    Contact,
    Destination,
    GatewayEntry,
    Platform,
    RouteEntry,
    Source,
    TrunkEntry,
)
from callengine.core.orders import passwords_of
from callengine.core.outcomes import Rejection
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan, bridge_rate_hz
from callengine.core.planner import Declined, plan_call, why_left_out
from callengine.core.request import CallRequest

ALL = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
NARROW_FIRST = ("G722", "PCMU", "PCMA")
PLATFORM = Platform(codecs=ALL, available_codecs=ALL)
PHONE = Contact("sip:bob@192.0.2.9:5062", "udp:192.0.2.9:5062")
BOB = ConnectionEntry("bob", "Bob", inbound_codecs=NARROW_FIRST, contacts=(PHONE,))
CARRIER = TrunkEntry(
    "carrier-one",
    in_codecs=NARROW_FIRST,
    out_codecs=NARROW_FIRST,
    gateways=(GatewayEntry("sip:192.0.2.20:5090;transport=udp", 1),),
    out_username="u",
    out_password="hidden",
)
EXTERNAL = Source("external", "203.0.113.7")
ALICE = Source(
    "connection",
    "192.0.2.8",
    connection=ConnectionEntry("alice", "Alice", outbound_codecs=("OPUS", "G722")),
)


def request(source=EXTERNAL, offered=("OPUS", "G722", "PCMA"), to_user="bob"):
    return CallRequest("0" * 32, "cid", "alice", "Alice", to_user, offered, 70, source)


def plan(req, destination, platform=PLATFORM, calls=None):
    return plan_call(req, destination=destination, platform=platform, usage=Usage(calls or {}))


@pytest.mark.parametrize(
    ("number", "req", "destination", "vn_a", "vn_b"),
    [
        (1, request(), Destination(connection=BOB), ALL, NARROW_FIRST),
        (
            2,
            request(),
            Destination(connection=dataclasses.replace(BOB, force_on_caller=True)),
            NARROW_FIRST,
            NARROW_FIRST,
        ),
        (4, request(ALICE), Destination(connection=BOB), ("OPUS", "G722"), NARROW_FIRST),
        (
            5,
            request(ALICE),
            Destination(connection=dataclasses.replace(BOB, force_on_caller=True)),
            NARROW_FIRST,
            NARROW_FIRST,
        ),
        (
            6,
            request(ALICE),
            Destination(route=RouteEntry("+44", (CARRIER,))),
            NARROW_FIRST,
            NARROW_FIRST,
        ),
    ],
)
def test_the_worked_examples_are_planned_on_the_right_lists(number, req, destination, vn_a, vn_b):
    planned = plan(req, destination)
    assert isinstance(planned, CallPlan)
    assert (planned.vn_a, planned.vn_b) == (vn_a, vn_b)


def test_worked_example_3_is_declined_before_anybody_is_rung():
    forced = dataclasses.replace(BOB, force_on_caller=True)
    declined = plan(request(offered=("OPUS",)), Destination(connection=forced))
    assert isinstance(declined, Declined)
    assert declined.termination.code == 488
    assert declined.termination.reason == "no-common-codec-caller"
    assert "OPUS" in declined.termination.advice
    assert "turn off forcing" in declined.termination.advice
    assert declined.plan.waves == ()


def test_an_offer_of_unknown_codecs_only_is_declined():
    assert isinstance(plan(request(offered=()), Destination(connection=BOB)), Declined)


def test_an_invite_without_sdp_is_planned():
    assert isinstance(plan(request(offered=None), Destination(connection=BOB)), CallPlan)


@pytest.mark.parametrize(
    ("req", "destination", "code", "rule"),
    [
        (request(), Destination(), 404, "unknown-number"),
        (request(), Destination(trunk=CARRIER), 403, "external-caller-to-trunk"),
        (request(), Destination(route=RouteEntry("+", (CARRIER,))), 403,
         "external-caller-to-trunk"),
        (request(), Destination(connection=dataclasses.replace(BOB, enabled=False)), 480,
         "destination-disabled"),
        (request(), Destination(connection=dataclasses.replace(BOB, contacts=())), 480,
         "not-registered"),
        (request(ALICE), Destination(trunk=dataclasses.replace(CARRIER, enabled=False)), 503,
         "no-usable-trunk"),
        (request(ALICE), Destination(trunk=dataclasses.replace(CARRIER, gateways=())), 503,
         "no-usable-trunk"),
    ],
)  # fmt: skip
def test_refusals_name_their_rule_and_what_to_do(req, destination, code, rule):
    refused = plan(req, destination)
    assert isinstance(refused, Rejection)
    assert (refused.code, refused.rule) == (code, rule)
    assert refused.advice.endswith(".")


@pytest.mark.parametrize(
    ("side", "rule"),
    [("source", "caller-at-its-limit"), ("destination", "concurrent-calls-reached")],
)
def test_a_connection_has_a_concurrent_call_limit(side, rule):
    limited = ConnectionEntry("alice", "Alice", concurrent_calls=2, contacts=(PHONE,))
    req = request(Source("connection", "192.0.2.8", connection=limited))
    destination = Destination(connection=BOB)
    if side == "destination":
        req, destination = request(), Destination(connection=limited)
    assert isinstance(plan(req, destination, calls={"connection:alice": 1}), CallPlan)
    refused = plan(req, destination, calls={"connection:alice": 2})
    assert isinstance(refused, Rejection)
    assert refused.rule == rule


def test_a_connection_says_whether_its_early_media_is_heard():
    for is_held in (True, False):
        called = ConnectionEntry("bob", "Bob", contacts=(PHONE,), holds_back_early_media=is_held)
        decision = plan(request(), Destination(connection=called))
        assert [t.holds_back_early_media for t in decision.waves[0].targets] == [is_held]


def test_a_trunk_that_calls_in_has_a_concurrent_call_limit():
    limited = TrunkEntry("carrier-one", concurrent_calls=2)
    req, destination = (
        request(Source("trunk", "192.0.2.8", trunk=limited)),
        Destination(connection=BOB),
    )
    assert isinstance(plan(req, destination, calls={"trunk:carrier-one": 1}), CallPlan)
    refused = plan(req, destination, calls={"trunk:carrier-one": 2})
    assert isinstance(refused, Rejection)
    assert (refused.code, refused.rule) == (503, "trunk-calls-reached")


def test_a_full_trunk_is_left_out_and_the_next_one_tried():
    full = dataclasses.replace(CARRIER, name="full", concurrent_calls=1)
    req = request(Source("connection", "192.0.2.8", connection=BOB))
    calls = {"trunk:full": 1}
    made = plan(req, Destination(route=RouteEntry("+44", (full, CARRIER))), calls=calls)
    assert isinstance(made, CallPlan)
    assert {wave.label for wave in made.waves} == {CARRIER.name}
    assert "as many calls as it may" in why_left_out(made, "full")
    for destination in (Destination(trunk=full), Destination(route=RouteEntry("+44", (full,)))):
        refused = plan(req, destination, calls=calls)
        assert isinstance(refused, Rejection)
        assert refused.rule == "trunk-calls-reached"
        assert "full has as many calls as allowed" in refused.advice


def test_a_codec_this_engine_cannot_do_is_never_planned():
    platform = Platform(codecs=ALL, available_codecs=("G722", "PCMU", "PCMA"))
    planned = plan(request(), Destination(connection=BOB), platform)
    assert isinstance(planned, CallPlan)
    assert planned.vn_a == ("G722", "PCMU", "PCMA")


def test_a_list_this_engine_can_do_nothing_of_is_refused():
    opus_only = dataclasses.replace(BOB, inbound_codecs=("OPUS",))
    platform = Platform(codecs=ALL, available_codecs=("PCMU",))
    refused = plan(request(), Destination(connection=opus_only), platform)
    assert isinstance(refused, Rejection)
    assert refused.rule == "no-codec-available"


def test_contacts_ring_together_three_at_a_time():
    phones = tuple(Contact(f"sip:bob@192.0.2.{n}", f"udp:192.0.2.{n}:5060") for n in range(5))
    bob = dataclasses.replace(BOB, contacts=phones)
    planned = plan(request(), Destination(connection=bob))
    assert isinstance(planned, CallPlan)
    assert [len(wave.targets) for wave in planned.waves] == [3, 2]


def test_a_fixed_address_is_rung_instead_of_registrations():
    fixed = dataclasses.replace(BOB, address="sip:192.0.2.77:5071", contacts=())
    planned = plan(request(), Destination(connection=fixed))
    assert isinstance(planned, CallPlan)
    assert planned.waves[0].targets[0].uri == "sip:192.0.2.77:5071"


def test_gateways_are_tried_by_priority_with_the_number_dialled():
    trunk = dataclasses.replace(
        CARRIER,
        gateways=(GatewayEntry("sip:b.example;transport=tcp", 2), GatewayEntry("sip:a.example", 1)),
    )
    planned = plan(request(ALICE, to_user="+4420"), Destination(trunk=trunk))
    assert isinstance(planned, CallPlan)
    assert [wave.targets[0].uri for wave in planned.waves] == [
        "sip:+4420@a.example",
        "sip:+4420@b.example;transport=tcp",
    ]


def test_a_trunk_that_shares_no_codec_is_left_for_the_next():
    opus = dataclasses.replace(CARRIER, name="opus-only", in_codecs=("AMR-WB",))
    route = RouteEntry("+44", (opus, CARRIER))
    planned = plan(request(ALICE, to_user="+4420"), Destination(route=route))
    assert isinstance(planned, CallPlan)
    assert [wave.label for wave in planned.waves] == ["carrier-one"]
    assert "opus-only" in planned.notes[0]


def test_a_trunk_that_would_change_the_callers_codec_is_left_out():
    pcma = dataclasses.replace(CARRIER, name="narrow", in_codecs=("PCMA",))
    same = dataclasses.replace(CARRIER, name="also-g722", in_codecs=("G722", "PCMA"))
    route = RouteEntry("+44", (CARRIER, pcma, same))
    planned = plan(request(ALICE, to_user="+4420"), Destination(route=route))
    assert isinstance(planned, CallPlan)
    assert [wave.label for wave in planned.waves] == ["carrier-one", "also-g722"]
    assert "narrow" in planned.notes[0]


def test_without_an_offer_only_trunks_with_the_same_list_follow():
    other = dataclasses.replace(CARRIER, name="other", in_codecs=("G722",))
    route = RouteEntry("+44", (CARRIER, other))
    planned = plan(request(ALICE, offered=None, to_user="+4420"), Destination(route=route))
    assert isinstance(planned, CallPlan)
    assert [wave.label for wave in planned.waves] == ["carrier-one"]


def test_a_plan_on_the_record_holds_no_secret():
    planned = plan(request(ALICE), Destination(trunk=CARRIER))
    assert isinstance(planned, CallPlan)
    assert "hidden" not in str(planned.record())
    assert "hidden" not in repr(planned)
    assert "hidden" not in str(dataclasses.asdict(planned))


def test_passwords_are_ordered_and_not_planned():
    quiet = dataclasses.replace(CARRIER, name="quiet", out_password="")
    assert passwords_of(Destination(connection=BOB)) == {}
    assert passwords_of(Destination(trunk=CARRIER)) == {"carrier-one": "hidden"}
    route = RouteEntry("+44", (quiet, CARRIER))
    assert passwords_of(Destination(route=route)) == {"carrier-one": "hidden"}


def test_forwards_are_counted_down():
    planned = plan(request(), Destination(connection=BOB))
    assert isinstance(planned, CallPlan)
    assert planned.max_forwards == 69


@pytest.mark.parametrize(
    ("offered", "vn_a", "vn_b", "rate"),
    [
        (("PCMU",), ALL, ALL, 8000),
        (("G722",), ALL, ALL, 16000),
        (("OPUS",), ALL, NARROW_FIRST, 16000),
        (("OPUS",), ALL, ("PCMU", "PCMA"), 8000),
        (("OPUS",), ALL, ALL, 48000),
        (None, NARROW_FIRST, ALL, 16000),
    ],
)
def test_the_bridge_runs_no_faster_than_both_legs_can_carry(offered, vn_a, vn_b, rate):
    assert bridge_rate_hz(offered, vn_a, vn_b) == rate
