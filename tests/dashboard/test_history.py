"""The record of calls: what filters find, what totals say, what the file holds."""

import asyncio
import csv
import datetime as dt
import html
import io
import re
import uuid
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from callengine.models import Call
from dashboard.accounts.roles import Role
from dashboard.history import export, queries
from dashboard.history.filters import CallFilterForm
from dashboard.history.outcomes import ANSWERED, CONDITIONS, FAILED, UNANSWERED, CallOutcome
from dashboard.history.rows import rows_of
from tests.dashboard.people import person
from tests.dashboard.record import ENDS, call, rejection
from trunks.validators import plain_number
from voipnumber.asgi import application

PAGE = "/history/"


def found(viewer: Client, query: str) -> set[uuid.UUID]:
    """Return the keys of the calls on a page."""
    rows = viewer.get(f"{PAGE}?{query}").context["listing"].rows
    return {uuid.UUID(row.id) for row in rows}


def test_an_empty_record_says_what_would_be_here(viewer: Client) -> None:
    page = viewer.get(PAGE).content.decode()
    assert "No call yet" in page
    assert "Export CSV" not in page
    assert "No call matches" in viewer.get(f"{PAGE}?number=99").content.decode()


@pytest.mark.parametrize("outcome", [*ENDS, "in-progress"])
def test_each_outcome_is_found_by_its_filter_and_by_no_other(viewer: Client, outcome: str) -> None:
    made = call(outcome)
    assert found(viewer, f"outcome={outcome}") == {made.pk}
    others = [choice for choice in CallOutcome.values if choice != outcome]
    assert all(not Call.objects.filter(CONDITIONS[other]).exists() for other in others)


def test_the_link_of_the_overview_finds_what_it_counts_as_failed(viewer: Client) -> None:
    made = {outcome: call(outcome).pk for outcome in ENDS}
    failed = {"cut-off", "no-codec", "unreachable", "failed"}
    link = re.search(r'id="to-failed" href="([^"]+)"', viewer.get("/").content.decode())
    assert link is not None
    asked = html.unescape(link[1]).partition("?")[2]
    assert found(viewer, asked) == {made[outcome] for outcome in failed & made.keys()}


def test_every_end_meets_exactly_one_outcome_and_one_kind_of_the_overview(db: None) -> None:
    codes = [None, 200, 302, 400, 408, 480, 486, 487, 488, 500, 503, 600, 603, 606, 699]
    for code in codes:
        for reason in ("hangup", "no-answer"):
            for talked in (True, False):
                answered = timezone.now() if talked else None
                call("completed", code=code, reason=reason, answered=answered)
    everything = Call.objects.count()
    for conditions in (CONDITIONS.values(), (ANSWERED, FAILED, UNANSWERED)):
        counts = [Call.objects.filter(condition).count() for condition in conditions]
        assert sum(counts) == everything
        assert not any(
            Call.objects.filter(one & other).exists()
            for at, one in enumerate(conditions)
            for other in list(conditions)[at + 1 :]
        )


@pytest.mark.parametrize("outcome", [*ENDS])
def test_the_badge_of_a_call_says_what_its_filter_says(db: None, outcome: str) -> None:
    (row,) = rows_of([call(outcome).pk])
    word = row.badge.word.split()[0]
    assert CallOutcome(outcome).label.startswith(word)


def test_a_call_from_a_browser_has_its_sound_in_place_of_a_codec(viewer: Client) -> None:
    """Its leg has none: the record said "not yet" of it for ever."""
    call(codec_a="", codec_b="OPUS", plan={"browser": "Browser of ada"})
    page = viewer.get(PAGE).content.decode()
    assert '<span class="codec codec-agent">PCM</span>' in page
    assert "not yet" not in page


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("number=%2B1202", {"in"}),
        ("number=%2B1 (202) 555-0100", {"in"}),
        ("number=202", set()),
        ("number=bob", {"out"}),
        ("connection=alice", {"in"}),
        ("connection=connection:bob", {"out"}),
        ("connection=ali", set()),
        ("trunk=carrier-one", {"in"}),
        ("trunk=carrier-two", {"out"}),
        ("number=recept", {"in"}),
        ("number=lic", {"in"}),
        ("quality=bad", {"out"}),
        ("quality=silent", {"out"}),
        ("quality=bad&codec=G722", set()),
        ("codec=G722", {"in"}),
        ("codec=PCMA", {"out"}),
        ("codec=OPUS", {"in", "out"}),
        ("codec=OPUS&trunk=carrier-two", {"out"}),
        ("time=hour", {"in"}),
        ("time=day", {"in", "out"}),
        ("", {"in", "out"}),
    ],
)
def test_filters_find_what_they_say(viewer: Client, query: str, which: set[str]) -> None:
    from trunks.models import Trunk

    for name in ("carrier-one", "carrier-two"):
        Trunk.objects.create(name=name)
    calls = {
        "in": call(from_name="The Reception", worst_mos_a=4.0),
        "out": call(
            ago_s=7200,
            from_user="bob",
            to_user="+442079460018",
            source="connection:bob",
            destination="trunk:carrier-two",
            codec_a="PCMA",
            codec_b="OPUS",
            worst_mos_b=2.2,
            was_silent=True,
        ),
    }
    assert found(viewer, query) == {calls[name].pk for name in which}


