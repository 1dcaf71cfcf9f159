"""The pages of connections, through their addresses and the database."""

import datetime as dt
import html
import logging
import re
import time
from http import HTTPStatus

import pytest
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.forms import Form
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audiocodecs.sipnames import digest_ha1
from callengine.models import Call, EngineNode, Rejection
from connections.models import Connection, Registration
from connections.passwords import ALPHABET, LENGTH
from connections.services import set_password
from dashboard import once
from dashboard.roles import Role
from tests.dashboard.people import browser_of
from tests.pages import demo
from trunks.models import Number, Trunk

pytestmark = pytest.mark.django_db
GIVEN = "correct horse battery"


@pytest.fixture
def admin(db: None) -> Client:
    return browser_of(Role.ADMIN)


@pytest.fixture
def viewer(db: None) -> Client:
    return browser_of(Role.VIEWER)


def stored(sip_user: str = "alice", **values: object) -> Connection:
    row = Connection(**{"name": sip_user.title(), "sip_user": sip_user, **values})
    set_password(connection=row, password=GIVEN)
    row.save()
    return row


def registered(row: Connection, *, device: str = "Yealink T46U", left_s: float = 300) -> None:
    now = timezone.now()
    Registration.objects.create(
        connection=row,
        contact=f"sip:{row.sip_user}@192.0.2.{row.registrations.count() + 1}:5060",
        call_id="c",
        cseq=1,
        expires_at=now + dt.timedelta(seconds=left_s),
        flow="udp:198.51.100.4:40000",
        user_agent=device,
        registered_at=now,
    )


def url(row: Connection, rest: str = "") -> str:
    return f"/connections/{row.pk}/{rest}"


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def words(page: str) -> str:
    """Return what a person reads of a page."""
    page = re.sub(r"(?s)<head>.*?</head>|<[^>]+>", " ", page)
    return html.unescape(re.sub(r"\s+", " ", page))


def shown_password(page: str) -> str:
    found = re.search(r'id="password">([^<]+)<', page)
    return html.unescape(found[1]) if found else ""


def users(page: str) -> list[str]:
    return re.findall(r'data-word="SIP user"><span class="mono">([^<]+)<', page)


def shown(client: Client, row: Connection) -> dict[str, str]:
    """Return what the Settings form would send unchanged, hidden fields included."""
    return sent_by(client.get(url(row, "?tab=settings")).context["form"])


def sent_by(form: Form) -> dict[str, str]:
    """Return what a form sends if nobody touches it."""
    values: dict[str, str] = {}
    for field in form:
        value = field.field.prepare_value(field.value())
        if field.field.show_hidden_initial:
            values[field.html_initial_name] = "" if value is None else str(value)
        if value not in (None, False):
            values[field.html_name] = "on" if value is True else str(value)
    return values


# The list


def test_without_connections_there_is_the_one_button_that_makes_one(
    admin: Client, viewer: Client
) -> None:
    page = text(admin, "/connections/")
    assert "No connection yet" in page
    assert page.count('href="/connections/add/"') == 1
    page = text(viewer, "/connections/")
    assert "Ask an administrator" in page
    assert "/connections/add/" not in page


