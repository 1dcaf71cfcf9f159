"""Routes: list, trunks in order, and where a number would go."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audiocodecs.models import PlatformSettings
from callengine.core.directory import Platform
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan
from callengine.core.planner import plan_call
from callengine.core.request import CallRequest
from callengine.directory import lookup
from callengine.directory.whereto import where_to
from connections.models import Connection, Registration
from dashboard.accounts.roles import Role
from tests.dashboard.carriers import at, said, text
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db


def carrier(name: str, *uris: str, **values: Any) -> Trunk:
    trunk = Trunk.objects.create(name=name, international="all", **values)
    for place, uri in enumerate(uris, start=1):
        Gateway.objects.create(trunk=trunk, uri=uri, priority=place)
    return trunk


def route(prefix: str, *trunks: Trunk) -> Route:
    row = Route.objects.create(prefix=prefix)
    for place, trunk in enumerate(trunks):
        RouteTrunk.objects.create(route=row, trunk=trunk, position=place)
    return row


def tried(row: Route) -> list[str]:
    return [step.trunk.name for step in row.steps.select_related("trunk")]


# The list


def test_the_list_says_what_to_do_while_it_is_empty(admin: Client) -> None:
    assert at("route-add") in text(admin.get("/routes/"))
    page = text(browser_of(Role.VIEWER).get("/routes/"))
    assert "No route yet" in page
    assert at("route-add") not in page


def test_the_list_is_searched_and_shows_trunks_in_order(admin: Client) -> None:
    one, two = carrier("one"), carrier("two", enabled=False)
    route("+44", two, one)
    route("+49", one)
    page = text(admin.get("/routes/"))
    row = page[page.index(">+44</a>") :]
    assert row.index(">two</a>") < row.index(">Disabled<") < row.index(">one</a>")
    for query, prefixes in [("q=44", ["+44"]), ("q=two", ["+44"]), ("q=one", ["+44", "+49"])]:
        rows = admin.get(f"/routes/?{query}").context["listing"].rows
        assert [found.prefix for found in rows] == prefixes


def test_the_list_asks_as_many_questions_for_sixty_routes_as_for_three(admin: Client) -> None:
    trunks = [carrier("one"), carrier("two")]

    def asked(count: int) -> int:
        for number in range(Route.objects.count(), count):
            route(f"+{number + 1}", *trunks)
        with CaptureQueriesContext(connection) as queries:
            assert admin.get("/routes/").status_code == 200
        return len(queries)

    assert asked(3) == asked(60)


# Adding, changing, deleting


def test_a_route_is_added_with_its_first_trunk(admin: Client) -> None:
    carrier("one")
    page = said(admin, admin.post("/routes/add/", {"prefix": "+44", "trunk": "one"}))
    assert "The route +44 is added." in page
    assert tried(Route.objects.get()) == ["one"]


def test_prefix_and_question_are_taken_as_people_write_them(admin: Client) -> None:
    carrier("one")
    admin.post("/routes/add/", {"prefix": "+44 (20)", "trunk": "one"})
    assert Route.objects.get().prefix == "+4420"
    page = text(admin.get("/routes/", {"number": "+44 20 7946-0018"}))
    assert "dials" in page
    assert "+442079460018" in page


@pytest.mark.parametrize(
    ("prefix", "trunk", "sentence"),
    [
        ("", "one", "This field is required."),
        ("44x", "one", "A prefix is up to 31 of 0-9 * #"),
        ("+49", "one", "already exists"),
        ("+44", "", "This field is required."),
        ("+44", "nobody", "Nobody here is &#x27;nobody&#x27;; allowed: the name of a trunk."),
        ("+44", "alice", "Nobody here is &#x27;alice&#x27;; allowed: the name of a trunk."),
    ],
)
def test_a_wrong_route_is_said_and_nothing_of_it_is_kept(
    admin: Client, prefix: str, trunk: str, sentence: str
) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    route("+49", carrier("one"))
    answer = admin.post("/routes/add/", {"prefix": prefix, "trunk": trunk})
    assert (answer.status_code, sentence in text(answer)) == (422, True)
    assert (Route.objects.count(), RouteTrunk.objects.count()) == (1, 1)


def test_a_prefix_is_changed_unless_somebody_else_did_it_meanwhile(admin: Client) -> None:
    row = route("+44", carrier("one"))
    seen = admin.get(at("route", row.pk)).context["form"]["revision"].value()
    said(admin, admin.post(at("route", row.pk), {"prefix": "+441", "revision": seen}))
    assert Route.objects.get().prefix == "+441"
    answer = admin.post(at("route", row.pk), {"prefix": "+442", "revision": seen})
    assert "Stored now: prefix: +441." in text(answer)
    assert Route.objects.get().prefix == "+441"


def test_trunks_are_added_at_the_end_and_taken_out_but_the_last(admin: Client) -> None:
    one, two = carrier("one"), carrier("two")
    row = route("+44", one)
    added = admin.post(at("route-trunk-add", row.pk), {"trunk": "two"})
    assert "two is added. It is tried last." in said(admin, added)
    again = admin.post(at("route-trunk-add", row.pk), {"trunk": "trunk:two"})
    assert "two is a trunk of this route already." in text(again)
    assert tried(row) == ["one", "two"]
    said(admin, admin.post(at("route-trunk-remove", row.pk, one.pk)))
    page = said(admin, admin.post(at("route-trunk-remove", row.pk, two.pk)))
    assert "two is the only trunk of +44. Add another one first, or delete the route." in page
    assert tried(row) == ["two"]


def test_trunks_are_put_in_order_and_a_conflict_is_said(admin: Client) -> None:
    a, b, c = (carrier(name).pk for name in "abc")
    row = route("+44", *Trunk.objects.all())

    def post(order: list[int], based_on: list[int], **more: str) -> str:
        form = {"order": order, "based_on": ",".join(map(str, based_on)), **more}
        return said(admin, admin.post(at("route-trunk-order", row.pk), form))

    assert "The next call tries c first." in post([c, a, b], [a, b, c])
    assert tried(row) == ["c", "a", "b"]
    assert "somebody else changed the list meanwhile" in post([b, a, c], [a, b, c])
    assert tried(row) == ["c", "a", "b"]
    post([c, a, b], [c, a, b], move=f"down:{c}")
    assert tried(row) == ["a", "c", "b"]
    assert "Not saved: the order cannot be read." in post([], [], move="up:x")


def test_a_route_is_deleted_after_a_question(admin: Client) -> None:
    row = route("+44", carrier("one"))
    assert "no longer go to one." in text(admin.get(at("route-delete", row.pk)))
    said(admin, admin.post(at("route-delete", row.pk)))
    assert not Route.objects.exists()
    assert Trunk.objects.exists()


def test_who_only_looks_sees_the_order_and_no_button() -> None:
    row = route("+44", carrier("one"), carrier("two"))
    viewer = browser_of(Role.VIEWER)
    page = text(viewer.get(at("route", row.pk)))
    main = page[page.index("<main") :]
    assert main.index(">one</a>") < main.index(">two</a>")
    assert "<form" not in main
    assert "<button" not in main
    asked = text(viewer.get("/routes/?number=%2B49"))
    assert "Refused with 403" in asked
    assert "Add this number" not in asked
    route("+33", carrier("three", "sip:203.0.113.9"))
    refused = text(viewer.get("/routes/?number=%2B33123456789"))
    assert "It does not get to the trunk" in refused
    assert "Not to the trunk" not in refused, "which says why"


# Where would this number go?


@pytest.fixture
def alice(db: None) -> Connection:
    PlatformSettings.objects.create(external_sip=True)
    demo.engine_node()
    return Connection.objects.create(
        name="Alice",
        sip_user="alice",
        inbound_codecs=["G722", "PCMA"],
        outbound_codecs=["OPUS"],
        international="all",
    )


def registered(row: Connection, contact: str = "sip:alice@192.0.2.55:5062") -> None:
    now = timezone.now()
    Registration.objects.create(
        connection=row,
        contact=contact,
        call_id="c",
        cseq=1,
        flow="udp:192.0.2.55:5062",
        registered_at=now,
        expires_at=now + dt.timedelta(hours=1),
    )


def engines_own(number: str, caller: dict[str, str], offered: tuple[str, ...]) -> Any:
    """Return the decision of the engine's planner, asked as the engine asks it."""
    platform = lookup.platform()
    request = CallRequest(
        call="x",
        call_id="x",
        from_user="",
        from_name="",
        to_user=number,
        offered=offered,
        max_forwards=70,
        source=lookup.source(**caller, address="203.0.113.1"),
    )
    return plan_call(
        request,
        destination=lookup.destination(number),
        platform=Platform(platform.codecs, platform.external_sip, platform.codecs),
        usage=Usage(),
    )


