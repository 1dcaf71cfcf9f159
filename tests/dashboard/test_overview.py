"""The overview: its figures, its first steps, and what it does while it polls."""

import datetime as dt
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from callengine.models import EngineNode, Leg, Rejection
from connections.models import Connection, Registration
from dashboard.accounts.roles import Role
from dashboard.overview import figures
from dashboard.overview.figures import Span, span
from dashboard.overview.levels import Level
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of, person
from tests.dashboard.record import call, rejection
from trunks.models import Gateway, GatewayTarget, Trunk

FRAGMENT = {"HX-Request": "true"}
POLL = {**FRAGMENT, "Cache-Control": "max-age=5"}


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    figures._last.clear()


def totals(shown: Span) -> dict[str, int]:
    return {series.kind: series.total for series in shown.series}


def test_a_fresh_system_shows_three_steps(viewer: Client) -> None:
    page = viewer.get("/").content.decode()
    assert [step in page for step in ("Add a connection", "Register a phone", "Make a call")]
    assert page.count('class="done"') == 0
    assert "An administrator gives your phone" in page
    assert reverse("connection-add") in browser_of(Role.ADMIN).get("/").content.decode()


def test_who_may_call_needs_no_phone_for_the_first_call(viewer: Client) -> None:
    page = browser_of(Role.OPERATOR).get("/").content.decode()
    assert f'href="{reverse("phone")}?to=*echo"' in page
    assert reverse("phone") not in viewer.get("/").content.decode()


def test_steps_are_ticked_and_go_away(viewer: Client) -> None:
    alice = Connection.objects.create(name="Alice", sip_user="alice")
    assert viewer.get("/").content.decode().count('class="done"') == 1
    now = timezone.now()
    Registration.objects.create(
        connection=alice,
        contact="sip:alice@192.0.2.1",
        call_id="x",
        cseq=1,
        expires_at=now + dt.timedelta(hours=1),
        flow="udp:192.0.2.1:5060",
        registered_at=now,
    )
    assert viewer.get("/").content.decode().count('class="done"') == 2
    call()
    page = viewer.get("/").content.decode()
    assert "Your first call" not in page
    assert re.search(r'id="to-connections"[^>]*>1<', page)


def test_every_call_and_refusal_of_the_time_is_in_exactly_one_bar(db: None) -> None:
    for outcome in ("completed", "in-progress", "busy", "no-answer", "cut-off", "no-codec"):
        call(outcome, ago_s=30)
        call(outcome, ago_s=7200)
        call(outcome, ago_s=3 * 86400)
    rejection(ago_s=30)
    rejection(ago_s=7200)
    rejection(ago_s=3 * 86400)
    began_s = timezone.now().timestamp()
    hour = span("hour", "Last hour", step_s=300, bars=12, rejections=True)
    day = span("day", "Last day", step_s=3600, bars=24, rejections=True)
    # Who still rings is neither answered nor anything else.
    assert totals(hour) == {"answered": 1, "unanswered": 2, "failed": 2, "refused": 1}
    assert totals(day) == {"answered": 2, "unanswered": 4, "failed": 4, "refused": 2}
    assert len(hour.starts_s) == len(hour.series[0].values) == len(hour.rows) == 12
    assert began_s - 300 < hour.starts_s[-1] <= timezone.now().timestamp()
    newest = hour.rows[0]
    assert newest[0].timestamp() == hour.starts_s[-1]
    assert sum(sum(counts) for _, counts in hour.rows) == 6


def test_charts_have_a_table_with_the_same_figures(viewer: Client) -> None:
    call("failed", ago_s=30)
    rejection(ago_s=30)
    page = viewer.get("/").content.decode()
    hour = page[page.index('id="span-hour"') : page.index('id="span-day"')]
    drawn = [sum(map(int, values.split(","))) for values in re.findall('values="([^"]+)"', hour)]
    cells = [int(cell) for cell in re.findall(r'<td class="number">(\d+)</td>', hour)]
    assert drawn == [0, 0, 1, 1]
    assert [sum(cells[column::4]) for column in range(4)] == drawn


def test_the_newest_failures_and_refusals_are_named(viewer: Client) -> None:
    for number in range(7):
        call("failed", ago_s=100 - number, from_user=f"caller{number}")
        rejection(ago_s=100 - number, user=f"tried{number}")
    call("completed", from_user="happy")
    page = viewer.get("/").content.decode()
    for number in range(7):
        assert (f"caller{number}<" in page) is (number > 1)
        assert (f"tried{number}<" in page) is (number > 1)
    assert "happy" not in page