def test_each_row_says_state_device_lists_and_forcing(viewer: Client) -> None:
    registered(stored("one", inbound_codecs=["G722", "PCMA"], force_on_caller=True))
    two = stored("two", outbound_codecs=["OPUS"])
    registered(two, device="Linphone")
    registered(two)
    registered(stored("gone"), left_s=-1)
    stored("fixed", address="sip:192.0.2.9:5070")
    registered(stored("off", enabled=False))
    page = text(viewer, "/connections/?sort=user")
    rows = {users(row)[0]: words(row) for row in page.split("<tr ")[2:]}
    assert list(rows) == ["fixed", "gone", "off", "one", "two"]
    assert "Fixed address sip:192.0.2.9:5070" in rows["fixed"]
    assert "Not registered platform list platform list no" in rows["gone"]
    assert "Disabled platform list" in rows["off"]
    assert re.search(
        r"Registered Yealink T46U , since [\d:]+ G722 HD PCMA platform list yes", rows["one"]
    )
    assert "Registered, 2 contacts Yealink T46U and 1 more" in rows["two"]
    assert "platform list OPUS HD no" in rows["two"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["ann", "bob", "cid", "dan"]),
        ("?q=AN", ["ann", "dan"]),
        ("?q=warehouse", ["bob"]),
        ("?q=192.0.2.9", ["cid"]),
        ("?q=%25", []),
        ("?state=registered", ["ann"]),
        ("?state=not-registered", ["bob"]),
        ("?state=fixed", ["cid"]),
        ("?state=disabled", ["dan"]),
        ("?sort=-name", ["dan", "cid", "bob", "ann"]),
        ("?sort=state", ["ann", "cid", "bob", "dan"]),
        ("?sort=-state", ["dan", "bob", "cid", "ann"]),
    ],
)
def test_searching_filtering_and_sorting(viewer: Client, query: str, expected: list[str]) -> None:
    registered(stored("ann", name="A"))
    stored("bob", name="B (warehouse)")
    stored("cid", name="C", address="sip:192.0.2.9:5070")
    registered(stored("dan", name="D", enabled=False))
    page = text(viewer, f"/connections/{query}")
    assert users(page) == expected
    if not expected:
        assert "No connection matches" in page


def test_a_state_that_is_none_is_said_to_be_none(viewer: Client) -> None:
    stored()
    page = text(viewer, "/connections/?state=asleep")
    assert "asleep is not one of the available choices" in page
    assert users(page) == ["alice"]


def test_the_list_costs_the_same_queries_however_long_it_is(viewer: Client) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(
            database,
        ) as seen:
            assert viewer.get(address).status_code == HTTPStatus.OK
        return len(seen)

    addresses = ("/connections/", "/connections/?q=user&state=registered&sort=-state")
    for number in range(3):
        registered(stored(f"user-{number}"))
    few = [queries(address) for address in addresses]
    for number in range(3, 60):
        row = stored(f"user-{number}")
        registered(row)
        registered(row)
    assert [queries(address) for address in addresses] == few
    assert max(few) <= 12


def test_ten_thousand_connections_are_listed_fast(viewer: Client) -> None:
    now = timezone.now()
    made = Connection.objects.bulk_create(
        Connection(name=f"Phone {number % 977}", sip_user=f"user-{number}")
        for number in range(10_000)
    )
    Registration.objects.bulk_create(
        Registration(
            connection=row,
            contact=f"sip:{row.sip_user}@192.0.2.1",
            call_id="c",
            cseq=1,
            expires_at=now + dt.timedelta(seconds=600 if row.pk % 3 else -600),
            flow="udp:192.0.2.1:5060",
            user_agent="Phone/1.0",
            registered_at=now,
        )
        for row in made
    )
    for query in ("", "?page=200", "?state=not-registered", "?q=user-99", "?sort=-state&page=100"):
        spent = []
        for _ in range(3):
            started = time.process_time()
            assert viewer.get(f"/connections/{query}").status_code == HTTPStatus.OK
            spent.append(time.process_time() - started)
        # Measured: 20 to 40 ms; the bound is for a loaded machine.
        assert min(spent) < 0.15, query


def test_the_list_refreshes_only_what_changed(viewer: Client) -> None:
    row = stored()
    page = text(viewer, "/connections/")
    mark = re.search(r'id="listing".*?hx-headers=\'{"Shown": "(\w+)"}\'', page)
    assert mark
    asking = {"HX-Request": "true", "Shown": mark[1]}
    assert viewer.get("/connections/", headers=asking).status_code == HTTPStatus.NO_CONTENT
    registered(row)
    response = viewer.get("/connections/", headers=asking)
    part = response.content.decode()
    assert "<html" not in part
    assert part.lstrip().startswith('<section id="listing"')
    assert "Yealink T46U" in part
    assert mark[1] not in part
    back = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert b"<html" in viewer.get("/connections/", headers=back).content