def test_the_longest_prefix_wins_and_its_trunks_and_gateways_come_in_order(
    admin: Client, alice: Connection
) -> None:
    off = carrier("off", "sip:off.example", enabled=False)
    bare = carrier("bare")
    first = carrier(
        "first", "sip:a.example", "sip:b.example", in_codecs=["G722"], out_codecs=["G722"]
    )
    second = carrier("second", "sip:c.example", in_codecs=["G722"], out_codecs=["PCMU"])
    other = carrier("other", "sip:d.example", in_codecs=["PCMA"])
    route("+44", carrier("short", "sip:short.example"))
    longest = route("+4420", off, bare, first, second, other)
    page = text(admin.get("/routes/?number=%2B44+(20)+7946-0018&source=alice"))
    way = page[page.index('id="way"') :].partition("</section>")[0]
    assert "Alice (SIP user alice) dials" in way
    assert ">+442079460018</b>" in way
    assert f'href="{at("route", longest.pk)}">+4420</a>' in way
    places = [
        way.index(part)
        for part in (
            ">off</a>: it is disabled.",
            ">bare</a>: it has no gateway.",
            ">first</a>",
            "sip:+442079460018@a.example",
            "sip:+442079460018@b.example",
            ">second</a>",
            "sip:+442079460018@c.example",
            "<b>PCMU</b>",
            ">other</a>: its TRUNK IN list would give the caller another codec",
        )
    ]
    assert places == sorted(places)
    assert "short" not in way
    assert "d.example" not in way
    decision = engines_own(
        "+442079460018", {"kind": "connection", "name": "alice"}, lookup.platform().codecs
    )
    assert isinstance(decision, CallPlan)
    targets = [target.uri for wave in decision.waves for target in wave.targets]
    answer = where_to(number="+442079460018", source_kind="connection", source_name="alice")
    assert [uri for step in answer.trunks if step.tried for uri in step.gateways] == targets
    assert (answer.vn_a, answer.vn_b) == (decision.vn_a, decision.vn_b)


