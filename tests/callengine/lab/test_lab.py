"""The codec lab against the real engine: what it predicts is what two real phones negotiate."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Error, Page, Request, expect

from dashboard.lab.form import EXAMPLES
from dashboard.parts.cases import values
from tests.browser.chromium import PATIENCE_MS
from tests.browser.lending import Lender
from tests.callengine.engine.visitor import Visitor, ended
from tests.peers.engine import Engine
from tests.wire.directory import PASSWORD, configuration, connection, trunk

CONFIGURATION = configuration(
    connection("alice", outbound=["PCMA"]),
    connection("bob", inbound=["AMR-WB", "PCMU"]),
    # Its access list holds every address there is: the calling phone is not taken for it.
    trunks=[trunk("carrier-one", gateway="sip:127.0.0.1:9", allowed=["127.0.0.0/8"])],
    external_sip=False,
)
ADMIN = (
    "from django.contrib.auth.models import User\n"
    f"User.objects.create_superuser('olga', password={PASSWORD!r})\n"
)
TABLE = {
    1: ["OPUS", "G722"],
    2: ["G722", "G722"],
    3: [None],
    4: ["OPUS", "G722"],
    5: ["G722", "G722"],
    6: ["G722", "G722"],
}
MEASURED = re.compile(r"[1-9]\d* packets in, [1-9]\d* out")
pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(CONFIGURATION) as running:
        running.shell(ADMIN)
        yield running


@pytest.fixture(scope="module")
def browser(lender: Lender) -> Iterator[Browser]:
    with lender.lend() as running:
        yield running


@contextmanager
def window(engine: Engine, browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    base = f"http://{engine.host}:{engine.http_port}"
    context = browser.new_context(base_url=base, **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("dialog", lambda dialog: dialog.accept())
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    waits: dict[Request, str] = {}
    page.on("request", lambda request: waits.update({request: request.url}))
    for over in ("requestfinished", "requestfailed"):
        page.on(over, lambda request: waits.pop(request, None))  # type: ignore[call-overload]
    page.goto(f"/accounts/login/?next={quote(address)}")
    page.get_by_label("User name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{base}{address}")
    try:
        yield page
        assert problems == []
    except (Error, AssertionError) as error:
        error.add_note(f"the page stood at {page.url} and waited for {[*waits.values()]}")
        raise
    finally:
        context.close()


def call_id(page: Page) -> str:
    found = re.search(r"/calls/([0-9a-f-]{36})/", page.url)
    assert found, page.url
    return found[1]


def place(page: Page, *, seconds: int = 60) -> str:
    """Press Call and return the id of the call whose page it leads to."""
    page.get_by_label("Talk for").fill(str(seconds))
    page.locator("#lab-call").click()
    page.wait_for_url("**/calls/*/")
    return call_id(page)


def phones(engine: Engine) -> set[int]:
    """Return the process ids of the built-in phones."""
    return {pid for pid in engine.children() if b"callengine.worker.lab.phone" in command(pid)}


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def eventually(holds: Callable[[], bool], *, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_example_is_predicted_called_and_comes_out_so(
    engine: Engine, browser: Browser
) -> None:
    placed: dict[int, str] = {}
    with window(engine, browser, "/lab/") as page:
        for number, codecs in TABLE.items():
            page.goto("/lab/")
            link = page.locator(".lab-examples a").nth(number - 1)
            address = str(link.get_attribute("href"))
            link.click()
            page.wait_for_url(f"**{address}")
            expect(page.locator('.lab-examples a[aria-current="true"] b')).to_have_text(str(number))
            shown = page.locator("#lab-result .leg-codec").all_inner_texts()
            predicted = [text.split()[0] if text != "no codec" else None for text in shown]
            assert predicted == codecs, f"example {number} on the page"
            placed[number] = place(page)
            strip = page.locator("#lab-strip")
            expect(strip).to_contain_text("As predicted")
            if codecs == [None]:
                expect(strip).to_contain_text("Declined 488 no-common-codec-caller")
                continue
            expect(page.locator("#call-head .codec-path")).to_contain_text(str(codecs[0]))
            expect(page.locator("#call-head .badge-up")).to_be_visible()
            page.locator("#hang-up-button").click()
            expect(page.locator("#call-end")).to_contain_text("operator-hung-up")
            expect(strip).to_contain_text("As predicted")
    records = {call["id"]: call for call in engine.calls()}
    for number, codecs in TABLE.items():
        record = records[placed[number]]
        assert [leg["codec"] for leg in record["legs"]] == codecs, f"example {number} called"
        assert record["source"] == ("lab:free" if number > 3 else "lab:unknown")
        assert record["destination"] == ("lab:free-trunk" if number == 6 else "lab:free")
        assert record["transcoded"] is (number in (1, 4))
        reason = "no-common-codec-caller" if number == 3 else "operator-hung-up"
        assert record["termination"]["reason"] == reason
    texts = [event["text"] for event in engine.events(placed[1])]
    assert "Placed from the codec lab by olga." in texts
    eventually(lambda: not phones(engine))


def test_real_objects_lend_their_lists_and_nothing_else(engine: Engine, browser: Browser) -> None:
    """Neither end is registered, and the trunk's access list holds every loopback address."""
    address = "/lab/?source=connection&source_name=alice&destination=trunk"
    address += "&destination_name=carrier-one&a=PCMA,OPUS&b=PCMU"
    with window(engine, browser, address) as page:
        page.locator("#lab-source_name").fill("al")
        expect(page.locator("#lab-source_name_error")).to_contain_text("No connection has")
        expect(page.locator("#lab-source-names option")).to_have_count(1)
        page.locator("#lab-source_name").fill("alice")
        expect(page.locator("#lab-source_name_error")).to_be_empty()
        page.locator("#lab-destination").select_option("connection")
        page.locator("#lab-destination_name").fill("bob")
        # A picker of the answer takes the place of the one that was there.
        expect(page).to_have_url(re.compile(r"destination_name=bob&a=PCMA,OPUS&b=PCMU$"))
        picker = page.locator("#lab-b-picker")
        picker.get_by_label("Select OPUS").click()
        expect(page.locator("#lab-result .codec-path")).to_contain_text("Transcoding PCMA ↔ PCMU")
        expect(page).to_have_url(re.compile(r"destination_name=bob&a=PCMA,OPUS&b=PCMU,OPUS$"))
        picker.get_by_label("Move OPUS up").click()
        expect(page).to_have_url(re.compile(r"&b=OPUS,PCMU$"))
        place(page, seconds=3)
        expect(page.locator("#lab-strip")).to_contain_text("As predicted")
        # Measured live, or by the end: a page may take as long as this call.
        expect(page.locator("#quality-A")).to_contain_text(MEASURED)
        record = ended(engine, call_id(page))
    assert record["source"] == "lab:connection:alice"
    assert record["destination"] == "lab:connection:bob"
    assert [leg["codec"] for leg in record["legs"]] == ["PCMA", "PCMU"]
    end = record["termination"]
    assert (end["by"], end["reason"]) == ("engine", "lab-call-over")
    assert "3 s" in end["advice"]