def test_text_from_a_phone_is_shown_as_text(viewer: Client) -> None:
    row = stored(name="<b>bold</b>")
    registered(row, device="<script>alert(1)</script>")
    for address in ("/connections/", url(row), url(row, "?tab=registrations")):
        page = text(viewer, address)
        assert "<script>alert" not in page
        assert "<b>bold" not in page
        assert "&lt;script&gt;alert(1)" in page


# Adding one, and its password


def add(client: Client, **values: str) -> tuple[str, str]:
    """Add a connection; return the address it leads to and the page there."""
    form = {"name": "Alice", "sip_user": "alice", "password": "", **values}
    response = client.post("/connections/add/", form)
    assert response.status_code == HTTPStatus.FOUND, words(response.content.decode())
    return response["Location"], text(client, response["Location"])


def test_a_generated_password_is_shown_once_and_can_be_typed(admin: Client) -> None:
    address, page = add(admin)
    row = Connection.objects.get()
    assert address == url(row, "?tab=phone")
    password = shown_password(page)
    assert len(password) == LENGTH
    assert set(password) <= set(ALPHABET)
    assert not set("lio01OI") & set(ALPHABET)
    assert f'data-copy="{password}"' in page
    expected = digest_ha1(username="alice", realm=row.ha1_realm, password=password)
    assert (row.ha1_md5, row.ha1_sha256) == expected
    for again in (address, url(row), "/connections/"):
        assert password not in text(admin, again)


def test_a_password_one_chose_is_shown_once_too(admin: Client) -> None:
    _, page = add(admin, password=GIVEN)
    assert shown_password(page) == GIVEN
    row = Connection.objects.get()
    assert row.ha1_md5 == digest_ha1(username="alice", realm=row.ha1_realm, password=GIVEN)[0]
    assert GIVEN not in text(admin, url(row, "?tab=phone"))


def test_the_password_is_never_stored_logged_or_cached(
    admin: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # What SQL was sent would be a log of our own making.
    logging.getLogger("django.db.backends").setLevel(logging.INFO)
    form = {"name": "Alice", "sip_user": "alice", "password": GIVEN}
    answer = admin.post("/connections/add/", form)

    def everything() -> str:
        sessions = [session.get_decoded() for session in Session.objects.all()]
        with database.cursor() as cursor:
            tables = database.introspection.table_names()
            rows = [cursor.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]
        return f"{sessions} {rows}"

    assert GIVEN not in everything()
    assert GIVEN not in str(answer.headers) + str(answer.cookies) + answer["Location"]
    cookie = answer.cookies[once.COOKIE]
    assert cookie["httponly"]
    assert cookie["path"] == url(Connection.objects.get())
    assert "no-store" in answer["Cache-Control"]
    page = admin.get(answer["Location"])
    assert "no-store" in page["Cache-Control"]
    assert GIVEN in page.content.decode()
    assert page.cookies[once.COOKIE].value == ""
    assert GIVEN not in everything()
    assert GIVEN not in caplog.text
    # Even who kept the cookie cannot open it again.
    admin.cookies[once.COOKIE] = cookie.value
    assert GIVEN not in text(admin, answer["Location"])


def test_only_who_made_the_password_and_a_whole_page_see_it(admin: Client, viewer: Client) -> None:
    answer = admin.post("/connections/add/", {"name": "A", "sip_user": "a", "password": GIVEN})
    address = answer["Location"]
    viewer.cookies[once.COOKIE] = answer.cookies[once.COOKIE].value
    assert GIVEN not in text(viewer, address)
    assert GIVEN not in admin.get(address, headers={"HX-Request": "true"}).content.decode()
    admin.head(address)
    assert GIVEN in text(admin, address)


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"name": ""}, "name", "Give it a name"),
        ({"sip_user": ""}, "sip_user", "Give it a SIP user: 1 to 64 of"),
        ({"sip_user": "sales team"}, "sip_user", "'sales team' is not a SIP user; allowed: 1 to"),
        ({"sip_user": "bob"}, "sip_user", "'bob' is already the SIP user of Bob; choose another"),
        ({"sip_user": "carrier"}, "sip_user", "already the IN user name of trunk carrier-one"),
        ({"password": "short7!"}, "password", "8 to 128 characters, without spaces around it"),
        ({"password": " padded password"}, "password", "begins or ends with a space"),
        ({"password": "with\ttab in it"}, "password", "cannot be typed"),
    ],
)
def test_bad_input_is_said_at_its_field_and_nothing_is_saved(
    admin: Client, values: dict[str, str], field: str, said: str
) -> None:
    stored("bob")
    Trunk.objects.create(name="carrier-one", in_username="carrier")
    form = {"name": "Alice", "sip_user": "alice", "password": "", **values}
    response = admin.post("/connections/add/", form)
    assert any(said in error for error in response.context["form"].errors[field])
    page = response.content.decode()
    assert "Not saved" in page
    assert Connection.objects.count() == 1
    for value in values.values():
        if field == "password":
            assert value not in page