def test_the_engine_is_shown_with_what_it_cannot_do(viewer: Client) -> None:
    demo.engine_node()
    page = viewer.get("/").content.decode()
    assert "0 of at most 100" in page  # as the pill and the figures count
    assert "AMR-WB: libvo-amrwbenc.so.0 is not installed" in page


def test_refusals_are_for_those_who_may_see_them(db: None) -> None:
    rejection(user="secretive")
    somebody = person(Role.NONE, "somebody")
    somebody.user_permissions.add(Permission.objects.get(codename="view_call"))
    client = browser_of(somebody)
    page = client.get("/").content.decode()
    assert "secretive" not in page
    assert "Refused</span>" not in page
    assert client.get("/rejections/").status_code == 403


def test_a_poll_gets_the_region_alone_and_counts_once_for_all(viewer: Client) -> None:
    first = viewer.get("/", headers=POLL).content.decode()
    assert "<html" not in first
    call("in-progress")
    assert ">0</a>" in viewer.get("/", headers=POLL).content.decode(), "it is a moment old"
    assert ">1</a>" in viewer.get("/").content.decode(), "a page is always fresh"
    assert ">1</a>" in viewer.get("/", headers=POLL).content.decode()


def test_what_was_told_to_ask_is_answered_with_what_is(viewer: Client) -> None:
    """A trunk whose gateways fell silent was told at once, and read in figures of before."""
    viewer.get("/", headers=POLL)
    call("in-progress")
    assert ">1</a>" in viewer.get("/", headers=FRAGMENT).content.decode()


def test_signing_in_leads_here(db: None) -> None:
    person(Role.VIEWER, "vera")
    data = {"username": "vera", "password": "correct horse"}
    assert Client().post(reverse("login"), data)["Location"] == "/"


def test_nothing_is_said_to_be_well_that_is_not_known(viewer: Client) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    call()
    page = viewer.get("/").content.decode()
    assert "Nothing asks for you" not in page
    assert "No engine has reported yet: calls are not taken." in page
    demo.engine_node()
    assert (
        "Nothing asks for you: no trunk is down, nobody is silent"
        in viewer.get("/").content.decode()
    )
    somebody = person(Role.NONE, "somebody")
    somebody.user_permissions.add(Permission.objects.get(codename="view_call"))
    client = browser_of(somebody)
    assert "Nothing asks for you: nobody is silent" in client.get("/").content.decode()


def test_what_asks_for_somebody_is_said_with_its_one_button(viewer: Client) -> None:
    demo.engine_node()
    alice = Connection.objects.create(name="Alice", sip_user="alice")
    Connection.objects.create(name="Bob", sip_user="bob")
    call(source="connection:bob")
    assert "Nothing asks for you" in viewer.get("/").content.decode()
    for _ in range(3):
        call(source="connection:alice")
    call(source="connection:bob")
    Trunk.objects.create(name="carrier-one")
    down = Gateway.objects.create(trunk=Trunk.objects.get(), uri="sip:192.0.2.1")
    GatewayTarget.objects.create(
        gateway=down,
        target="udp:192.0.2.1:5060",
        is_up=False,
        since=timezone.now(),
        said="no response",
        holds_until=timezone.now() + dt.timedelta(hours=1),
    )
    quiet = demo.silent(timezone.now() - dt.timedelta(seconds=7), last=timezone.now())
    silent = demo.store(
        demo.call(legs=[demo.leg("A", state="up", quality=quiet), demo.leg("B", state="up")])
    )
    for _ in range(50):
        rejection("203.0.113.9")
    page = viewer.get("/").content.decode()
    now = page[page.index('id="now-heading"') :]
    for text, url in (
        ("No audio arrives from the caller of the call +12025550100 to alice.", silent["id"]),
        ("Calls through carrier-one cannot be expected to work: gateways down.", "/trunks/"),
        ("Alice (alice) is not registered, and made 3 calls in the last week.", f"/{alice.pk}/"),
        ("203.0.113.9 was refused 50 times in the last hour.", "source=203.0.113.9"),
    ):
        assert text in now
        assert url in now[now.index(text) :].split("</li>")[0]
    assert "Bob (bob)" not in now
    assert now.index("No audio arrives") < now.index("Alice (alice)"), "the worst first"
    EngineNode.objects.update(seen="2026-01-02T10:42:00Z")
    page = viewer.get("/").content.decode()
    assert "Engine not reachable since" in page
    assert "No audio arrives" not in page, "nobody knows"