def test_times_are_those_of_the_browsers_zone(viewer: Client) -> None:
    made = call(started=dt.datetime(2026, 7, 1, 12, 30, tzinfo=dt.UTC))
    inside = "since=2026-07-01T14:00&until=2026-07-01T15:00"
    assert found(viewer, f"{inside}&zone=Europe/Berlin") == {made.pk}
    assert found(viewer, inside) == set()
    assert found(viewer, f"{inside}&zone=../../etc/passwd") == set()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=yesterday", "Write a date and a time"),
        ("since=0001-01-01T00:00&zone=Asia/Tokyo", "A year from 2000"),
        ("since=2026-07-02T10:00&until=2026-07-01T10:00", "Nothing lies between"),
        ("time=fortnight", "Select a valid choice"),
        ("trunk=nobody", "Select a valid choice"),
        ("outcome=x", "Select a valid choice"),
        (f"number={'9' * 200}", "at most 128"),
    ],
)
def test_what_a_filter_refuses_is_said_and_left_out(viewer: Client, query: str, words: str) -> None:
    made = call()
    assert words in viewer.get(f"{PAGE}?{query}").content.decode()
    if "until" not in query:
        assert found(viewer, query) == {made.pk}
    # A file has no place to say what it leaves out.
    exported = viewer.get(f"{reverse('history-export')}?{query}", follow=True)
    assert exported.redirect_chain == [(f"{PAGE}?{urlencode(parse_qsl(query))}", 302)]
    (said,) = exported.context["messages"]
    assert str(said).startswith("Not exported. ")
    assert words in str(said)


def test_totals_are_of_what_matches(viewer: Client) -> None:
    for talk_s in (10, 30):
        call(talk_s=talk_s)
    call("busy")
    call("in-progress")
    totals = viewer.get(PAGE).context["totals"]
    assert (totals.calls, totals.answered, totals.more) == (4, 2, False)
    assert totals.answer_percent == pytest.approx(100 * 2 / 3), "who still rings is not counted"
    assert totals.average_s == 20
    assert [(share.name, share.calls) for share in totals.codecs_a] == [("OPUS", 2)]
    assert [(share.name, share.percent) for share in totals.codecs_b] == [("G722", 100)]
    assert viewer.get(f"{PAGE}?outcome=busy").context["totals"].answer_percent == 0
    assert viewer.get(f"{PAGE}?number=nobody").context["totals"].answer_percent is None


def test_totals_and_pages_end_somewhere_and_say_so(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "TOTALLED", 3)
    monkeypatch.setattr(queries, "FEW", 2)
    monkeypatch.setattr("dashboard.history.rows.MAX_ROWS", 2)
    monkeypatch.setattr("dashboard.history.views.MAX_ROWS", 2)
    for ago_s in range(5):
        call(ago_s=ago_s)
    response = viewer.get(PAGE)
    assert (response.context["totals"].calls, response.context["totals"].more) == (3, True)
    page = response.content.decode()
    assert "Added up: the newest 3 calls" in page
    assert "more than 2 calls" in page
    assert len(response.context["listing"].rows) == 2


def test_the_list_is_sorted_by_time_and_by_duration(viewer: Client) -> None:
    short, long = call(ago_s=10, talk_s=5), call(ago_s=90, talk_s=50)
    unanswered = call("busy", ago_s=50)
    orders = {
        "": [short, unanswered, long],
        "started": [long, unanswered, short],
        "-duration": [long, short, unanswered],
        "duration": [unanswered, short, long],
        "password": [short, unanswered, long],
    }
    for sort, expected in orders.items():
        rows = viewer.get(f"{PAGE}?sort={sort}").context["listing"].rows
        assert [row.id for row in rows] == [str(made.pk) for made in expected], sort