def test_another_password_takes_the_place_of_the_old_one(admin: Client) -> None:
    row = stored()
    response = admin.post(url(row, "password/"), {"password": ""})
    page = text(admin, response["Location"])
    password = shown_password(page)
    row.refresh_from_db()
    expected = digest_ha1(username="alice", realm=row.ha1_realm, password=password)
    assert (row.ha1_md5, row.ha1_sha256) == expected
    bad = admin.post(url(row, "password/"), {"password": "x"})
    assert "this one has 1" in bad.content.decode()
    before = row.ha1_md5
    row.refresh_from_db()
    assert row.ha1_md5 == before


# The page


def test_every_tab_has_an_address_and_says_whose_page_it_is(viewer: Client) -> None:
    row = stored()
    for tab in ("inbound", "outbound", "settings", "registrations", "phone", "calls", "nonsense"):
        page = text(viewer, url(row, f"?tab={tab}"))
        assert "<h1><bdi>Alice</bdi></h1>" in page
        assert page.count('aria-current="page"') == 2, "its place in the rail, and its tab"
    assert viewer.get("/connections/999/").status_code == HTTPStatus.NOT_FOUND


def test_the_codec_lists_stand_in_their_tabs(admin: Client) -> None:
    row = stored(inbound_codecs=["G722", "PCMU"])
    page = text(admin, url(row))
    assert f'action="/codecs/connection/{row.pk}/inbound/"' in page
    assert "Force selected codecs on the caller" in page
    page = text(admin, url(row, "?tab=outbound"))
    assert f'action="/codecs/connection/{row.pk}/outbound/"' in page
    assert "Force selected codecs on the caller" not in page


def test_a_viewer_sees_no_button_and_no_form(viewer: Client) -> None:
    row = stored()
    for tab in ("inbound", "outbound", "settings", "registrations", "phone", "calls"):
        main = text(viewer, url(row, f"?tab={tab}")).split("<main")[1]
        assert "<form" not in main
        assert "/delete/" not in main
        assert "<input" not in main


def test_registrations_tell_device_contact_source_and_times(viewer: Client) -> None:
    row = stored()
    empty = text(viewer, url(row, "?tab=registrations"))
    assert "No phone is registered" in empty
    registered(row)
    registered(row, device="Linphone", left_s=-5)
    page = words(text(viewer, url(row, "?tab=registrations")))
    for word in ("Yealink T46U", "sip:alice@192.0.2.1:5060", "udp:198.51.100.4:40000"):
        assert word in page
    assert "Linphone" not in page, "it has expired"


def test_state_and_registrations_of_a_page_refresh_themselves(viewer: Client) -> None:
    row = stored()
    page = text(viewer, url(row, "?tab=registrations"))
    assert f'hx-get="{url(row)}?tab=registrations" hx-trigger="every 5s"' in page
    mark = re.search(r'id="connection-state".*?"Shown": "(\w+)"', page)
    assert mark
    asking = {"HX-Request": "true", "Shown": mark[1]}
    address = url(row, "?tab=registrations")
    assert viewer.get(address, headers=asking).status_code == HTTPStatus.NO_CONTENT
    registered(row)
    part = viewer.get(address, headers=asking).content.decode()
    assert '<section id="registrations" aria-label="Registrations" hx-swap-oob="true">' in part
    assert "sip:alice@192.0.2.1:5060" in part
    assert "<html" not in part


