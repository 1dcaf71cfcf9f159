"""Permissions and limits on the pages: set, refused in words, and what of them is in use."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audiocodecs.models import PlatformSettings
from callengine.models import Call
from connections.models import Connection
from dashboard.parts.usage import InUse
from tests.dashboard.carriers import at, said, text
from trunks.models import Trunk

ALLOWED = {
    "international": "listed",
    "countries": "gb, fr",
    "premium_rate": "on",
    "calls_per_second": "5",
    "daily_minutes": "600",
    "max_duration_s": "3600",
}


def _up(**ends: str) -> None:
    Call.objects.create(started=timezone.now(), answered=timezone.now(), **ends)


def test_a_trunks_permissions_are_saved_and_shown(admin: Client, viewer: Client) -> None:
    row = Trunk.objects.create(name="carrier", concurrent_calls=10)
    url = at("trunk-permissions", row.pk)
    page = text(admin.get(url))
    assert "No home country is set, so every country is abroad" in page
    assert "0 of 10 calls in use" in page
    assert "It holds for the next call." in said(admin, admin.post(url, ALLOWED))
    row.refresh_from_db()
    assert (row.international, row.countries, row.premium_rate) == ("listed", ["FR", "GB"], True)
    assert (row.calls_per_second, row.daily_minutes, row.max_duration_s) == (5, 600, 3600)
    page = text(viewer.get(url))
    assert "To the countries listed: FR, GB" in page
    assert viewer.post(url, ALLOWED).status_code == 403


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"countries": "UK"}, "&#x27;UK&#x27; is no country; GB is meant?"),
        ({"countries": ""}, "Name at least one country, or allow none or all of them."),
        ({"calls_per_second": "0"}, "greater than or equal to 1"),
        ({"international": "some"}, "not one of the available choices"),
    ],
)
def test_what_is_no_permission_is_named(admin: Client, changes: dict[str, str], told: str) -> None:
    row = Trunk.objects.create(name="carrier")
    alice = Connection.objects.create(name="Alice", sip_user="alice")
    for url in (at("trunk-permissions", row.pk), f"{at('connection', alice.pk)}?tab=permissions"):
        response = admin.post(url, ALLOWED | changes)
        assert (response.status_code, told in text(response)) == (422, True), text(response)
        if changes.get("countries") == "UK":  # one line, and one thing to mend
            assert not any(more in text(response) for more in ("Line 1", "at least one country"))


def test_a_connections_permissions_are_saved_field_by_field(admin: Client) -> None:
    row = Connection.objects.create(name="Alice", sip_user="alice", concurrent_calls=2)
    url = f"{at('connection', row.pk)}?tab=permissions"
    shown = {f"initial-{name}": "" for name in ("countries", "daily_minutes", "ring_timeout_s")} | {
        "initial-international": "none"
    }
    said(admin, admin.post(url, ALLOWED | shown | {"ring_timeout_s": "25"}))
    row.refresh_from_db()
    assert (row.countries, row.daily_minutes, row.ring_timeout_s) == (["FR", "GB"], 600, 25)
    _up(source="connection:alice", destination="trunk:carrier")
    page = text(admin.get(url))
    assert "1 of 2 calls in use" in page
    assert "0 of 600 minutes used today" in page
    other = admin.post(url, {"countries": "DE", "initial-countries": "", "international": "listed"})
    assert other.status_code == 409
    assert "Somebody else changed this" in text(other)


def test_a_page_without_a_websocket_asks_what_a_trunk_uses(admin: Client) -> None:
    row = Trunk.objects.create(name="carrier", concurrent_calls=2, daily_minutes=10)
    _up(source="trunk:carrier", destination="connection:alice")
    _up(source="connection:alice", destination="trunk:carrier")
    _up(source="connection:alice", destination="trunk:carrier", ended=timezone.now())
    page = text(admin.get(at("trunk-standing", row.pk)))
    assert 'id="trunk-usage" hx-swap-oob="true"' in page
    assert "every 5s" not in text(admin.get(at("trunk-permissions", row.pk)))
    assert "2 of 2 calls in use" in page
    assert "badge-wait" in page
    assert "0 of 10 minutes used today" in page


def test_the_lists_say_what_is_in_use(admin: Client) -> None:
    Trunk.objects.create(name="carrier", concurrent_calls=10)
    Trunk.objects.create(name="spare")
    Connection.objects.create(name="Alice", sip_user="alice", concurrent_calls=2)
    Connection.objects.create(name="Bob", sip_user="bob")
    trunks, phones = text(admin.get("/trunks/")), text(admin.get("/connections/"))
    assert "0 of 10 calls in use" in trunks
    assert "0 of 2 calls in use" in phones
    assert "call up" not in trunks + phones
    for caller in ("alice", "bob"):
        _up(source=f"connection:{caller}", destination="trunk:carrier")
    phones = text(admin.get("/connections/"))
    assert "2 of 10 calls in use" in text(admin.get("/trunks/"))
    assert "1 of 2 calls in use" in phones
    assert "1 call up" in phones


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (InUse(0, None), "No call up"),
        (InUse(1, None), "1 call up"),
        (InUse(7, None), "7 calls up"),
        (InUse(7, 10), "7 of 10 calls in use"),
        (InUse(7, 10, engines=2), "7 calls up, 10 allowed on each of 2 engines"),
    ],
)
def test_what_is_in_use_in_words(use: InUse, words: str) -> None:
    assert use.text == words


def test_home_and_time_zone_are_settings(admin: Client) -> None:
    url = at("settings")
    posted: dict[str, Any] = {"home_country": "gb", "time_zone": "Europe/London"}
    said(admin, admin.post(url, posted))
    row = PlatformSettings.load()
    assert (row.home_country, row.time_zone) == ("GB", "Europe/London")
    wrong = text(admin.post(url, {"home_country": "UK", "time_zone": "London"}))
    assert "GB is meant?" in wrong
    assert "is no time zone" in wrong