def test_without_javascript_forms_do_it_all(engine: Engine, browser: Browser) -> None:
    with window(engine, browser, "/lab/", java_script_enabled=False) as page:
        page.locator("#lab-source").select_option("free")
        page.locator("#lab-source_codecs").fill("AMR-WB")
        page.locator("#lab-destination_codecs").fill("AMR-WB OPUS")
        page.locator("#lab-a").fill("PCMU AMR-WB")
        page.locator("#lab-b").fill("OPUS")
        page.get_by_role("button", name="Compare").click()
        expect(page.locator("#lab-result .codec-path")).to_contain_text("Transcoding AMR-WB")
        call = place(page)
        page.get_by_role("link", name="Back to the lab").click()
        expect(page.locator("#lab-source_codecs")).to_have_value("AMR-WB")
        page.goto(f"/lab/calls/{call}/")
        deadline = time.monotonic() + 30
        while not page.get_by_text("As predicted").count() and time.monotonic() < deadline:
            page.get_by_role("link", name="Look again").click()
        expect(page.locator("#lab-strip")).to_contain_text("As predicted")
        page.get_by_role("link", name="The call's page").click()
        page.locator("#hang-up-button").click()
        record = ended(engine, call)
    assert [leg["codec"] for leg in record["legs"]] == ["AMR-WB", "OPUS"]


def test_two_lab_calls_at_once_and_a_third_is_refused_until_one_is_over(
    engine: Engine, browser: Browser
) -> None:
    with window(engine, browser, "/lab/") as page:
        up = []
        for _ in range(2):
            page.goto("/lab/")
            up.append(place(page))
        page.goto("/lab/")
        page.locator("#lab-call").click()
        refusal = page.locator("#flash .notice")
        expect(refusal).to_contain_text("2 lab calls are up on the engine")
        assert len(phones(engine)) == 4
        for call in up:
            page.goto(f"/calls/{call}/")
            page.locator("#hang-up-button").click()
            ended(engine, call)
        eventually(lambda: not phones(engine))
        page.goto("/lab/")
        call = place(page, seconds=3)
        ended(engine, call, within_s=20)


def test_a_phone_that_dies_ends_its_call_alone(engine: Engine, browser: Browser) -> None:
    eventually(lambda: not phones(engine))
    with window(engine, browser, "/lab/") as page:
        call = place(page)
        expect(page.locator("#lab-strip")).to_contain_text("As predicted")
        for pid in phones(engine):
            os.kill(pid, signal.SIGKILL)
        record = ended(engine, call)
    assert record["termination"]["reason"] == "lab-call-over"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_phone_outlives_its_engine(how: signal.Signals) -> None:
    with Engine(CONFIGURATION, environment={"VOIPNUMBER_GRACE_S": "30"}) as engine:
        engine.shell(ADMIN)
        visitor = Visitor(engine)
        visitor.get("/lab/")
        led_to = visitor.post("/lab/call/", {**values(EXAMPLES[0].case), "talk_s": "60"})
        call = led_to.rstrip("/").rpartition("/")[2]
        eventually(lambda: "As predicted" in visitor.get(f"/lab/calls/{call}/"))
        running = phones(engine)
        assert len(running) == 2
        engine.processes["serve"].send_signal(how)
        engine.processes["serve"].wait(20)
        eventually(lambda: not any(b"worker.lab.phone" in command(pid) for pid in running))