def test_a_number_goes_before_a_user_and_a_user_before_a_prefix(
    admin: Client, alice: Connection
) -> None:
    one = carrier("one", "sip:one.example")
    route("9", one)
    assert where_to(number="900").match == "route"
    bob = Connection.objects.create(name="Bob", sip_user="900")
    assert where_to(number="900").match == "connection"
    number = Number.objects.create(number="900", connection=alice)
    registered(alice)
    answer = where_to(number="900")
    assert (answer.match, answer.connection, answer.goes) == ("number", "alice", True)
    page = text(admin.get("/routes/?number=900"))
    assert f'href="{at("number", number.pk)}">900</a>' in page
    assert "sip:alice@192.0.2.55:5062" in page
    assert bob.name not in page


def test_the_lists_that_apply_depend_on_who_calls(admin: Client, alice: Connection) -> None:
    registered(alice)
    Connection.objects.create(name="Bob", sip_user="bob", outbound_codecs=["PCMU", "G722"])
    carrier("one", in_codecs=["PCMA"])
    lists = {
        "": (("OPUS", "G722", "PCMU", "PCMA"), "platform list"),
        "bob": (("PCMU", "G722"), "outbound list of Bob"),
        "one": (("PCMA",), "TRUNK IN of one"),
    }
    for source, (vn_a, name) in lists.items():
        way = admin.get(f"/routes/?number=alice&source={source}").context["way"]
        assert (way.to.vn_a, way.to.vn_a_source) == (vn_a, name)
        assert (way.to.vn_b, way.to.vn_b_source) == (("G722", "PCMA"), "inbound list of Alice")


@pytest.mark.parametrize(
    ("query", "code", "rule"),
    [
        ("number=alice", 480, "not-registered"),
        ("number=off", 480, "destination-disabled"),
        ("number=%2B44", 403, "external-caller-to-trunk"),
        ("number=%2B44&source=off", 403, "connection-disabled"),
        ("number=%2B44&source=dark", 403, "trunk-disabled"),
        ("number=%2B49&source=alice", 503, "no-usable-trunk"),
        ("number=%2B44&source=alice&offer=PCMU", 488, "no-common-codec-caller"),
        ("number=nobody&source=alice", 404, "unknown-number"),
    ],
)
def test_a_refusal_says_code_rule_and_advice(
    admin: Client, alice: Connection, query: str, code: int, rule: str
) -> None:
    Connection.objects.create(name="Off", sip_user="off", enabled=False)
    dark = carrier("dark", "sip:dark.example", enabled=False)
    route("+44", carrier("one", "sip:one.example", in_codecs=["G722"]))
    route("+49", dark)
    page = text(admin.get(f"/routes/?{query}"))
    assert f"Refused with {code}</b> <code>{rule}</code>: " in page


def test_callers_nobody_knows_stay_out_unless_external_sip_is_on(alice: Connection) -> None:
    registered(alice)
    assert where_to(number="alice").goes
    PlatformSettings.objects.update(external_sip=False)
    assert where_to(number="alice").rule == "source-not-on-access-list"
    assert where_to(number="alice", source_kind="connection", source_name="alice").goes


def test_what_is_unknown_leads_to_adding_it(admin: Client, alice: Connection) -> None:
    page = text(admin.get("/routes/?number=%2B49+30+1&source=alice"))
    assert f'href="{at("number-add")}?number=%2B49301"' in page
    assert f'href="{at("route-add")}?prefix=%2B49301"' in page
    assert 'value="+49301"' in text(admin.get("/numbers/add/?number=%2B49301"))
    assert 'value="+49301"' in text(admin.get("/routes/add/?prefix=%2B49301"))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("number=1&source=nobody", "Nobody here is &#x27;nobody&#x27;"),
        ("number=1&offer=G723", "&#x27;G723&#x27; is not a codec known here"),
        ("number=" + "1" * 500, "at most 128 characters"),
        ("number=%00", "Null characters are not allowed."),
        ("number=<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_politely(
    admin: Client, query: str, sentence: str
) -> None:
    answer = admin.get(f"/routes/?{query}")
    assert (answer.status_code, sentence in text(answer)) == (200, True)
    assert "<script>alert" not in text(answer)


def test_a_codec_this_engine_lacks_is_not_promised(alice: Connection) -> None:
    registered(alice)
    demo.engine_node(codecs=["PCMA"], unavailable_codecs={"G722": "library missing"})
    assert where_to(number="alice").vn_b == ("PCMA",)
