"""A trunk's gateways: added, removed and put in order, through the URL and the database."""

from typing import Any

import pytest
from django.test import Client

from tests.dashboard.carriers import (
    at,
    carrier,
    gateways,
    said,
    text,
    uris,
)
from trunks.models import Gateway

pytestmark = pytest.mark.django_db


def test_gateways_are_added_at_the_end_and_removed(admin: Client) -> None:
    trunk = carrier()
    for uri in ("sip:192.0.2.1", "gw.example:5080", "sip:192.0.2.3;transport=tcp"):
        said(admin, admin.post(at("gateway-add", trunk.pk), {"uri": uri}))
    wanted = ["sip:192.0.2.1", "sip:gw.example:5080", "sip:192.0.2.3;transport=tcp"]
    assert uris(trunk) == list(enumerate(wanted, start=1))
    second = trunk.gateways.all()[1]
    page = said(admin, admin.post(at("gateway-remove", trunk.pk, second.pk)))
    assert "sip:gw.example:5080 is removed" in page
    again = said(admin, admin.post(at("gateway-remove", trunk.pk, second.pk)))
    assert "was removed already" in again
    assert [uri for _, uri in uris(trunk)] == [wanted[0], wanted[2]]


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("", "This field is required."),
        ("sip:192.0.2.1", "is a gateway of this trunk already."),
        ("192.0.2.1", "is a gateway of this trunk already."),
        ("sip:gw.example:99999", "port 99999 in"),
        ("http://gw.example", "is not a SIP URI; allowed: sip:[USER@]HOST[:PORT]"),
        ("sip:" + "x" * 300, "at most 255 characters"),
    ],
)
def test_a_wrong_gateway_is_said_with_what_is_allowed(
    admin: Client, uri: str, sentence: str
) -> None:
    trunk = carrier()
    gateways(trunk, "sip:192.0.2.1")
    answer = admin.post(at("gateway-add", trunk.pk), {"uri": uri})
    assert (answer.status_code, sentence in text(answer)) == (422, True)
    assert uris(trunk) == [(1, "sip:192.0.2.1")]


def test_another_trunks_gateway_cannot_be_removed(admin: Client) -> None:
    mine, theirs = carrier("mine"), carrier("theirs")
    (gateway,) = gateways(theirs, "sip:192.0.2.1")
    admin.post(at("gateway-remove", mine.pk, gateway))
    assert Gateway.objects.filter(pk=gateway).exists()


# Their order


def order(ids: list[int], based_on: list[int], **more: str) -> dict[str, Any]:
    return {"order": ids, "based_on": ",".join(map(str, based_on)), **more}


def test_an_order_becomes_the_priorities(admin: Client) -> None:
    trunk = carrier()
    a, b, c = gateways(trunk, "sip:a.example", "sip:b.example", "sip:c.example")
    Gateway.objects.update(priority=7)
    page = text(admin.get(at("trunk-out", trunk.pk)))
    assert "Several gateways share the priority 7: calls are spread over them by weight." in page
    answer = admin.post(at("gateway-order", trunk.pk), order([c, a, b], [a, b, c]))
    page = said(admin, answer)
    assert "The next call tries sip:c.example first." in page
    assert "share the priority" not in page
    wanted = ["sip:c.example", "sip:a.example", "sip:b.example"]
    assert uris(trunk) == list(enumerate(wanted, start=1))


@pytest.mark.parametrize(
    ("move", "wanted"), [("up:2", "bac"), ("down:2", "acb"), ("up:1", "abc"), ("down:3", "abc")]
)
def test_without_scripts_each_button_moves_one_by_a_place(
    admin: Client, move: str, wanted: str
) -> None:
    trunk = carrier()
    ids = gateways(trunk, "sip:a.example", "sip:b.example", "sip:c.example")
    way, _, place = move.partition(":")
    pressed = f"{way}:{ids[int(place) - 1]}"
    said(admin, admin.post(at("gateway-order", trunk.pk), order(ids, ids, move=pressed)))
    assert "".join(uri[4] for _, uri in uris(trunk)) == wanted


def test_an_order_is_refused_if_somebody_else_changed_the_gateways(admin: Client) -> None:
    trunk = carrier()
    a, b = gateways(trunk, "sip:a.example", "sip:b.example")
    theirs = order([b, a], [a, b])
    said(admin, admin.post(at("gateway-order", trunk.pk), theirs))
    for mine in (
        order([a, b], [a, b]),
        order([a], [b, a]),
        order([a, b, a], [b, a]),
        order([a, b, 999], [b, a]),
        order([], []),
    ):
        page = said(admin, admin.post(at("gateway-order", trunk.pk), mine))
        assert "Not saved: somebody else changed the list meanwhile." in page
        assert [uri for _, uri in uris(trunk)] == ["sip:b.example", "sip:a.example"]


@pytest.mark.parametrize(
    "junk",
    [
        {"order": ["x"], "based_on": "1"},
        {"order": ["1"], "based_on": "-1"},
        {"order": ["9" * 30], "based_on": "1"},
        {"order": ["1"] * 200, "based_on": "1"},
        {"order": ["1"], "based_on": "1", "move": "up:x"},
        {"order": ["²"], "based_on": "1"},
    ],
)
def test_an_order_no_page_sends_is_refused(admin: Client, junk: dict[str, Any]) -> None:
    trunk = carrier()
    gateways(trunk, "sip:a.example", "sip:b.example")
    before = uris(trunk)
    assert "Not saved: " in said(admin, admin.post(at("gateway-order", trunk.pk), junk))
    assert uris(trunk) == before
