"""What a caller and a trunk may, how much of it, and what is said to whoever may not."""

import dataclasses
from typing import Any

import pytest

from callengine.core.capacity import RecentCalls
from callengine.core.directory import (
    AgentPlace,
    ConnectionEntry,
    Contact,
    Destination,
    GatewayEntry,
    Platform,
    RouteEntry,
    Source,
    TrunkEntry,
)
from callengine.core.outcomes import Rejection
from callengine.core.permissions import Permissions, Usage
from callengine.core.plan import CallPlan
from callengine.core.planner import plan_call
from callengine.core.request import CallRequest

CODECS = ("PCMU",)
PLATFORM = Platform(CODECS, available_codecs=CODECS, home_country="US")
NO_ABROAD = Permissions("none")
TO_FRANCE = Permissions("listed", countries=("FR",))
LONDON, PARIS, BOSTON = "+442079460018", "+33140000000", "+16175550100"


def trunk(name: str = "carrier", permissions: Permissions | None = None) -> TrunkEntry:
    gateways = (GatewayEntry("sip:192.0.2.1", 1),)
    return TrunkEntry(name, gateways=gateways, permissions=permissions or Permissions())


def plan(
    number: str = LONDON,
    *,
    caller: Permissions | None = None,
    trunks: tuple[TrunkEntry, ...] = (trunk(),),
    callee: ConnectionEntry | None = None,
    usage: Usage | None = None,
    platform: Platform = PLATFORM,
) -> Any:
    alice = ConnectionEntry("alice", "Alice", permissions=caller or Permissions())
    request = CallRequest(
        call="0" * 32,
        call_id="x",
        from_user="alice",
        from_name="Alice",
        to_user=number,
        offered=CODECS,
        max_forwards=70,
        source=Source("connection", "192.0.2.9", connection=alice),
    )
    to = Destination(connection=callee) if callee else Destination(route=RouteEntry("+", trunks))
    return plan_call(request, destination=to, platform=platform, usage=usage or Usage())


def refused(decision: Any, rule: str, code: int = 403) -> str:
    assert isinstance(decision, Rejection), decision
    assert (decision.rule, decision.code) == (rule, code)
    return decision.advice


@pytest.mark.parametrize(
    ("number", "permissions", "rule"),
    [
        (BOSTON, NO_ABROAD, ""),
        (LONDON, NO_ABROAD, "international-forbidden"),
        ("011442079460018", NO_ABROAD, "international-forbidden"),
        ("442079460018", NO_ABROAD, "international-forbidden"),
        (LONDON, Permissions(), ""),
        (PARIS, TO_FRANCE, ""),
        (BOSTON, TO_FRANCE, ""),
        (LONDON, TO_FRANCE, "country-forbidden"),
        ("+88213300000", TO_FRANCE, "country-forbidden"),
        ("+19005551234", Permissions(premium_rate=False), "premium-rate-forbidden"),
        ("+19005551234", Permissions(), ""),
    ],
)
@pytest.mark.parametrize("who", ["caller", "trunk"])
def test_both_must_let_a_number_through(
    number: str, permissions: Permissions, rule: str, who: str
) -> None:
    if who == "caller":
        decision = plan(number, caller=permissions)
    else:
        decision = plan(number, trunks=(trunk(permissions=permissions),))
    if not rule:
        assert isinstance(decision, CallPlan)
        return
    advice = refused(decision, rule)
    assert advice.startswith("Alice may" if who == "caller" else "The trunk carrier may")
    assert number in advice
    assert "among its permissions" in advice


def test_who_calls_inside_only_reaches_no_trunk() -> None:
    """Neither by itself nor by the fallback of an agent; by another's rights it does."""
    olga = ConnectionEntry("olga", "Browser of olga")
    source = Source("connection", "127.0.0.1", connection=olga, is_inside_only=True)
    request = CallRequest(
        call="0" * 32,
        call_id="x",
        from_user="olga",
        from_name="Browser of olga",
        to_user=BOSTON,
        offered=None,
        max_forwards=70,
        source=source,
    )

    def planned(to: Destination, acts_for: Source | None = None) -> Any:
        asked = dataclasses.replace(request, acts_for=acts_for)
        return plan_call(asked, destination=to, platform=PLATFORM, usage=Usage())

    outside = Destination(route=RouteEntry("+", (trunk(),)))
    advice = refused(planned(outside), "outside-forbidden")
    assert advice == (
        f"Browser of olga calls inside only, and {BOSTON} leads outside, through a trunk. Such a "
        "call is made by a connection, as its rights and its lists hold: choose one under Call as."
    )
    agent = AgentPlace("support", fallback=outside, fallback_number=BOSTON)
    made = planned(Destination(agent=agent))
    assert [target.agent for wave in made.waves for target in wave.targets] == ["support"]
    assert made.notes == (f"The fallback of support was left out: {advice}",)
    alice = Source("connection", "192.0.2.9", connection=ConnectionEntry("alice", "Alice"))
    assert [wave.label for wave in planned(outside, alice).waves] == ["carrier"]