def test_who_is_silent_is_named_by_whom_we_rang(viewer: Client) -> None:
    """After a transfer two legs talk that we rang: "the callee" told of neither which it was."""
    demo.engine_node()
    quiet = demo.silent(timezone.now() - dt.timedelta(seconds=7), last=timezone.now())
    legs = [
        demo.leg("A", state="ended"),
        demo.leg("B", label="Alice", state="up"),
        demo.leg("B2", label="Bob", state="up", quality=quiet),
    ]
    demo.store(demo.call(legs=legs, near="B"))
    page = viewer.get("/").content.decode()
    assert "No audio arrives from Bob of the call +12025550100 to alice." in page


def _refused(address: str, *, times: int) -> None:
    for _ in range(times):
        rejection(address, ago_s=600)


def _forget(address: str, *, times: int) -> None:
    hour = timezone.now() - dt.timedelta(hours=1)
    rows = Rejection.objects.filter(source_address=address, at__gte=hour).values_list(
        "pk", flat=True
    )
    Rejection.objects.filter(pk__in=list(rows[:times])).delete()


def test_an_address_about_the_limit_does_not_come_and_go(viewer: Client) -> None:
    said = "203.0.113.9 was refused {} times in the last hour."
    _refused("203.0.113.9", times=49)
    assert said.format(49) not in viewer.get("/").content.decode()
    _refused("203.0.113.9", times=1)
    assert said.format(50) in viewer.get("/").content.decode()
    # They get older than an hour, and others have come.
    Rejection.objects.update(at=timezone.now() - dt.timedelta(minutes=61))
    _refused("203.0.113.9", times=49)
    assert said.format(49) in viewer.get("/").content.decode()
    _forget("203.0.113.9", times=24)
    assert said.format(25) in viewer.get("/").content.decode()
    _forget("203.0.113.9", times=1)
    assert "was refused" not in viewer.get("/").content.decode()


def test_of_two_that_are_refused_as_often_it_is_always_the_same(viewer: Client) -> None:
    for address in ("203.0.113.9", "203.0.113.10", "203.0.113.8"):
        _refused(address, times=50)
    assert "203.0.113.10 was refused 50 times" in viewer.get("/").content.decode()
    _refused("203.0.113.9", times=1)
    assert "203.0.113.9 was refused 51 times" in viewer.get("/").content.decode()


def test_a_phone_that_renews_late_is_not_missed(viewer: Client) -> None:
    alice = Connection.objects.create(name="Alice", sip_user="alice")
    for _ in range(3):
        call(source="connection:alice")
    now = timezone.now()
    Registration.objects.create(
        connection=alice,
        contact="sip:alice@192.0.2.1",
        call_id="x",
        cseq=1,
        expires_at=now - dt.timedelta(seconds=60),
        flow="udp:192.0.2.1:5060",
        registered_at=now - dt.timedelta(hours=1),
    )
    missed = "Alice (alice) is not registered"
    assert missed not in viewer.get("/").content.decode()
    Registration.objects.update(expires_at=now - dt.timedelta(seconds=121))
    assert missed in viewer.get("/").content.decode()


def test_who_calls_from_a_browser_alone_has_no_phone_that_is_missed(viewer: Client) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    calls = [call(source="connection:alice") for _ in range(5)]
    caller = Leg.objects.filter(name="A")
    caller.update(user_agent="Browser of ada")
    assert "is not registered" not in viewer.get("/").content.decode()
    caller.filter(call__in=calls[2:]).update(user_agent="Yealink SIP-T46U")
    missed = "Alice (alice) is not registered, and made 3 calls in the last week."
    assert missed in viewer.get("/").content.decode()


def test_a_disk_about_the_limit_does_not_come_and_go(
    db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VOIPNUMBER_DATA = tmp_path
    browser = browser_of(Role.ADMIN)

    def is_said(at: float, below: float) -> bool:
        level = Level(used + at, used + below)
        monkeypatch.setattr("dashboard.overview.now.DISK_FULL_PERCENT", level)
        return "The disk of the data folder is" in browser.get("/").content.decode()

    usage = shutil.disk_usage(tmp_path)
    used = 100 * usage.used / usage.total
    # Others fill the same disk meanwhile, but not so fast.
    assert not is_said(10, 5)
    assert not is_said(10, -10)
    assert is_said(-5, -10)
    assert is_said(10, -10)
    assert is_said(10, -10)
    assert not is_said(20, 10)
    assert not is_said(10, -10)
