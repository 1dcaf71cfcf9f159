"""Voice agents as a call reads them: where a number leads, and what the agent is told."""

from typing import Any

import pytest

from agents.formats import Encoding
from agents.models import VoiceAgent
from agents.services import create_agent, patch_agent
from callengine.core.directory import AgentPlace, Destination
from callengine.directory import lookup
from callengine.directory.whereto import where_to
from connections.models import Connection
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db


def agent(name: str, secret: str = "", **values: Any) -> VoiceAgent:
    given = {"dialect": "assemblyai", "url": "wss://a.example/v1", "system_prompt": "Hi."}
    return create_agent(values={"name": name} | given | values, secret=secret)


def carrier(**values: Any) -> Trunk:
    trunk = Trunk.objects.create(name="carrier", international="all", **values)
    Gateway.objects.create(trunk=trunk, uri="sip:192.0.2.1", priority=1)
    return trunk


def test_an_agent_is_read_whole_for_its_call_and_its_secret_is_in_no_repr(
    django_assert_num_queries,
):
    row = agent(
        "support",
        secret="sk-hunter2",
        tools=[{"name": "end_call", "description": "Grüß"}],
        keyterms=["VoIP"],
        turn_detection={"type": "vad"},
        input_encoding="audio/pcmu",
        volume=80,
        transcription_model="whisper-1",
        headers={"X-Customer": "customer_id"},
        max_duration_s=1800,
        silence_timeout_s=60,
    )
    with django_assert_num_queries(1):
        entry = lookup.agent("support")
    assert (entry.dialect, entry.url, entry.secret) == (row.dialect, row.url, "sk-hunter2")
    assert entry.tools == '[{"type":"function","name":"end_call","description":"Grüß"}]'
    assert (entry.keyterms, entry.turn_detection) == (("VoIP",), '{"type":"vad"}')
    assert (entry.input, entry.output, entry.volume) == (Encoding.PCMU, Encoding.PCM, 80)
    assert entry.transcription_model == "whisper-1"
    assert (entry.headers, entry.account) == ({"X-Customer": "customer_id"}, row.account)
    limits = (entry.max_duration_s, entry.silence_timeout_s, entry.ready_timeout_s)
    assert limits == (1800, 60, 10)
    assert "hunter2" not in repr(entry)


def test_an_agent_that_is_gone_or_disabled_is_not_talked_to():
    agent("support", enabled=False)
    assert lookup.agent("support") is None
    assert lookup.agent("nobody") is None


def test_a_number_leads_to_an_agent(django_assert_num_queries):
    row = agent("support", secret="sk-hunter2", codecs=["PCMU"], input_encoding="audio/pcmu")
    Number.objects.create(number="+1", agent=row)
    with django_assert_num_queries(2):
        found = lookup.destination("+1")
    assert found.agent == AgentPlace("support", codecs=("PCMU",), input=Encoding.PCMU)
    assert "hunter2" not in repr(found)
    assert not list(found.all_trunks())


def test_fallbacks_are_read_on_until_an_agent_comes_again(django_assert_num_queries):
    alice = Connection.objects.create(name="Alice", sip_user="alice")
    first, second = agent("first", fallback="number:2"), agent("second", fallback="number:1")
    Number.objects.create(number="1", agent=first)
    Number.objects.create(number="2", agent=second)
    with django_assert_num_queries(6):
        place = lookup.destination("1").agent
    assert lookup.agent_destination("first") == Destination(agent=place), "without its number"
    assert lookup.agent_destination("nobody") is None
    assert lookup.agent_destination("no\0body") is None
    assert (place.name, place.fallback_number) == ("first", "2")
    again = place.fallback.agent.fallback.agent
    assert (again.name, again.fallback) == ("first", None)
    patch_agent(pk=second.pk, changes={"fallback": "connection:alice"})
    Connection.objects.filter(pk=alice.pk).update(agent=first, agent_when="always")
    entry = lookup.destination("1").agent.fallback.agent.fallback.connection
    assert (entry.sip_user, entry.agent_when) == ("alice", "always")
    assert (entry.agent.name, entry.agent.fallback) == ("first", None)


def test_a_long_chain_of_fallbacks_is_cut():
    for n in range(20):
        Number.objects.create(number=f"{n}", agent=agent(f"a{n}", fallback=f"number:{n + 1}"))
    place, length = lookup.destination("0").agent, 0
    while place is not None:
        place, length = place.fallback and place.fallback.agent, length + 1
    assert length == lookup.MAX_AGENTS + 1


def test_a_trunk_behind_an_agent_is_among_all_trunks():
    carrier(out_username="u", out_password="pw")
    last = agent("last", fallback="trunk:carrier +44")
    route = Route.objects.create(prefix="+", last_resort_agent=last)
    RouteTrunk.objects.create(route=route, trunk=Trunk.objects.create(name="other"))
    found = lookup.destination("+7")
    assert found.route.last_resort.name == "last"
    assert [trunk.name for trunk in found.all_trunks()] == ["other", "carrier"]


def test_where_a_number_would_go_names_everybody_in_turn():
    carrier()
    Connection.objects.create(name="Bob", sip_user="bob", international="all")
    row = agent("support", codecs=["PCMU"], fallback="trunk:carrier +44")
    Number.objects.create(number="+1", agent=row)
    to = where_to(number="+1", source_kind="connection", source_name="bob")
    assert (to.match, to.agent, to.goes) == ("number", "support", True)
    assert [(turn.kind, turn.name, turn.when) for turn in to.turns] == [
        ("agent", "support", ""),
        ("trunk", "carrier", ""),
    ]
    assert (to.vn_a, to.vn_b, to.trunks, to.rings) == (("PCMU",), (), (), ())


def test_where_a_busy_connections_calls_would_go():
    row = agent("support")
    Connection.objects.create(
        name="Alice", sip_user="alice", address="sip:192.0.2.9", agent=row, agent_when="busy"
    )
    Connection.objects.create(name="Bob", sip_user="bob")
    to = where_to(number="alice", source_kind="connection", source_name="bob")
    assert [(turn.name, turn.when) for turn in to.turns] == [("Alice", ""), ("support", "busy")]
    assert (to.connection, to.agent, to.rings) == ("alice", "", ("sip:192.0.2.9",))


def test_an_agent_may_be_called_as_a_trunk_is():
    row = agent("carrier")
    route = Route.objects.create(prefix="+", last_resort_agent=row)
    RouteTrunk.objects.create(route=route, trunk=carrier(enabled=False))
    Connection.objects.create(name="Bob", sip_user="bob")
    to = where_to(number="+7", source_kind="connection", source_name="bob")
    assert [(turn.kind, turn.name) for turn in to.turns] == [("agent", "carrier")]
    (step,) = to.trunks
    assert (step.tried, step.why_not) == (False, "it is disabled.")
    assert "leads to carrier, which is disabled" in to.notes[0]


def test_no_plan_reads_a_secret_or_a_prompt(django_assert_num_queries):
    row = agent("support", secret="sk-hunter2")
    alice = Connection.objects.create(name="Alice", sip_user="alice", agent=row)
    Number.objects.create(number="1", agent=row)
    Number.objects.create(number="2", connection=alice)
    route = Route.objects.create(prefix="+", last_resort_agent=row)
    RouteTrunk.objects.create(route=route, trunk=carrier())
    for number, queries in (("1", 2), ("2", 4), ("alice", 4), ("+7", 7)):
        with django_assert_num_queries(queries) as context:
            lookup.destination(number)
        assert not [one for one in context.captured_queries if "secret" in one["sql"]]
