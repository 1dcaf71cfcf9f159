"""How a trunk stands at its carrier, as its pages, the list and the route tester say it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from callengine.directory.whereto import where_to
from connections.models import Connection
from tests.dashboard.carriers import carrier, shows_a_secret, text
from trunks.models import (
    Gateway,
    GatewayTarget,
    RegistrationState,
    Route,
    RouteTrunk,
    Trunk,
    TrunkRegistration,
)

pytestmark = pytest.mark.django_db
FIRST, SECOND = "sip:192.0.2.1", "sip:192.0.2.2"


@pytest.fixture
def browser(admin: Client) -> Client:
    return admin


@pytest.fixture
def trunk() -> Trunk:
    row = carrier()
    for place, uri in enumerate((FIRST, SECOND), start=1):
        Gateway.objects.create(trunk=row, uri=uri, priority=place)
    return row


def heard(trunk: Trunk, uri: str, *, is_up: bool, age_s: float = 5, **more: Any) -> None:
    now = timezone.now()
    GatewayTarget.objects.create(
        gateway=trunk.gateways.get(uri=uri),
        target=f"udp:{uri.removeprefix('sip:')}:5060",
        is_up=is_up,
        since=now - timedelta(seconds=age_s),
        said="200 OK" if is_up else "no response from it within 4 s",
        holds_until=now + timedelta(seconds=60 - age_s),
        **more,
    )


def page(browser: Client, name: str, *args: Any) -> str:
    return text(browser.get(reverse(name, args=args)))


def test_what_addresses_said_stands_on_the_page_and_in_the_list(
    browser: Client, trunk: Trunk
) -> None:
    assert "not tried yet" in page(browser, "trunk", trunk.pk)
    heard(trunk, FIRST, is_up=False)
    heard(trunk, SECOND, is_up=True)
    shown = page(browser, "trunk-standing", trunk.pk)
    assert "no response from it within 4 s" in shown
    assert shown.index("badge-fail") < shown.index("udp:192.0.2.1:5060")
    assert "badge-up" in shown
    assert "Some gateways down" in page(browser, "trunks")
    assert not shows_a_secret(shown, trunk)


def test_what_was_said_long_ago_is_not_believed(browser: Client, trunk: Trunk) -> None:
    heard(trunk, FIRST, is_up=False, age_s=61)
    assert "badge-fail" not in page(browser, "trunk-standing", trunk.pk)
    assert "gateways down" not in page(browser, "trunks").lower()


def test_a_pause_that_was_asked_for_is_named(browser: Client, trunk: Trunk) -> None:
    heard(trunk, FIRST, is_up=False, rests_until=timezone.now() + timedelta(seconds=30))
    assert "Retry-After" in page(browser, "trunk-standing", trunk.pk)


def test_the_route_tester_says_which_gateway_is_tried_last(trunk: Trunk) -> None:
    route = Route.objects.create(prefix="7")
    RouteTrunk.objects.create(route=route, trunk=trunk)
    Connection.objects.create(name="Alice", sip_user="alice")
    heard(trunk, FIRST, is_up=False)
    way = where_to(number="7420", source_kind="connection", source_name="alice")
    (step,) = way.trunks
    assert way.goes, way.advice
    assert step.gateways == ("sip:7420@192.0.2.2", "sip:7420@192.0.2.1")
    assert step.down == ("sip:7420@192.0.2.1",)


@pytest.mark.parametrize(
    ("state", "expires_in_s", "word", "said"),
    [
        (RegistrationState.REGISTERED, 60, "Registered", "Registered for 600 s"),
        (RegistrationState.REGISTERED, -5, "Not registered", "has run out"),
        (RegistrationState.FAILED, None, "Not registered", "Registered for 600 s"),
    ],
)
def test_a_registration_stands_on_the_page(
    browser: Client,
    trunk: Trunk,
    state: RegistrationState,
    expires_in_s: float | None,
    word: str,
    said: str,
) -> None:
    now = timezone.now()
    assert "Not registered" not in page(browser, "trunk", trunk.pk)
    Trunk.objects.filter(pk=trunk.pk).update(registers=True)
    assert "No engine has registered it yet." in page(browser, "trunk", trunk.pk)
    TrunkRegistration.objects.create(
        trunk=trunk,
        state=state,
        since=now,
        said="Registered for 600 s, of 600 s asked for.",
        contact_user="trunk-0",
        call_id="x",
        expires_at=now + timedelta(seconds=expires_in_s) if expires_in_s else None,
    )
    shown = page(browser, "trunk-standing", trunk.pk)
    assert word in shown
    assert said in shown


def test_priority_and_weight_are_set_on_the_page(browser: Client, trunk: Trunk) -> None:
    first = trunk.gateways.get(uri=FIRST)
    address = reverse("gateway-share", args=[trunk.pk, first.pk])
    browser.post(address, {"priority": "2", "weight": "70"})
    first.refresh_from_db()
    assert (first.priority, first.weight) == (2, 70)
    assert "spread over them by weight" in page(browser, "trunk-out", trunk.pk)
    browser.post(address, {"priority": "2", "weight": "0"})
    first.refresh_from_db()
    assert first.weight == 70
    assert "Not saved" in page(browser, "trunk-out", trunk.pk)


def test_a_trunk_that_registers_needs_somewhere_and_somebody(browser: Client) -> None:
    row = Trunk.objects.create(name="bare")
    form = {
        "registers": "on",
        "register_expires_s": "600",
        "probe_interval_s": "60",
        "revision": "",
    }
    address = reverse("trunk-out", args=[row.pk])
    shown = text(browser.post(address, form))
    assert "there is no gateway to take it from" in shown
    form["registrar"] = "sip:carrier.example"
    assert "To register, a trunk needs an OUT user name." in text(browser.post(address, form))