def test_markup_from_a_header_is_shown_as_text(viewer: Client) -> None:
    markup = "<script>document.title=1</script>"
    call(from_user=markup, to_user=markup, source=markup)
    rejection(user=markup, to=markup, rule=markup[:20], advice=markup, method=markup[:20])
    for path in (PAGE, "/", "/rejections/", "/rejections/?view=each", f"/search/?q={markup}"):
        page = viewer.get(path).content.decode()
        assert "<script>document" not in page, path
        assert "&lt;script&gt;document" in page, path


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (" +1 (202) 555-0100 ", "+12025550100"),
        ("020.7946/0018", "02079460018"),
        ("alice", "alice"),
        ("desk 7-a", "desk 7-a"),
    ],
)
def test_a_number_is_taken_as_people_write_it(written: str, meant: str) -> None:
    assert plain_number(written) == meant


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("+12025550100", "+12025550100"),
        ("+1202555010012345678", "'+1202555010012345678"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("x;=1+1", "x;'=1+1"),
        ("x; @SUM(A1);-2", "x;' @SUM(A1);'-2"),
        ("x\t=1", "x\t'=1"),
        ("a; b", "a; b"),
        ("a=b", "a=b"),
        (None, ""),
        (True, "yes"),
        (7, "7"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2026-01-02T03:04:05.000+00:00"),
    ],
)
def test_a_cell_is_safe_in_a_spreadsheet(value: object, written: str) -> None:
    assert export.cell(value) == written


@pytest.mark.django_db(transaction=True)
async def test_the_file_holds_every_call_that_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 4)
    same = timezone.now() - dt.timedelta(minutes=5)
    many = [await sync_to_async(call)(started=same) for _ in range(9)]
    newest = await sync_to_async(call)(ago_s=1, from_user="=1+1", from_name='a "b", c')
    await sync_to_async(call)("busy")
    client = AsyncClient()
    await client.aforce_login(await sync_to_async(person)(Role.VIEWER))
    response = await client.get(f"{reverse('history-export')}?outcome=completed")
    assert isinstance(response, StreamingHttpResponse)
    assert "attachment; filename=" in response["Content-Disposition"]
    pieces = [piece.decode() async for piece in response]
    assert len(pieces) == 4, "a heading, then four calls at a time"
    rows = list(csv.DictReader(io.StringIO("".join(pieces))))
    assert [row["id"] for row in rows[:1]] == [str(newest.pk)]
    assert (rows[0]["from_user"], rows[0]["from_name"]) == ("'=1+1", 'a "b", c')
    assert {row["id"] for row in rows[1:]} == {str(made.pk) for made in many}
    assert len(rows) == 10


@pytest.mark.django_db(transaction=True)
async def test_nothing_is_read_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 1)
    for _ in range(3):
        await sync_to_async(call)()
    asked: list[Call | None] = []
    read = export._piece

    def counted(calls: object, last: Call | None) -> list[Call]:
        asked.append(last)
        return read(calls, last)  # type: ignore[arg-type]

    monkeypatch.setattr(export, "_piece", counted)
    lines = export.lines(Call.objects.all())
    assert (await anext(lines)).startswith("id,started")
    assert asked == []
    await anext(lines)
    assert len(asked) == 1
    await lines.aclose()  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
async def test_the_server_is_handed_a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the whole ASGI application: nothing more is read while a piece is being sent."""
    monkeypatch.setattr(export, "PIECE", 1)
    for _ in range(4):
        await sync_to_async(call)()
    client = AsyncClient()
    await client.aforce_login(await sync_to_async(person)(Role.VIEWER))
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    read: list[None] = []
    read_piece = export._piece
    monkeypatch.setattr(export, "_piece", lambda *args: (read.append(None), read_piece(*args))[1])
    sending, go_on, bodies = asyncio.Event(), asyncio.Event(), []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body" and message.get("body"):
            bodies.append(message["body"])
            sending.set()
            await go_on.wait()

    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return requests.pop() if requests else await asyncio.Event().wait()  # type: ignore[return-value]

    scope = {
        "type": "http",
        "method": "GET",
        "path": reverse("history-export"),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())],
    }
    serving = asyncio.create_task(application(scope, receive, send))
    async with asyncio.timeout(30):
        await sending.wait()
        assert (len(bodies), read) == (1, []), "the heading goes out before anything is read"
        go_on.set()
        await serving
    assert len(bodies) == 5
    assert len(read) == 5


def test_the_forms_words_stand_for_filters(db: None) -> None:
    form = CallFilterForm({"outcome": "no-codec"})
    assert form.is_valid()
    assert set(form.fields) - {"zone"} == set(form.field_order)
