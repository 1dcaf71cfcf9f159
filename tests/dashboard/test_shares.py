"""Links to one call's record: who may have them, what they show, when they end."""

import datetime as dt
import re
import time
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from callengine.models import Call, CallShare, PacketCapture
from callengine.record import store
from callengine.record.retention import prune_calls
from dashboard.accounts.roles import Role
from dashboard.shares import views
from dashboard.shares.numbers import NumberMask
from dashboard.shares.rates import Rate
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of

NUMBER = "+12025550100"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "RATE", Rate(most=20, window_s=60))


@pytest.fixture
def call() -> str:
    """Store a call that is over, with a ladder, and return its id."""
    told = demo.ended(demo.call(to="+442079460018"), demo.HUNG_UP)
    demo.store(told)
    invite = (
        f"INVITE sip:%2b442079460018@192.0.2.1 SIP/2.0\nFrom: <sip:{NUMBER}@192.0.2.7>;tag=1\n"
        "To: <tel:+44-20-7946-0018>\nP-Asserted-Identity: <sip:+12025550123@192.0.2.7>\n"
        "Call-ID: 99887766@192.0.2.7\nCSeq: 12345678 INVITE\n"
    )
    first = demo.message(1, "A", "in", "INVITE sip:+442079460018@192.0.2.1", text=invite)
    store.sip_messages(messages={told["id"]: [first]})
    return str(told["id"])


@pytest.fixture
def admin() -> Client:
    return browser_of(Role.ADMIN)


def share(admin: Client, call: str, **fields: Any) -> str:
    """Make a link and return its path."""
    page = admin.post(f"/calls/{call}/shares/", {"lasts": "day", **fields})
    assert page.status_code == HTTPStatus.OK
    found = re.search(r"http://testserver(/shared/[\w-]{40,}/)<", page.content.decode())
    assert found, page.content
    return found[1]


def test_whoever_has_the_link_reads_the_record_and_nothing_else(admin: Client, call: str) -> None:
    path = share(admin, call)
    answer = Client().get(path)
    page = answer.content.decode()
    assert NUMBER in page
    assert "Alice rings." in page
    assert "INVITE sip" in page
    assert answer["X-Robots-Tag"].startswith("noindex")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies
    # Nothing leads on from there.
    hrefs = re.findall(r'(?:href|action|hx-[a-z]+|src)="([^"]*)"', page)
    assert hrefs
    assert all(href.startswith(("/static/", "#")) for href in hrefs), hrefs
    assert Client().post(path).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    token = path.split("/")[2]
    assert token not in "".join(CallShare.objects.values_list("digest", flat=True))


def test_numbers_are_masked_on_request(admin: Client, call: str) -> None:
    page = Client().get(share(admin, call, masks_numbers="on")).content.decode()
    for number in ("12025550100", "2025550100", "442079460018", "20-7946-0018", "12025550123"):
        assert number not in page
    assert "+*********00" in page
    assert "sip:%2b**********18@192.0.2.1" in page
    assert "tel:+**-**-****-**18" in page
    # What is no number stays.
    assert "CSeq: 12345678 INVITE" in page
    assert "99887766@192.0.2.7" in page
    assert "127.0.0.9:31002" in page


@pytest.mark.parametrize(("lasts", "hours"), [("hour", 1), ("day", 24), ("week", 168)])
def test_it_ends_when_it_was_said_to(admin: Client, call: str, lasts: str, hours: int) -> None:
    path = share(admin, call, lasts=lasts)
    row = CallShare.objects.get()
    assert row.until - row.made == dt.timedelta(hours=hours)
    CallShare.objects.update(until=timezone.now() - dt.timedelta(seconds=1))
    answer = Client().get(path)
    assert answer.status_code == HTTPStatus.GONE
    assert b"expired" in answer.content


def test_a_revoked_link_leads_nowhere_and_all_of_it_is_in_the_audit_log(
    admin: Client, call: str
) -> None:
    path = share(admin, call, masks_numbers="on")
    for _ in range(3):
        assert Client().get(path).status_code == HTTPStatus.OK
    listed = admin.get(f"/calls/{call}/").content.decode()
    assert "opened 3 times" in listed
    assert path not in listed
    admin.post(f"/shares/{CallShare.objects.get().pk}/revoke/")
    answers = [Client().get(path) for path in (path, "/shared/nonsense/", path[:-5] + "/")]
    assert {answer.status_code for answer in answers} == {HTTPStatus.GONE}
    assert len({answer.content for answer in answers}) == 1
    notes = AuditEntry.objects.filter(key=call).order_by("pk").values_list("actor", "note")
    assert [(who, note.partition(",")[0]) for who, note in notes] == [
        ("admin", "made a link to the record for 1 day"),
        ("nobody signed in", "a link to the record"),
        ("admin", "revoked a link to the record"),
    ]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_admins_alone_make_links(call: str, role: Role) -> None:
    browser = browser_of(role)
    assert browser.post(f"/calls/{call}/shares/", {"lasts": "day"}).status_code == 403
    assert "share-make" not in browser.get(f"/calls/{call}/").content.decode()


