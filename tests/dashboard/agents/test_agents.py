"""Voice agents: the list, one added, switched off and deleted, what leads to it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import VoiceAgent
from connections.models import Connection
from dashboard.accounts.roles import Role
from tests.dashboard.agents.some import SECRET, agent
from tests.dashboard.carriers import at, said, text
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of
from trunks.models import Number, Route, Trunk

pytestmark = pytest.mark.django_db


# The list


def test_the_list_says_what_to_do_while_it_is_empty(admin: Client) -> None:
    page = text(admin.get("/agents/"))
    assert "No voice agent yet" in page
    assert "Lead a number to it." in page
    assert "url=ws%3A%2F%2F127.0.0.1%3A8070%2Fv1%2Fws" in page
    assert at("agent-add") in page
    page = text(browser_of(Role.VIEWER).get("/agents/"))
    assert "Somebody with the role admin can add one." in page
    assert at("agent-add") not in page


def test_the_list_shows_formats_codecs_numbers_and_the_fallback(admin: Client) -> None:
    alice = Connection.objects.create(name="Alice", sip_user="alice")
    row = agent(input_encoding="audio/pcmu", codecs=["PCMU", "G722"], fallback_connection=alice)
    trunk = Trunk.objects.create(name="carrier-one")
    agent("other", fallback_trunk=trunk, fallback_number="+12025550100")
    Number.objects.create(number="700", agent=row)
    page = text(admin.get("/agents/"))
    assert "AssemblyAI Voice Agent API" in page
    own = page[page.index(">support</a>") :]
    assert own.index("<b>PCMU</b>") < own.index("<b>G722</b>")
    assert "platform list" not in own
    assert 'data-word="Numbers">1<' in page
    assert f'href="{at("connection", alice.pk)}">Alice</a>' in page
    assert '<span class="mono">+12025550100</span> over' in page
    assert SECRET not in page


def test_the_built_in_agent_is_marked(admin: Client) -> None:
    row = agent(url="ws://127.0.0.1:8070/v1/ws")
    assert "built in" in text(admin.get("/agents/"))
    assert "the built-in agent" in text(admin.get(at("agent", row.pk)))


def test_the_list_is_searched_filtered_and_sorted(admin: Client) -> None:
    sales = agent("sales", agent_id="agt-77")
    other = agent("support", dialect="twilio", url="wss://b.example/ws", enabled=False)
    for query, rows in [
        ("q=sal", {sales}),
        ("q=b.example", {other}),
        ("q=AGT-77", {sales}),
        ("q=nobody", set()),
        ("dialect=twilio", {other}),
        ("state=enabled", {sales}),
        ("state=disabled", {other}),
        ("dialect=nonsense", {sales, other}),
    ]:
        assert set(admin.get(f"/agents/?{query}").context["listing"].rows) == rows, query
    assert "No voice agent matches" in text(admin.get("/agents/?q=nobody"))
    assert [row.name for row in admin.get("/agents/?sort=-name").context["listing"].rows] == [
        "support",
        "sales",
    ]


def test_the_list_asks_as_many_questions_for_sixty_agents_as_for_three(admin: Client) -> None:
    trunk = Trunk.objects.create(name="carrier-one")

    def asked(count: int) -> int:
        for number in range(VoiceAgent.objects.count(), count):
            row = agent(f"agent-{number}", fallback_trunk=trunk, fallback_number="1")
            Number.objects.create(number=str(number), agent=row)
        with CaptureQueriesContext(connection) as queries:
            assert admin.get("/agents/").status_code == 200
        return len(queries)

    assert asked(3) == asked(60)


# Adding


def test_an_agent_is_added_and_its_secret_is_never_shown(admin: Client) -> None:
    form = {
        "name": "support",
        "dialect": "assemblyai",
        "url": "wss://agents.example.com/v1/ws",
        "new_secret": SECRET,
        "system_prompt": "Be kind.\r\nBe brief.",
    }
    page = said(admin, admin.post(at("agent-add"), form))
    row = VoiceAgent.objects.get()
    assert (row.secret, row.input_encoding) == (SECRET, "audio/pcm")
    assert row.system_prompt == "Be kind.\nBe brief."
    assert "support is added" in page
    assert SECRET not in page


def test_a_dialect_that_carries_one_format_gets_it(admin: Client) -> None:
    form = {"name": "bot", "dialect": "twilio", "url": "ws://127.0.0.1:8765/ws"}
    said(admin, admin.post(at("agent-add"), form))
    row = VoiceAgent.objects.get()
    assert (row.input_encoding, row.output_encoding) == ("audio/pcmu", "audio/pcmu")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "<b>"}, "A voice agent&#x27;s name is 1 to 100 of"),
        ({"name": "taken"}, "Another voice agent already has this name."),
        (
            {"url": "https://a.example"},
            "&#x27;https://a.example&#x27; is not allowed; allowed: a ws",
        ),
        ({"new_secret": "two\nlines"}, "This secret is not allowed"),
        ({"dialect": "morse"}, "morse is not one of the available choices"),
        ({"system_prompt": ""}, "stored agent or system prompt"),
        ({"dialect": "twilio", "url": "wss://a.example/?x=1"}, "no query (?...)"),
    ],
)
def test_a_wrong_agent_is_said_and_nothing_of_it_is_kept(
    admin: Client, changes: dict[str, str], sentence: str
) -> None:
    agent("taken")
    form = {"name": "new", "dialect": "assemblyai", "url": "wss://a.example", "system_prompt": "x"}
    answer = admin.post(at("agent-add"), {**form, **changes})
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert VoiceAgent.objects.count() == 1


def test_the_form_is_filled_by_its_address_and_asks_only_for_what_is_needed(admin: Client) -> None:
    page = admin.get(f"{at('agent-add')}?name=bot&dialect=twilio&url=ws://127.0.0.1:1")
    form = page.context["form"]
    assert list(form.fields) == ["name", "dialect", "url", "new_secret"]
    assert 'value="ws://127.0.0.1:1"' in text(page)
    form = admin.get(at("agent-add")).context["form"]
    assert {"agent_id", "system_prompt"} <= form.fields.keys()


# What leads to it


def test_what_leads_to_an_agent_is_named_before_it_is_deleted(admin: Client) -> None:
    row = agent()
    Number.objects.create(number="700", agent=row)
    Route.objects.create(prefix="+44", last_resort_agent=row)
    Connection.objects.create(name="Alice", sip_user="alice", agent=row, agent_when="busy")
    page = text(admin.get(at("agent-delete", row.pk)))
    assert ">700</a>" in page
    assert ">+44</a>" in page
    assert ">Alice</a>" in page
    assert "when it is busy" in page
    assert admin.post(at("agent-delete", row.pk)).status_code == 409
    assert VoiceAgent.objects.exists()
    for model in (Number, Route, Connection):
        model.objects.all().delete()
    assert "is deleted" in said(admin, admin.post(at("agent-delete", row.pk)))
    assert not VoiceAgent.objects.exists()


def test_an_agent_is_switched_off_and_on(admin: Client) -> None:
    row = agent()
    said(admin, admin.post(at("agent-enable", row.pk), {"enabled": "no"}))
    assert not VoiceAgent.objects.get().enabled
    assert "This agent is disabled" in text(admin.get(at("agent", row.pk)))
    said(admin, admin.post(at("agent-enable", row.pk), {"enabled": "perhaps"}))
    assert not VoiceAgent.objects.get().enabled
    said(admin, admin.post(at("agent-enable", row.pk), {"enabled": "yes"}))
    assert VoiceAgent.objects.get().enabled


def test_its_page_shows_its_calls_and_what_it_is_not_told(admin: Client) -> None:
    row = agent(agent_id="agt-1", voice="ivy")
    theirs = demo.call(ago_s=10, destination="agent:other")
    own = demo.call(ago_s=20, destination="agent:support")
    for call in (theirs, own):
        demo.store(call)
    answer = admin.get(at("agent", row.pk))
    assert [call.id for call in answer.context["calls"]] == [own["id"]]
    assert "The voice is not used" in text(answer)
    assert f"{at('number-add')}?to=agent:support" in text(answer)


@pytest.mark.parametrize("part", ["", "settings", "audio", "calls"])
def test_somebody_who_only_looks_sees_each_part_and_no_secret(viewer: Client, part: str) -> None:
    row = agent()
    page = text(viewer.get(at(f"agent-{part}" if part else "agent", row.pk)))
    assert "support" in page
    assert SECRET not in page
    assert 'method="post" action="/agents' not in page
