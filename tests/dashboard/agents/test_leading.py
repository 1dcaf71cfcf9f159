"""What leads to a voice agent: numbers, routes and connections choose one by name."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from audiocodecs.models import PlatformSettings
from connections.models import Connection
from dashboard.accounts.roles import Role
from tests.dashboard.agents.some import agent
from tests.dashboard.carriers import at, said, text
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of
from tests.dashboard.subscribers import shown as shown_connection
from tests.dashboard.subscribers import stored as stored_connection
from tests.dashboard.subscribers import url
from tests.dashboard.test_sections import browser_with
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk
from trunks.parties import find_party

pytestmark = pytest.mark.django_db


def carrier() -> Trunk:
    trunk = Trunk.objects.create(name="carrier-one", international="all")
    Gateway.objects.create(trunk=trunk, uri="sip:192.0.2.1")
    return trunk


# Numbers


@pytest.mark.parametrize(
    "typed", ["support", "Support", "support (voice agent)", "agent:support", " Agent: support "]
)
def test_a_number_is_led_to_an_agent(admin: Client, typed: str) -> None:
    row = agent()
    answer = admin.post(at("number-add"), {"number": "700", "destination": typed})
    assert "700 goes to support." in said(admin, answer)
    number = Number.objects.get()
    assert (number.agent, number.connection, number.trunk) == (row, None, None)
    assert f'href="{at("agent", row.pk)}">support</a>' in text(admin.get("/numbers/?kind=agent"))
    assert "No number matches" in text(admin.get("/numbers/?kind=trunk"))
    page = admin.get(at("number", number.pk))
    assert page.context["form"]["destination"].value() == "support (voice agent)"


def test_a_number_is_moved_from_an_agent_to_a_trunk(admin: Client) -> None:
    number = Number.objects.create(number="700", agent=agent())
    carrier()
    revision = admin.get(at("number", number.pk)).context["form"]["revision"].value()
    form = {"number": "700", "destination": "carrier-one", "revision": revision}
    said(admin, admin.post(at("number", number.pk), form))
    number.refresh_from_db()
    assert (number.agent, str(number.trunk)) == (None, "carrier-one")


def test_a_name_of_several_kinds_is_asked_about() -> None:
    agent("alice")
    Connection.objects.create(name="Alice", sip_user="alice")
    with pytest.raises(ValidationError) as caught:
        find_party("alice")
    assert caught.value.messages == [
        "'alice' may be any of 2: write Alice (alice) or alice (voice agent)."
    ]
    with pytest.raises(ValidationError, match=r"or the name of a voice agent\. Perhaps Alice \(al"):
        find_party("alic")


def test_names_are_offered_to_those_who_may_see_them(admin: Client) -> None:
    agent()
    carrier()
    options = text(admin.get("/parties/?destination="))
    assert 'data-value="support (voice agent)"' in options
    assert 'data-value="carrier-one (trunk)"' in options
    assert "voice agent" not in text(admin.get("/parties/?fallback=&kinds=connection,trunk"))
    assert "trunk" not in text(admin.get("/parties/?last_resort=&kinds=agent"))
    assert "voice agent" not in text(browser_with("view_trunk").get("/parties/?destination="))


# Routes


def test_a_route_is_given_a_last_resort_and_loses_it(admin: Client) -> None:
    row = agent()
    carrier()
    form = {"prefix": "+44", "trunk": "carrier-one", "last_resort": "support"}
    said(admin, admin.post(at("route-add"), form))
    route = Route.objects.get()
    assert route.last_resort_agent == row
    assert "at last</span> <a" in text(admin.get("/routes/"))
    page = admin.get(at("route", route.pk))
    assert "If none of them takes it, the voice agent" in text(page)
    values = {name: page.context["form"][name].value() for name in ("prefix", "revision")}
    said(admin, admin.post(at("route", route.pk), {**values, "last_resort": ""}))
    route.refresh_from_db()
    assert route.last_resort_agent is None
    answer = admin.post(at("route", route.pk), {"prefix": "+44", "last_resort": "carrier-one"})
    assert "allowed: the name of a voice agent." in text(answer)


# Connections


def test_a_connection_is_given_an_agent_for_a_case(admin: Client) -> None:
    row, alice = agent(), stored_connection()
    form = {**shown_connection(admin, alice), "agent": "support", "agent_when": "busy"}
    said(admin, admin.post(url(alice), form))
    alice.refresh_from_db()
    assert (alice.agent, alice.agent_when) == (row, "busy")
    assert shown_connection(admin, alice)["agent"] == "support"
    page = text(admin.get(url(alice)))
    assert f'The voice agent <a href="{at("agent", row.pk)}">support</a> takes its calls' in page
    assert "when it is busy" in page
    emptied = {**shown_connection(admin, alice), "agent": ""}
    said(admin, admin.post(url(alice), emptied))
    alice.refresh_from_db()
    assert alice.agent is None


def test_an_agent_given_to_a_connection_meanwhile_is_not_taken_away(admin: Client) -> None:
    agent("mine")
    theirs, alice = agent("theirs"), stored_connection()
    form = {**shown_connection(admin, alice), "agent": "mine"}
    Connection.objects.update(agent=theirs)
    answer = admin.post(url(alice), form)
    assert answer.status_code == 409
    assert "Somebody else changed this to &#x27;theirs&#x27; meanwhile." in text(answer)
    alice.refresh_from_db()
    assert alice.agent == theirs
    again = {**form, "initial-agent": "theirs"}
    said(admin, admin.post(url(alice), again))
    alice.refresh_from_db()
    assert str(alice.agent) == "mine"


def test_who_may_not_see_agents_sees_none_at_a_connection(admin: Client) -> None:
    alice = stored_connection(agent=agent("secret-agent"))
    browser = browser_with("view_connection", "change_connection")
    page = text(browser.get(url(alice, "?tab=settings")))
    assert "secret-agent" not in page
    said(browser, browser.post(url(alice), shown_connection(browser, alice)))
    alice.refresh_from_db()
    assert str(alice.agent) == "secret-agent"
    viewer = browser_of(Role.VIEWER)
    assert "secret-agent" in text(viewer.get(url(alice, "?tab=settings")))


# Where would this number go?


def test_the_way_to_an_agent_and_on_to_its_fallback_is_shown(admin: Client) -> None:
    PlatformSettings.objects.create(external_sip=True)
    demo.engine_node()
    bob = Connection.objects.create(name="Bob", sip_user="bob", address="sip:192.0.2.9")
    row = agent(fallback_connection=bob, codecs=["PCMU"])
    Number.objects.create(number="700", agent=row)
    page = text(admin.get("/routes/?number=700"))
    way = page[page.index('id="way"') :].partition("</section>")[0]
    places = [
        way.index(part)
        for part in (
            ">700</a>",
            f'To the voice agent <a href="{at("agent", row.pk)}">support</a>',
            "<b>PCMU</b>",
            "If it cannot be had, to the connection <b>Bob</b>",
        )
    ]
    assert places == sorted(places)


def test_the_last_resort_of_a_route_is_shown_after_its_trunks(admin: Client) -> None:
    PlatformSettings.objects.create(external_sip=True)
    demo.engine_node()
    alice = Connection.objects.create(name="Alice", sip_user="alice", international="all")
    row = agent()
    route = Route.objects.create(prefix="+44", last_resort_agent=row)
    RouteTrunk.objects.create(route=route, trunk=carrier())
    page = text(admin.get(f"/routes/?number=%2B44201&source={alice.sip_user}"))
    way = page[page.index('id="way"') :].partition("</section>")[0]
    assert way.index(">carrier-one</a>") < way.index("Then to the voice agent")
    assert "Refused" not in way


# Search


def test_an_agent_is_found_by_its_name(admin: Client) -> None:
    row = agent(agent_id="agt-4711")
    for asked in ("supp", "agt-47"):
        assert f'href="{at("agent", row.pk)}"' in text(admin.get(f"/search/?q={asked}"))
    Number.objects.create(number="7001", agent=row)
    assert "to <bdi>support</bdi>" in text(admin.get("/search/?q=7001"))
    other = browser_with("view_call")
    assert "support" not in text(other.get("/search/?q=supp"))
