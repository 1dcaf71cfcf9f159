"""One line of text, looked for everywhere the reader may look."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from connections.models import Connection
from dashboard.accounts.roles import Role
from tests.dashboard.people import browser_of, person
from tests.dashboard.record import call, rejection
from trunks.models import Gateway, Number, Trunk


@pytest.fixture
def stored(db: None) -> None:
    alice = Connection.objects.create(name="Alice Marsh", sip_user="alice")
    carrier = Trunk.objects.create(name="carrier-one")
    Gateway.objects.create(trunk=carrier, uri="sip:192.0.2.44:5060")
    Number.objects.create(number="+12025550100", connection=alice)
    call()
    rejection()


def places(client: Client, text: str) -> list[str]:
    return [section.kind for section in client.get("/search/", {"q": text}).context["sections"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alice", ["connections", "calls"]),
        ("MARSH", ["connections"]),
        ("carrier", ["trunks"]),
        ("192.0.2.44", ["trunks"]),
        ("+1 (202) 555-0100", ["numbers", "calls"]),
        ("+1202", ["numbers", "calls"]),
        ("203.0.113.7", ["rejections"]),
        ("mallory", ["rejections"]),
        ("+442079460018", ["rejections"]),
        ("nothing of the kind", []),
        ("\x00", []),
        ("a", []),
        ("", []),
        ("%", []),
        ("x" * 5000, []),
    ],
)
def test_each_place_is_searched(stored: None, viewer: Client, text: str, found: list[str]) -> None:
    assert places(viewer, text) == found


def test_a_call_id_leads_straight_to_its_call(viewer: Client) -> None:
    made = call()
    call()
    response = viewer.get("/search/", {"q": f" A-{made.pk.hex}@127.0.0.1 "})
    assert response["Location"] == f"/calls/{made.pk}/"


def test_a_call_id_of_two_calls_shows_both(viewer: Client) -> None:
    for made in (call(), call()):
        made.legs.filter(name="A").update(sip_call_id="same@127.0.0.1")
    (section,) = viewer.get("/search/", {"q": "same@127.0.0.1"}).context["sections"]
    assert (section.kind, len(section.rows)) == ("calls", 2)


def test_a_refused_call_id_is_found(viewer: Client) -> None:
    made = rejection()
    (section,) = viewer.get("/search/", {"q": made.call_id}).context["sections"]
    assert section.rows == [(made, "Call refused")]


def test_many_are_cut_and_lead_to_the_whole_list(viewer: Client) -> None:
    for number in range(7):
        Connection.objects.create(name=f"Desk {number}", sip_user=f"user{number}")
        call(from_user=f"user{number}", to_user="x")
        rejection(user=f"user{number}")
    response = viewer.get("/search/", {"q": "user"})
    sections = response.context["sections"]
    assert len(sections) == 3
    for section in sections:
        assert (len(section.rows), section.more) == (5, True)
        listed = viewer.get(section.url)
        assert listed.status_code == 200
        assert listed.context["listing"].total == 7, section.url


def test_places_one_may_not_look_at_are_left_out(stored: None) -> None:
    somebody = person(Role.NONE, "somebody")
    somebody.user_permissions.add(Permission.objects.get(codename="view_call"))
    client = browser_of(somebody)
    assert places(client, "alice") == ["calls"]
    assert places(client, "carrier") == places(client, "203.0.113.7") == []