def test_what_to_type_into_a_phone_follows_the_running_engine(
    viewer: Client, settings: object
) -> None:
    row = stored()
    page = words(text(viewer, url(row, "?tab=phone")))
    assert "No engine runs now" in page
    demo.engine_node(listening=["udp:192.0.2.4:5080", "tcp:192.0.2.4:5080"])
    page = text(viewer, url(row, "?tab=phone"))
    for copied in ("192.0.2.4", "5080", "alice", "voipnumber", "600"):
        assert f'data-copy="{copied}"' in page
    assert "UDP or TCP" in page
    assert "the one that was shown when it was set" in page
    EngineNode.objects.update(listening=["udp:0.0.0.0:5060"])
    there = words(
        viewer.get(url(row, "?tab=phone"), headers={"host": "127.0.0.1"}).content.decode()
    )
    assert "The address under which the phone reaches this machine: the engine listens" in there
    settings.ALLOWED_HOSTS = ["pbx.example.org"]  # type: ignore[attr-defined]
    client_page = viewer.get(url(row, "?tab=phone"), headers={"host": "pbx.example.org:8000"})
    assert "probably pbx.example.org:" in words(client_page.content.decode())
    settings.ALLOWED_HOSTS = ["testserver"]  # type: ignore[attr-defined]
    settings.VOIPNUMBER_PUBLIC_ADDRESS = "203.0.113.80"  # type: ignore[attr-defined]
    assert 'data-copy="203.0.113.80"' in text(viewer, url(row, "?tab=phone"))


def test_why_a_phone_cannot_sign_in_is_said_on_every_tab(viewer: Client, settings: object) -> None:
    bare = Connection.objects.create(name="Bare", sip_user="bare")
    assert "It has no password" in text(viewer, url(bare))
    row = stored()
    settings.VOIPNUMBER_REALM = "elsewhere"  # type: ignore[attr-defined]
    assert "set for the realm voipnumber; the realm is now elsewhere" in text(viewer, url(row))


def test_numbers_calls_and_refusals_of_a_connection_and_of_no_other(viewer: Client) -> None:
    alice, bob = stored(), stored("bob")
    Number.objects.create(number="+12025550100", connection=alice)
    now = timezone.now()
    for number in range(12):
        at = now - dt.timedelta(minutes=number)
        ended = at + dt.timedelta(seconds=5)
        Call.objects.create(
            started=at,
            ended=ended,
            from_user=f"caller-{number:02}",
            source="connection:alice" if number % 2 else "external:192.0.2.1",
            destination="trunk:carrier" if number % 2 else "connection:alice",
        )
        Rejection.objects.create(
            at=at,
            source_address=f"192.0.2.{number}",
            user="alice",
            method="REGISTER",
            code=403,
            rule="wrong-password",
            advice=f"Advice {number:02}.",
        )
    with CaptureQueriesContext(database) as seen:
        page = text(viewer, url(alice, "?tab=calls"))
    assert len(seen) <= 20
    assert "+12025550100" in page
    shown_calls = re.findall(r"caller-(\d\d)", page)
    assert sorted(set(shown_calls)) == [f"{n:02}" for n in range(10)]
    assert [int(n) for n in dict.fromkeys(shown_calls)] == list(range(10)), "the newest first"
    assert re.findall(r"Advice (\d\d)", page) == [f"{n:02}" for n in range(10)]
    page = text(viewer, url(bob, "?tab=calls"))
    assert "No call yet" in page
    assert "Nothing in its name was refused" in page


# Changing it


def test_only_what_a_person_changed_is_written(admin: Client) -> None:
    row = stored()
    hers, his = shown(admin, row), shown(admin, row)
    admin.post(url(row), {**hers, "name": "Alice B."})
    response = admin.post(url(row), {**his, "concurrent_calls": "2"})
    assert response["Location"] == url(row, "?tab=settings")
    row.refresh_from_db()
    assert (row.name, row.concurrent_calls, row.enabled) == ("Alice B.", 2, True)
    before = row.ha1_md5
    assert before == digest_ha1(username="alice", realm=row.ha1_realm, password=GIVEN)[0]


