"""What was refused: groups, filters, and letting an address in with one click."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callengine.models import Rejection
from dashboard.accounts.roles import Role
from dashboard.rejections import queries
from tests.dashboard.people import browser_of
from tests.dashboard.record import rejection
from trunks.models import Trunk

PAGE = "/rejections/"
HERE, THERE = "203.0.113.7", "198.51.100.9"


def sources(client: Client, query: str = "") -> list[queries.RejectedSource]:
    return list(client.get(f"{PAGE}?{query}").context["listing"].rows)


def test_an_empty_page_says_what_would_be_here(viewer: Client) -> None:
    assert "Nothing was refused" in viewer.get(PAGE).content.decode()
    assert "No rejection matches" in viewer.get(f"{PAGE}?user=zz").content.decode()


def test_refusals_are_gathered_by_source_the_latest_first(viewer: Client) -> None:
    for number in range(5):
        rejection(HERE, ago_s=100 + number, user=f"user{number}")
    rejection(HERE, ago_s=10, rule="wrong-password", method="REGISTER", code=401, user="user0")
    rejection(THERE, ago_s=5, user="")
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
    rejection(HERE)
    rejection(THERE, ago_s=7200, rule="wrong-password", user="bob")
    assert {source.address for source in sources(viewer, query)} == found
    each = viewer.get(f"{PAGE}?{query}&view=each").context["listing"].rows
    assert {row.source_address for row, _ in each} == found


def test_a_group_unfolds_to_its_newest_refusals(viewer: Client) -> None:
    for number in range(25):
        rejection(HERE, ago_s=number, user=f"user{number}")
    rejection(THERE, user="other")
    page = viewer.get(f"{PAGE}each/?source={HERE}").content.decode()
    assert page.count("<tr>") == 21
    assert "<bdi>user0</bdi>" in page
    assert "other" not in page


def test_only_who_may_change_trunks_is_offered_to(viewer: Client) -> None:
    Trunk.objects.create(name="carrier-one")
    rejection()
    assert "Allow this address" not in viewer.get(PAGE).content.decode()
    assert "Allow this address" in browser_of(Role.ADMIN).get(PAGE).content.decode()


def test_only_rules_about_access_are_offered_to(admin: Client) -> None:
    Trunk.objects.create(name="carrier-one")
    rejection(rule="wrong-password")
    assert "Allow this address" not in admin.get(PAGE).content.decode()


def test_without_a_trunk_one_is_led_to_add_it(admin: Client) -> None:
    rejection()
    assert "/trunks/add/" in admin.get(PAGE).content.decode()


def test_an_address_is_allowed_with_one_click(admin: Client) -> None:
    trunk = Trunk.objects.create(name="carrier-one", in_allowed_addresses=[f"{THERE}/32"])
    rejection()
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
    rejection(ago_s=100, advice="Old advice.")
    rejection(ago_s=5, advice="New advice.")
    ((rule,),) = [source.rules for source in sources(viewer)]
    assert (rule.count, rule.advice) == (2, "New advice.")
    assert Rejection.objects.count() == 2


def test_a_trunks_name_with_a_null_character_is_not_asked_for(admin: Client) -> None:
    with CaptureQueriesContext(connection) as asked:
        answer = admin.post("/rejections/allow/", {"address": "203.0.113.7", "trunk": "no\x00body"})
    assert answer.status_code == 404
    assert [query for query in asked if "nobody" in query["sql"]]


def test_the_last_day_is_shown_unless_another_time_is_asked_for(viewer: Client) -> None:
    rejection(HERE)
    rejection(THERE, ago_s=2 * 86400)
    page = viewer.get(PAGE)
    assert [source.address for source in page.context["listing"].rows] == [HERE]
    assert '<option value="day" selected>Last day</option>' in page.content.decode()
    assert [source.address for source in sources(viewer, "user=mal")] == [HERE]
    for query in ("time=", "time=week", "since=2026-01-01"):
        assert {source.address for source in sources(viewer, query)} == {HERE, THERE}


def test_an_empty_day_leads_to_any_time(viewer: Client) -> None:
    rejection(THERE, ago_s=2 * 86400)
    page = viewer.get(PAGE).content.decode()
    assert "Nothing was refused in the last day" in page
    assert f'href="{PAGE}?time="' in page


def test_groups_are_made_of_so_many_of_the_newest_and_say_so(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "FEW", 2)
    monkeypatch.setattr(queries, "GATHERED", 3)
    for ago_s in (10, 20, 5000):
        rejection(HERE, ago_s=ago_s)
    rejection(THERE, ago_s=30)
    page = viewer.get(PAGE)
    groups = [(source.address, source.count) for source in page.context["listing"].rows]
    assert groups == [(HERE, 2), (THERE, 1)]
    assert "Gathered are the newest 3 rejections" in page.content.decode()


def test_no_query_of_the_page_goes_through_all_that_was_ever_refused(viewer: Client) -> None:
    """Each is bounded by an index: its plan has no scan of the table, nor of a whole index."""
    for number in range(30):
        rejection(HERE, ago_s=number * 86400, user=f"user{number}")
    with CaptureQueriesContext(connection) as asked:
        viewer.get(PAGE)
    plans = [_plan(query["sql"]) for query in asked if "callengine_rejection" in query["sql"]]
    assert len(plans) >= 4
    scans = [step for plan in plans for step in plan if step.startswith("SCAN callengine")]
    assert scans == []


def _plan(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql.replace('%', '%%')}", [])
        return [row[3] for row in cursor.fetchall()]
