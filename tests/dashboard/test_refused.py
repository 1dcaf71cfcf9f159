"""What was refused: groups, filters, and letting an address in with one click."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callengine.models import Rejection
from dashboard.accounts.roles import Role
from dashboard.rejections import queries
from tests.dashboard.people import browser_of
from tests.dashboard.record import refusal
from trunks.models import Trunk

PAGE = "/refused/"
HERE, THERE = "203.0.113.7", "198.51.100.9"


def sources(client: Client, query: str = "") -> list[queries.RejectedSource]:
    return list(client.get(f"{PAGE}?{query}").context["listing"].rows)


def test_an_empty_page_says_what_would_be_here(viewer: Client) -> None:
    assert "Nothing was refused" in viewer.get(PAGE).content.decode()
    assert "No refusal matches" in viewer.get(f"{PAGE}?user=zz").content.decode()


def test_refusals_are_gathered_by_source_the_latest_first(viewer: Client) -> None:
    for number in range(5):
        refusal(HERE, ago_s=100 + number, user=f"user{number}")
    refusal(HERE, ago_s=10, rule="wrong-password", method="REGISTER", code=401, user="user0")
    refusal(THERE, ago_s=5, user="")
    first, second = sources(viewer)
    assert (first.address, first.count, first.users) == (THERE, 1, ())
    assert (second.address, second.count) == (HERE, 6)
    assert [(rule.rule, rule.count, rule.what) for rule in second.rules] == [
        ("source-not-on-access-list", 5, "Call refused"),
        ("wrong-password", 1, "Registration refused"),
    ]
    assert second.users == ("user0", "user1", "user2")
    assert second.more_users == 2
    page = viewer.get(PAGE).content.decode()
    assert "203.0.113.7 is not on the access list of any trunk. Add it there." in page
    assert "and 2 more" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("time=hour", {HERE}),
        ("rule=wrong-password", {THERE}),
        (f"source={HERE}", {HERE}),
        ("source=203.0.", {HERE}),
        ("source=203.0.113.70", set()),
        ("user=mal", {HERE}),
        ("user=%2B44 20", {HERE, THERE}),
        ("rule=nonsense", {HERE, THERE}),
        ("", {HERE, THERE}),
    ],
)
def test_filters_find_what_they_say(viewer: Client, query: str, found: set[str]) -> None:
    refusal(HERE)
    refusal(THERE, ago_s=7200, rule="wrong-password", user="bob")
    assert {source.address for source in sources(viewer, query)} == found
    each = viewer.get(f"{PAGE}?{query}&view=each").context["listing"].rows
    assert {row.source_address for row, _ in each} == found


def test_a_group_unfolds_to_its_newest_refusals(viewer: Client) -> None:
    for number in range(25):
        refusal(HERE, ago_s=number, user=f"user{number}")
    refusal(THERE, user="other")
    page = viewer.get(f"{PAGE}each/?source={HERE}").content.decode()
    assert page.count("<tr>") == 21
    assert "<bdi>user0</bdi>" in page
    assert "other" not in page


def test_only_who_may_change_trunks_is_offered_to(viewer: Client) -> None:
    Trunk.objects.create(name="carrier-one")
    refusal()
    assert "Allow this address" not in viewer.get(PAGE).content.decode()
    assert "Allow this address" in browser_of(Role.ADMIN).get(PAGE).content.decode()


def test_only_rules_about_access_are_offered_to(admin: Client) -> None:
    Trunk.objects.create(name="carrier-one")
    refusal(rule="wrong-password")
    assert "Allow this address" not in admin.get(PAGE).content.decode()


def test_without_a_trunk_one_is_led_to_add_it(admin: Client) -> None:
    refusal()
    assert "/trunks/add/" in admin.get(PAGE).content.decode()


def test_an_address_is_allowed_with_one_click(admin: Client) -> None:
    trunk = Trunk.objects.create(name="carrier-one", in_allowed_addresses=[f"{THERE}/32"])
    refusal()
    data = {"address": HERE, "trunk": trunk.name}
    page = admin.post(f"{PAGE}allow/", data, follow=True)
    trunk.refresh_from_db()
    assert trunk.in_allowed_addresses == [f"{THERE}/32", f"{HERE}/32"]
    text = page.content.decode()
    assert f"{HERE} is now on the access list of" in text
    assert f'<a href="/trunks/{trunk.pk}/">carrier-one</a>' in text
    assert "To undo that" in text
    again = admin.post(f"{PAGE}allow/", data, follow=True).content.decode()
    assert "already, so nothing was changed" in again
    trunk.refresh_from_db()
    assert trunk.in_allowed_addresses == [f"{THERE}/32", f"{HERE}/32"]


def test_a_disabled_trunk_is_named(admin: Client) -> None:
    trunk = Trunk.objects.create(name="carrier-one", enabled=False)
    data = {"address": HERE, "trunk": trunk.name}
    assert "carrier-one is disabled" in admin.post(f"{PAGE}allow/", data, follow=True).text


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"address": "not an address", "trunk": "carrier-one"}, 200),
        ({"address": "203.0.113.0/24", "trunk": "carrier-one"}, 200),
        ({"address": HERE, "trunk": ""}, 200),
        ({"address": HERE, "trunk": "nobody"}, 404),
        ({}, 200),
    ],
)
def test_nonsense_changes_nothing(admin: Client, data: dict[str, str], status: int) -> None:
    trunk = Trunk.objects.create(name="carrier-one")
    response = admin.post(f"{PAGE}allow/", data, follow=True)
    assert response.status_code == status
    trunk.refresh_from_db()
    assert not trunk.in_allowed_addresses
    if status == 200:
        assert "Nothing was changed" in response.content.decode()


def test_the_advice_is_the_newest_of_its_rule(viewer: Client) -> None:
    refusal(ago_s=100, advice="Old advice.")
    refusal(ago_s=5, advice="New advice.")
    ((rule,),) = [source.rules for source in sources(viewer)]
    assert (rule.count, rule.advice) == (2, "New advice.")
    assert Rejection.objects.count() == 2


def test_a_trunks_name_with_a_null_character_is_not_asked_for(admin: Client) -> None:
    with CaptureQueriesContext(connection) as asked:
        answer = admin.post("/refused/allow/", {"address": "203.0.113.7", "trunk": "no\x00body"})
    assert answer.status_code == 404
    assert [query for query in asked if "nobody" in query["sql"]]