def test_what_is_not_on_the_form_is_refused(admin: Client, call: str) -> None:
    answer = admin.post(f"/calls/{call}/shares/", {"lasts": "for ever"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert not CallShare.objects.exists()


def test_one_address_may_not_ask_too_often(admin: Client, call: str) -> None:
    path = share(admin, call)
    codes = [Client().get(path).status_code for _ in range(22)]
    assert codes == [200] * 20 + [429] * 2
    assert int(Client().get(path)["Retry-After"]) <= 61
    assert Client(REMOTE_ADDR="192.0.2.99").get(path).status_code == HTTPStatus.OK


def test_a_rate_forgets_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    rate = Rate(most=1, window_s=10, clock=lambda: now[0])
    assert [rate.hold_s("a"), rate.hold_s("a") > 0, rate.hold_s("b")] == [0, True, 0]
    now[0] = 10.0
    assert rate.hold_s("a") == 0
    monkeypatch.setattr("dashboard.shares.rates.MOST_SITES", 3)
    for number in range(10):
        rate.hold_s(str(number))
    assert len(rate._asked) == 3


def test_links_and_captures_go_with_their_call(admin: Client, call: str) -> None:
    share(admin, call)
    PacketCapture.objects.create(
        call_id=call, asked=timezone.now(), by="ada", max_s=60, max_bytes=1000
    )
    assert list(prune_calls(before=timezone.now() + dt.timedelta(hours=1))) == [1]
    left = (Call, CallShare, PacketCapture)
    assert [model.objects.count() for model in left] == [0, 0, 0]


def test_a_user_of_three_digits_is_no_number() -> None:
    told = demo.call(**{"from": "101", "to": "alice", "source": "connection:101"})
    mask = NumberMask(told, [])
    assert mask.text("101 called alice, 101 packets") == "101 called alice, 101 packets"
    assert mask.text("at 203.0.113.5:14002 on 2026-11-26") == "at 203.0.113.5:14002 on 2026-11-26"
    assert mask.text("call +1 (202) 555-0123 now") == "call +* (***) ***-**23 now"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('From: "202.555.0147" <sip:2025550147@192.0.2.7>', "***.***.**47"),
        ("To: <tel:+1.202.555.0147>", "tel:+*.***.***.**47"),
        ("INVITE sip:202.555.0147@192.0.2.7 SIP/2.0", "sip:***.***.**47@"),
        ("INVITE sip:1234#12025550147@192.0.2.7 SIP/2.0", "sip:**34#*********47@"),
        ("INVITE sip:%28202%29555-0147@192.0.2.7 SIP/2.0", "-**47@"),
        ('Remote-Party-ID: "2025550147" <sip:pbx@192.0.2.7>', '"********47"'),
        ("Remote-Party-ID: 202 555 0147 <sip:pbx@192.0.2.7>", ": *** *** **47 <"),
        ("X-Called:+12025550147", "X-Called:+*********47"),
    ],
)
def test_a_number_is_masked_however_a_message_writes_it(line: str, told: str) -> None:
    """Dots within it, or a carrier's prefix before it, had it stand there for all to read."""
    call = demo.call(**{"from": "ada", "from_name": "Ada", "to": "bob", "source": "connection:ada"})
    message = demo.message(1, "A", "in", "INVITE sip:bob@192.0.2.1", text=f"{line}\n")
    masked = NumberMask(call, [message]).text(message["text"])
    assert told in masked
    assert "0147" not in masked
    assert "192.0.2.7" in masked or "@" not in line


def test_an_address_of_a_numbers_digits_stays() -> None:
    told = demo.call(**{"from": "20301135", "to": "alice", "source": "connection:alice"})
    mask = NumberMask(told, [])
    assert mask.text("20301135 at 203.0.113.5:14002") == "******35 at 203.0.113.5:14002"


def test_a_caller_that_names_thousands_has_no_page_take_long() -> None:
    """Each was one more way that every digit of every message was looked at."""
    numbers = [f"2025{number:07}" for number in range(20_000)]
    lines = [f"Diversion: <sip:{number}@192.0.2.7>\n" for number in numbers]
    texts = ["".join(lines[start::100]) for start in range(100)]
    texts.append(" ".join("2025" * 1000))
    call = demo.call(**{"from": "ada", "from_name": "Ada", "to": "bob", "source": "connection:ada"})
    messages = [demo.message(1, "A", "in", "INVITE sip:bob@192.0.2.1", text=text) for text in texts]
    began = time.process_time()
    mask = NumberMask(call, messages)
    masked = "".join(mask.text(text) for text in texts)
    assert time.process_time() - began < 10
    assert not re.search("2025[0-9]{7}", masked)
    assert masked.count("<sip:*********") == len(numbers)


def test_a_number_is_masked_in_the_form_in_which_it_was_dialled() -> None:
    """What an operator transferred to in national form stood there, beside the masked one."""
    invite = (
        "INVITE sip:+442079460018@192.0.2.1 SIP/2.0\no=02079460018 4711 4711 IN IP4 192.0.2.7\n"
    )
    lines = [
        demo.event(timezone.now(), "", "transferred", "The caller talks to 02079460018."),
        demo.event(timezone.now(), "", "transfer-failed", "Not transferred to 02079460099: none."),
        demo.event(timezone.now(), "", "note", "99 packets from 203.0.113.5:14002."),
    ]
    call = demo.call(**{"from": "ada", "to": "bob", "source": "connection:ada", "events": lines})
    message = demo.message(1, "B", "out", "INVITE sip:+442079460018@192.0.2.1", text=invite)
    mask = NumberMask(call, [message])
    said = [line["text"] for line in mask.call(call)["events"]]
    assert said == [
        "The caller talks to *********18.",
        "Not transferred to *********99: none.",
        "99 packets from 203.0.113.5:14002.",
    ]
    assert "o=*********18 4711 4711 IN IP4 192.0.2.7" in mask.whole([message])[0]["text"]
    assert mask.call(call)["legs"] == call["legs"]