def test_a_codec_list_saved_meanwhile_is_kept(admin: Client) -> None:
    row = stored()
    form = shown(admin, row)
    Connection.objects.filter(pk=row.pk).update(inbound_codecs=["OPUS"], force_on_caller=True)
    admin.post(url(row), {**form, "name": "New"})
    row.refresh_from_db()
    assert (row.name, row.inbound_codecs, row.force_on_caller) == ("New", ["OPUS"], True)


def test_the_same_field_changed_by_two_is_a_conflict_one_can_settle(admin: Client) -> None:
    row = stored()
    form = {**shown(admin, row), "name": "Mine", "address": "sip:192.0.2.1"}
    Connection.objects.filter(pk=row.pk).update(name="Theirs")
    response = admin.post(url(row), form)
    assert response.status_code == HTTPStatus.CONFLICT
    page = words(response.content.decode())
    assert "Somebody else changed this to 'Theirs' meanwhile. Save again to put yours" in page
    row.refresh_from_db()
    assert (row.name, row.address) == ("Theirs", ""), "nothing is half saved"
    again = response.content.decode()
    initial = re.search(r'name="initial-name" value="([^"]*)"', again)
    assert initial
    assert initial[1] == "Theirs"
    assert 'name="name" value="Mine"' in again
    admin.post(url(row), {**form, "initial-name": initial[1]})
    row.refresh_from_db()
    assert (row.name, row.address) == ("Mine", "sip:192.0.2.1")


def test_two_who_want_the_same_have_no_conflict(admin: Client) -> None:
    row = stored()
    form = {**shown(admin, row), "name": "Same"}
    Connection.objects.filter(pk=row.pk).update(name="Same")
    assert admin.post(url(row), form).status_code == HTTPStatus.FOUND


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"sip_user": "sales team"}, "sip_user", "'sales team' is not a SIP user; allowed: 1 to"),
        ({"sip_user": "bob"}, "sip_user", "'bob' is already the SIP user of Bob"),
        ({"address": "192.0.2.1"}, "address", "'192.0.2.1' is not a SIP URI; allowed: sip:"),
        ({"address": "sip:h;transport=tls"}, "address", "transport 'tls'"),
        ({"concurrent_calls": "0"}, "concurrent_calls", "a whole number from 1 to 10000"),
        ({"concurrent_calls": "many"}, "concurrent_calls", "a whole number from 1 to 10000"),
        ({"concurrent_calls": "9" * 12}, "concurrent_calls", "a whole number from 1 to 10000"),
        ({"name": "x" * 101}, "name", "at most 100 characters (it has 101)"),
    ],
)
def test_bad_settings_are_said_at_their_field_and_nothing_is_saved(
    admin: Client, values: dict[str, str], field: str, said: str
) -> None:
    stored("bob")
    row = stored()
    before = Connection.objects.filter(pk=row.pk).values().get()
    response = admin.post(url(row), {**shown(admin, row), "name": "Other", **values})
    assert any(said in error for error in response.context["form"].errors[field])
    assert "Not saved" in response.content.decode()
    assert Connection.objects.filter(pk=row.pk).values().get() == before


def test_another_sip_user_gets_another_password_shown_once(admin: Client) -> None:
    row = stored()
    response = admin.post(url(row), {**shown(admin, row), "sip_user": "alicia"})
    password = shown_password(text(admin, response["Location"]))
    row.refresh_from_db()
    expected = digest_ha1(username="alicia", realm=row.ha1_realm, password=password)
    assert (row.sip_user, (row.ha1_md5, row.ha1_sha256)) == ("alicia", expected)


def test_disabling_and_enabling_keep_everything_else(admin: Client) -> None:
    row = stored()
    for wanted, state in (("0", "Disabled"), ("0", "Disabled"), ("1", "Not registered")):
        response = admin.post(url(row, "enabled/"), {"enabled": wanted}, follow=True)
        assert f'">{state}</span>' in response.content.decode()
    assert admin.post("/connections/999/enabled/", {"enabled": "1"}).status_code == 404


