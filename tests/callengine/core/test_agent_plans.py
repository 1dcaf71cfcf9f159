"""The call plan where voice agents stand in it: who is tried when, over which lists."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from agents.formats import Encoding
from callengine.core.directory import (
    AgentPlace,
    BrowserPlace,
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
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined, plan_call
from callengine.core.request import CallRequest

ALL = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
PLATFORM = Platform(codecs=ALL, available_codecs=ALL)
STRANGER = Source("external", "203.0.113.7")
CAROL = Source("connection", "192.0.2.8", connection=ConnectionEntry("carol", "Carol"))
PHONE = Contact("sip:alice@192.0.2.9:5062", "udp:192.0.2.9:5062")
ALICE = ConnectionEntry("alice", "Alice", inbound_codecs=("G722", "PCMA"), contacts=(PHONE,))
BROWSER = BrowserPlace("page", "Browser of alice")
CARRIER = TrunkEntry(
    "carrier", gateways=(GatewayEntry("sip:192.0.2.20", 1),), out_username="u", out_password="pw"
)
SUPPORT = AgentPlace("support", codecs=("G722", "PCMU"))
TO_SUPPORT = Destination(number="+1", agent=SUPPORT)


def planned(
    destination: Destination,
    source: Source = CAROL,
    offered: tuple[str, ...] | None = ALL,
    calls: Mapping[str, int] | None = None,
    platform: Platform = PLATFORM,
) -> CallPlan | Declined | Rejection:
    request = CallRequest("0" * 32, "cid", "carol", "Carol", "+1", offered, 70, source)
    return plan_call(request, destination=destination, platform=platform, usage=Usage(calls or {}))


def plan(destination: Destination, **options: Any) -> CallPlan:
    made = planned(destination, **options)
    assert isinstance(made, CallPlan), made
    return made


def turns(made: CallPlan) -> list[str]:
    """Who is tried in which wave, `label/when`."""
    return [f"{wave.label}/{wave.when}".removesuffix("/") for wave in made.waves]


def falling_back(destination: Destination, number: str = "", **changes: Any) -> AgentPlace:
    return dataclasses.replace(SUPPORT, fallback=destination, fallback_number=number, **changes)


def led_by(agent: AgentPlace, when: str, **changes: Any) -> Destination:
    return Destination(
        connection=dataclasses.replace(ALICE, agent=agent, agent_when=when, **changes)
    )


def test_an_agent_is_one_wave_with_its_list_for_the_caller_and_none_of_its_own() -> None:
    made = plan(TO_SUPPORT)
    (wave,) = made.waves
    (target,) = wave.targets
    assert (target.agent, target.label, target.uri) == ("support", "support", "")
    assert (made.vn_a, made.vn_b) == (("G722", "PCMU"), ())
    assert made.vn_a_source == "list of support"
    assert made.vn_b_source == "none: support is a voice agent"
    assert made.destination == "agent:support"


def test_strangers_may_reach_an_agent() -> None:
    assert turns(plan(TO_SUPPORT, source=STRANGER)) == ["support"]


@pytest.mark.parametrize(
    ("encoding", "codecs", "vn_a"),
    [
        (Encoding.PCM, (), ALL),
        (Encoding.PCMU, (), ("PCMU", "OPUS", "G722", "AMR-WB", "PCMA")),
        (Encoding.PCMA, (), ("PCMA", "OPUS", "G722", "AMR-WB", "PCMU")),
        (Encoding.PCMU, ("G722", "PCMU"), ("G722", "PCMU")),
        (Encoding.PCMU, ("OPUS",), ("OPUS",)),
    ],
)
def test_without_a_list_of_its_own_untouched_bytes_go_first(
    encoding: Encoding, codecs: tuple[str, ...], vn_a: tuple[str, ...]
) -> None:
    agent = AgentPlace("support", codecs=codecs, input=encoding)
    made = plan(Destination(agent=agent))
    assert made.vn_a == vn_a
    assert ("takes it untouched" in made.vn_a_source) is (made.vn_a[0] != "OPUS" and not codecs)


def test_a_codec_that_is_not_on_the_platform_list_does_not_come_in_by_being_untouched() -> None:
    agent = AgentPlace("support", input=Encoding.PCMU)
    platform = Platform(codecs=("G722", "PCMA"), available_codecs=ALL)
    assert plan(Destination(agent=agent), platform=platform).vn_a == ("G722", "PCMA")


def test_a_caller_without_a_codec_of_the_list_is_declined() -> None:
    made = planned(TO_SUPPORT, offered=("PCMA",))
    assert isinstance(made, Declined)
    assert made.termination.code == 488
    assert "The list of support allows G722, PCMU" in made.termination.advice
    assert made.plan.destination == "agent:support"


@pytest.mark.parametrize(
    ("agent", "platform", "code", "rule"),
    [
        (dataclasses.replace(SUPPORT, enabled=False), PLATFORM, 480, "destination-disabled"),
        (SUPPORT, Platform(codecs=ALL, available_codecs=("OPUS",)), 503, "no-codec-available"),
    ],
)
def test_an_agent_that_cannot_be_called_is_refused_with_advice(
    agent: AgentPlace, platform: Platform, code: int, rule: str
) -> None:
    made = planned(Destination(agent=agent), platform=platform)
    assert isinstance(made, Rejection)
    assert (made.code, made.rule) == (code, rule)


TO_ALICE = Destination(connection=ALICE)
TO_CARRIER = Destination(trunk=CARRIER)


@pytest.mark.parametrize(
    ("fallback", "number", "said"),
    [
        (TO_ALICE, "", ["support", "Alice"]),
        (TO_CARRIER, "+4420", ["support", "carrier"]),
        (Destination(route=RouteEntry("+", (CARRIER,))), "+4420", ["support", "carrier"]),
        (Destination(agent=AgentPlace("second")), "2", ["support", "second"]),
    ],
)
def test_a_fallback_is_tried_after_the_agent(
    fallback: Destination, number: str, said: list[str]
) -> None:
    made = plan(Destination(agent=falling_back(fallback, number)))
    assert turns(made) == said
    assert made.destination == "agent:support"
    assert made.notes == ()


def test_each_wave_has_its_own_lists() -> None:
    made = plan(Destination(agent=falling_back(TO_ALICE)))
    assert [(wave.vn_a, wave.vn_b) for wave in made.waves] == [
        (("G722", "PCMU"), ()),
        (ALL, ("G722", "PCMA")),
    ]
    assert made.bridge_rate_hz == 16_000, "for the phone, which is mixed; the agent is not"


def test_a_fallback_through_a_trunk_dials_its_number_and_takes_the_password_along() -> None:
    destination = Destination(agent=falling_back(TO_CARRIER, "+4420"))
    target = plan(destination).waves[1].targets[0]
    assert target.uri == "sip:+4420@192.0.2.20"
    assert passwords_of(destination) == {"carrier": "pw"}


@pytest.mark.parametrize(
    ("fallback", "source", "calls", "note"),
    [
        (TO_CARRIER, STRANGER, {}, "is an unauthenticated caller"),
        (Destination(), CAROL, {}, "Nobody here has the number or SIP user '7'"),
        (
            Destination(connection=dataclasses.replace(ALICE, contacts=())),
            CAROL,
            {},
            "Alice is not registered",
        ),
        (
            Destination(trunk=dataclasses.replace(CARRIER, concurrent_calls=1)),
            CAROL,
            {"trunk:carrier": 1},
            "carrier has as many calls as allowed",
        ),
    ],
)
def test_a_fallback_that_leads_nowhere_is_noted_and_the_agent_still_tried(
    fallback: Destination, source: Source, calls: dict[str, int], note: str
) -> None:
    made = plan(Destination(agent=falling_back(fallback, "7")), source=source, calls=calls)
    assert turns(made) == ["support"]
    (text,) = made.notes
    assert text.startswith("The fallback of support was left out: ")
    assert note in text


def test_the_fallback_stands_in_for_an_agent_that_is_disabled_or_shares_no_codec() -> None:
    disabled = falling_back(TO_ALICE, enabled=False)
    made = plan(Destination(agent=disabled))
    assert turns(made) == ["Alice"]
    assert made.destination == "connection:alice"
    assert made.notes == ("support is disabled. Enable the voice agent.",)
    made = plan(Destination(agent=falling_back(TO_ALICE)), offered=("PCMA",))
    assert turns(made) == ["Alice"]
    assert made.notes == ("support was left out: no codec in common with the caller.",)


def test_fallbacks_that_go_round_end() -> None:
    """As the directory reads them: an agent met again has no fallback any more."""
    once_more = Destination(agent=AgentPlace("first", codecs=("PCMU",)))
    second = AgentPlace("second", codecs=("PCMU",), fallback=once_more, fallback_number="1")
    first = AgentPlace("first", fallback=Destination(agent=second), fallback_number="2")
    made = plan(Destination(agent=first))
    assert turns(made) == ["first", "second"]
    (note,) = made.notes
    assert note == (
        "The fallback of second was left out: first is tried before already: the fallbacks go "
        "round."
    )


@pytest.mark.parametrize(
    ("when", "changes", "calls", "said"),
    [
        ("always", {}, {}, ["support"]),
        ("always", {"contacts": ()}, {}, ["support"]),
        ("always", {"concurrent_calls": 1}, {"connection:alice": 1}, ["support"]),
        ("not-registered", {}, {}, ["Alice"]),
        ("not-registered", {"contacts": ()}, {}, ["support"]),
        ("not-registered", {"contacts": (), "address": "sip:192.0.2.1"}, {}, ["Alice"]),
        ("not-registered", {"contacts": (), "browsers": (BROWSER,)}, {}, ["Alice"]),
        ("busy", {}, {}, ["Alice", "support/busy"]),
        ("busy", {"concurrent_calls": 1}, {}, ["Alice", "support/busy"]),
        ("busy", {"concurrent_calls": 1}, {"connection:alice": 1}, ["support"]),
    ],
)
def test_a_connections_agent_takes_its_calls_in_its_case(
    when: str, changes: dict[str, Any], calls: dict[str, int], said: list[str]
) -> None:
    made = plan(led_by(SUPPORT, when, **changes), calls=calls)
    assert turns(made) == said
    is_agent = said[0] == "support"
    assert made.destination == ("agent:support" if is_agent else "connection:alice")
    assert bool(made.notes) is is_agent


def test_what_an_agent_for_a_busy_phone_falls_back_to_is_for_a_busy_phone_too() -> None:
    agent = falling_back(TO_CARRIER, "7")
    assert turns(plan(led_by(agent, "busy"))) == ["Alice", "support/busy", "carrier/busy"]


@pytest.mark.parametrize(
    ("when", "changes", "calls", "code", "rule"),
    [
        ("busy", {"contacts": ()}, {}, 480, "not-registered"),
        ("not-registered", {"concurrent_calls": 1}, {"connection:alice": 1}, 486,
         "concurrent-calls-reached"),
        ("always", {"enabled": False}, {}, 480, "destination-disabled"),
    ],
)  # fmt: skip
def test_in_another_case_the_connection_is_refused_as_ever(
    when: str, changes: dict[str, Any], calls: dict[str, int], code: int, rule: str
) -> None:
    made = planned(led_by(AgentPlace("support", enabled=False), when, **changes), calls=calls)
    assert isinstance(made, Rejection)
    assert (made.code, made.rule) == (code, rule)


def test_the_phone_rings_while_an_agent_for_all_its_calls_is_disabled() -> None:
    agent = dataclasses.replace(SUPPORT, enabled=False)
    assert turns(plan(led_by(agent, "always"))) == ["Alice"]


def test_an_agent_for_all_calls_may_fall_back_to_the_phone_it_stands_before() -> None:
    behind = dataclasses.replace(ALICE, agent=SUPPORT, agent_when="always")
    made = plan(led_by(falling_back(Destination(connection=behind)), "always"))
    assert turns(made) == ["support", "Alice"]


@pytest.mark.parametrize(
    ("trunks", "calls", "said"),
    [
        ((CARRIER,), {}, ["carrier", "support"]),
        ((dataclasses.replace(CARRIER, enabled=False),), {}, ["support"]),
        ((dataclasses.replace(CARRIER, concurrent_calls=1),), {"trunk:carrier": 1}, ["support"]),
        ((dataclasses.replace(CARRIER, in_codecs=("PCMA",)),), {}, ["support"]),
    ],
)
def test_a_routes_last_resort_comes_after_its_trunks(
    trunks: tuple[TrunkEntry, ...], calls: dict[str, int], said: list[str]
) -> None:
    route = RouteEntry("+", trunks, last_resort=SUPPORT)
    made = plan(Destination(route=route), calls=calls, offered=("G722", "PCMU"))
    assert turns(made) == said
    assert made.destination == ("trunk:carrier" if len(said) == 2 else "agent:support")


def test_a_route_whose_last_resort_is_disabled_is_refused_as_without() -> None:
    agent = dataclasses.replace(SUPPORT, enabled=False)
    trunk = dataclasses.replace(CARRIER, enabled=False)
    made = planned(Destination(route=RouteEntry("+", (trunk,), last_resort=agent)))
    assert isinstance(made, Rejection)
    assert made.rule == "no-usable-trunk"


def test_strangers_come_to_no_trunk_by_way_of_a_last_resort() -> None:
    route = RouteEntry("+", (CARRIER,), last_resort=SUPPORT)
    made = planned(Destination(route=route), source=STRANGER)
    assert isinstance(made, Rejection)
    assert made.rule == "external-caller-to-trunk"


def test_a_plan_with_an_agent_is_json_without_a_secret() -> None:
    record = plan(Destination(agent=falling_back(TO_CARRIER, "7"))).record()
    assert record["waves"][0]["targets"][0]["agent"] == "support"
    assert "pw" not in str(record)
