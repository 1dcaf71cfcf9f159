"""The Numbers tab of a trunk: rules are saved, wrong ones named, and a number can be tried."""

import pytest
from django.test import Client
from django.utils import timezone

from callengine.models import Call, CallHeader
from connections.models import Connection
from tests.dashboard.carriers import at, said, text
from trunks.models import Gateway, Route, RouteTrunk, Trunk

RULES = {
    "in_called_rules": "0|. -> +44$\r\n9|. -> $",
    "in_caller_rules": "00|. -> +$",
    "in_identity": "pai",
    "in_filters": "deny   caller +881!",
    "in_headers": "record X-Ticket\nadd X-Line:  north",
    "out_called_rules": "+44. -> national:GB",
    "out_caller_rules": "",
    "out_identity": "rpid",
    "out_diversion": "history-info",
}


def test_rules_are_saved_and_shown(admin: Client, viewer: Client) -> None:
    row = Trunk.objects.create(name="carrier")
    url = at("trunk-numbers", row.pk)
    said(admin, admin.post(url, RULES))
    row.refresh_from_db()
    assert row.in_called_rules == ["0|. -> +44$", "9|. -> $"]
    assert row.in_filters == ["deny caller +881!"]
    assert row.in_headers == ["record X-Ticket", "add X-Line: north"]
    assert (row.in_identity, row.out_identity, row.out_diversion) == (
        "pai",
        "rpid",
        "history-info",
    )
    page = text(viewer.get(url))
    assert "0|. -&gt; +44$; 9|. -&gt; $" in page
    assert viewer.post(url, RULES).status_code == 403


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"in_called_rules": "0|. -> +44$\n(0+)+ -> 1"}, "Line 2: "),
        ({"out_called_rules": "X. -> e164:UK"}, "GB is meant?"),
        ({"in_filters": "permit caller 1"}, "is no filter; allowed: allow or deny"),
        ({"in_headers": "keep From"}, "is no header rule; allowed: keep, add or record"),
        ({"in_headers": "add X-A"}, "is no header rule"),
    ],
)
def test_a_wrong_line_is_named(admin: Client, changes: dict[str, str], told: str) -> None:
    row = Trunk.objects.create(name="carrier")
    response = admin.post(at("trunk-numbers", row.pk), RULES | changes)
    assert response.status_code == 422
    assert told in text(response)


def test_a_number_is_tried_by_the_rules_that_hold(admin: Client) -> None:
    row = Trunk.objects.create(
        name="carrier", in_called_rules=["0|. -> +44$"], out_called_rules=["X. -> e164"]
    )
    page = text(admin.get(at("trunk-numbers", row.pk), {"number": "020 7946 0018"}))
    way = page[page.index('id="becomes"') :].partition("</dl>")[0]
    assert "+442079460018" in way
    assert "by <code>0|. -&gt; +44$</code>" in way
    assert "02079460018 cannot be read so: X. -&gt; e164" in way
    assert "as it is: no rule fits" in way


def test_the_route_tester_says_what_a_number_becomes(admin: Client) -> None:
    row = Trunk.objects.create(
        name="carrier", international="all", out_called_rules=["+44. -> national:GB"]
    )
    Gateway.objects.create(trunk=row, uri="sip:192.0.2.1", priority=1)
    RouteTrunk.objects.create(route=Route.objects.create(prefix="+"), trunk=row)
    Trunk.objects.create(name="other", international="all", in_called_rules=["0|. -> +44$"])
    page = text(admin.get("/routes/?number=02079460018&source=trunk:other"))
    assert "The dialled number 02079460018 was rewritten to +442079460018 (0|. -&gt; +44$)." in page
    assert "Trunk carrier is sent 02079460018 for +442079460018" in page
    assert "sip:02079460018@192.0.2.1" in page


def test_a_call_is_found_by_a_header_on_record(admin: Client) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    call = Call.objects.create(started=timezone.now(), from_user="+1", to_user="alice")
    CallHeader.objects.create(call=call, name="X-Ticket", value="T-4711")
    assert str(call.pk) in text(admin.get("/search/", {"q": "T-4711"}))
    page = text(admin.get(f"/calls/{call.pk}/"))
    assert "X-Ticket" in page
    assert "T-4711" in page