def test_what_to_do_is_said_with_the_country() -> None:
    advice = refused(plan(caller=NO_ABROAD), "international-forbidden")
    assert advice == (
        "Alice may not be used for calls abroad, and +442079460018 is in GB. Set international "
        "calls among its permissions to any country, or to those listed with GB among them."
    )
    nowhere = dataclasses.replace(PLATFORM, home_country="")
    advice = refused(plan(BOSTON, caller=NO_ABROAD, platform=nowhere), "international-forbidden")
    assert "No home country is set, so every country is abroad: set it under Settings." in advice


def test_a_number_that_ends_in_a_hash_is_a_number_abroad_all_the_same() -> None:
    """Carriers end a number there, or drop it; it was taken for a feature code."""
    home = dataclasses.replace(PLATFORM, home_country="US")
    dialled = f"00{LONDON.removeprefix('+')}#"
    advice = refused(plan(dialled, caller=NO_ABROAD, platform=home), "international-forbidden")
    assert f"abroad, and {dialled} can be read as one that is in GB. Set" in advice


def test_a_trunk_that_may_not_is_left_out_and_the_next_one_tried() -> None:
    decision = plan(trunks=(trunk("home", NO_ABROAD), trunk("world")))
    assert [wave.label for wave in decision.waves] == ["world"]
    assert decision.notes[0].startswith("Trunk home was left out: The trunk home may not be used")


def test_calls_between_phones_are_no_calls_abroad() -> None:
    bob = ConnectionEntry(
        LONDON, "Bob", contacts=(Contact("sip:b@192.0.2.7", "udp:192.0.2.7:5060"),)
    )
    assert isinstance(plan(LONDON, caller=NO_ABROAD, callee=bob), CallPlan)


@pytest.mark.parametrize(
    ("begun", "label", "who"),
    [(2, "connection:alice", "Alice"), (2, "trunk:carrier", "The trunk carrier")],
)
def test_calls_per_second(begun: int, label: str, who: str) -> None:
    two = Permissions(calls_per_second=2)
    kinds: dict[str, Any] = (
        {"caller": two} if who == "Alice" else {"trunks": (trunk(permissions=two),)}
    )
    assert isinstance(plan(usage=Usage(last_second={label: begun - 1}), **kinds), CallPlan)
    decision = plan(usage=Usage(last_second={label: begun}), **kinds)
    advice = refused(decision, "calls-per-second-reached", 503)
    assert advice.startswith(f"{who} began 2 calls within a second")
    assert decision.retry_after_s == 1


@pytest.mark.parametrize("who", ["connection:alice", "trunk:carrier"])
def test_minutes_a_day(who: str) -> None:
    hour = Permissions(daily_minutes=60)
    kinds: dict[str, Any] = (
        {"caller": hour} if who == "connection:alice" else {"trunks": (trunk(permissions=hour),)}
    )
    assert "60 minutes of today" in refused(
        plan(usage=Usage(minutes_today={who: 60.0}), **kinds), "daily-minutes-reached"
    )
    wave = plan(usage=Usage(minutes_today={who: 59.0}), **kinds).waves[0]
    assert wave.longest_s == 60.0
    assert "had left of its 60 minutes a day" in wave.longest_why


def test_the_shortest_of_what_all_allow_bounds_a_call() -> None:
    caller = Permissions(max_duration_s=600)
    trunks = (trunk("short", Permissions(max_duration_s=60)), trunk("long"))
    waves = plan(caller=caller, trunks=trunks).waves
    assert [(wave.label, wave.longest_s) for wave in waves] == [("short", 60), ("long", 600)]
    assert waves[0].longest_why.startswith("The call reached the longest duration that the trunk")
    assert waves[1].longest_why.startswith("The call reached the longest duration that Alice")


def test_a_connection_rings_for_as_long_as_it_is_set_to() -> None:
    contact = Contact("sip:b@192.0.2.7", "udp:192.0.2.7:5060")
    bob = ConnectionEntry("bob", "Bob", contacts=(contact,), ring_timeout_s=25)
    assert [wave.ring_timeout_s for wave in plan("bob", callee=bob).waves] == [25.0]


def test_a_full_trunk_and_a_full_caller_say_when_to_try_again() -> None:
    full = dataclasses.replace(trunk(), concurrent_calls=1)
    decision = plan(trunks=(full,), usage=Usage({"trunk:carrier": 1}))
    assert (decision.code, decision.retry_after_s) == (503, 5)


def test_the_last_seconds_calls_are_counted_by_label() -> None:
    recent = RecentCalls(10, window_s=1.0)
    for label, at in (("a", 0.0), ("b", 0.5), ("a", 0.9)):
        recent.note(label, at)
    assert recent.counts(0.95) == {"a": 2, "b": 1}
    assert recent.counts(1.2) == {"a": 1, "b": 1}
    assert recent.counts(3.0) == {}