# Deleting it


def test_deleting_says_what_goes_and_asks_first(admin: Client) -> None:
    row = stored()
    registered(row)
    page = words(text(admin, url(row, "delete/")))
    assert "1 registered phone must be set up anew" in page
    assert Connection.objects.exists()
    response = admin.post(url(row, "delete/"), follow=True)
    assert "Alice (alice) was deleted" in response.content.decode()
    assert not Connection.objects.exists()
    assert not Registration.objects.exists()


def test_a_connection_numbers_lead_to_is_kept_and_they_are_named(admin: Client) -> None:
    row = stored()
    number = Number.objects.create(number="+12025550100", connection=row)
    page = text(admin, url(row, "delete/"))
    assert f'href="/numbers/{number.pk}/">+12025550100</a>' in page
    assert "<form" not in page.split("<main")[1]
    response = admin.post(url(row, "delete/"))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "cannot be deleted while numbers lead to it" in response.content.decode()
    assert Connection.objects.exists()


# Django admin


def test_the_django_admin_shows_no_secret_and_does_not_write_what_the_engine_owns(
    admin: Client,
) -> None:
    row = stored()
    registered(row)
    registration = row.registrations.get()
    pages = [
        "/admin/connections/connection/",
        "/admin/connections/connection/?q=alice",
        f"/admin/connections/connection/{row.pk}/change/",
        f"/admin/connections/connection/{row.pk}/history/",
        "/admin/connections/registration/",
        "/admin/connections/registration/?q=yealink",
        f"/admin/connections/registration/{registration.pk}/change/",
    ]
    for address in pages:
        page = text(admin, address)
        for secret in (row.ha1_md5, row.ha1_sha256, GIVEN, "ha1_"):
            assert secret not in page
    assert "Yealink T46U" in text(admin, pages[5])
    assert admin.post(pages[-1], {"contact": "sip:evil@x"}).status_code == HTTPStatus.FORBIDDEN
    for rest in ("add/", f"{registration.pk}/delete/"):
        address = f"/admin/connections/registration/{rest}"
        assert admin.get(address).status_code == HTTPStatus.FORBIDDEN


def test_the_django_admin_writes_only_what_this_person_changed(admin: Client) -> None:
    row = stored(inbound_codecs=["G722", "PCMU"])
    address = f"/admin/connections/connection/{row.pk}/change/"
    page = admin.get(address)
    form = sent_by(page.context["adminform"].form)
    assert 'name="initial-inbound_codecs" value="G722, PCMU"' in page.content.decode()
    form |= {"registrations-TOTAL_FORMS": "0", "registrations-INITIAL_FORMS": "0"}
    Connection.objects.filter(pk=row.pk).update(inbound_codecs=["OPUS"], concurrent_calls=3)
    response = admin.post(address, {**form, "name": "From the admin", "password": "another one"})
    assert response.status_code == HTTPStatus.FOUND
    after = Connection.objects.get()
    assert (after.name, after.inbound_codecs, after.concurrent_calls) == (
        "From the admin",
        ["OPUS"],
        3,
    )
    assert (
        after.ha1_md5
        == digest_ha1(username="alice", realm=after.ha1_realm, password="another one")[0]
    )


@pytest.mark.parametrize(
    "path",
    [
        "/connections/{}/?tab=registrations",
        "/admin/connections/connection/{}/change/",
        "/admin/connections/registration/",
        "/admin/connections/registration/{}/change/",
    ],
)
def test_no_page_shows_a_password_a_phone_put_into_its_contact(admin: Client, path: str) -> None:
    row = stored()
    registered(row)
    contact = row.registrations.get()
    contact.contact = "sip:alice:hunter2@192.0.2.7:5060;ob"
    contact.save()
    page = admin.get(path.format(contact.pk if "/registration/" in path else row.pk))
    assert "sip:alice:***@192.0.2.7:5060;ob" in page.content.decode()
    assert "hunter2" not in page.content.decode()
