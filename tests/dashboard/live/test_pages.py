"""The pages as a browser gets them, without a script running."""

import datetime as dt
import re
from http import HTTPStatus
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callengine.models import Call, EngineNode
from callengine.notices import groups
from callengine.record import store
from connections.models import Connection, Registration
from dashboard.calls import lists
from dashboard.calls import views as live
from tests.dashboard.live import demo

MARKUP = b"<script>document"
FRAGMENT = {"HX-Request": "true"}


def test_an_empty_list_says_what_would_be_here(viewer: Client) -> None:
    page = viewer.get("/calls/").content.decode()
    assert "No call right now" in page
    assert "or a number from a registered phone." in page
    assert "engine not started" in page


def test_the_list_shows_calls_in_progress_and_for_a_minute_those_that_ended(
    viewer: Client,
) -> None:
    calls = demo.everything()
    page = viewer.get("/calls/").content.decode()
    assert page.count('id="live-link-') == 8
    assert page.count(" data-ended ") == 4
    orders = re.findall(r'data-order="([^"]+)"', page)
    assert orders == sorted(orders, reverse=True)
    for name in ("transcoding", "declined"):
        assert f"/calls/{calls[name]['id']}/" in page
    assert "no-common-codec-caller" in page
    assert "libvo-amrwbenc.so.0 is not installed" in page
    Call.objects.filter(ended__isnull=False).update(ended=timezone.now() - dt.timedelta(seconds=61))
    page = viewer.get("/calls/").content.decode()
    assert page.count('id="live-link-') == 4
    assert " data-ended " not in page


def test_the_list_asks_the_database_the_same_however_many_calls(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        demo.store(demo.call())
        demo.store(demo.declined())
    with django_assert_max_num_queries(12):
        assert viewer.get("/calls/").status_code == 200


def test_a_fragment_is_the_lists_alone(viewer: Client) -> None:
    demo.everything()
    response = viewer.get("/calls/", headers=FRAGMENT)
    assert b"<html" not in response.content
    assert b'id="live-calls"' in response.content


def test_the_call_page_explains_the_negotiation(viewer: Client) -> None:
    call = demo.store(demo.call())
    page = viewer.get(f"/calls/{call['id']}/").content.decode()
    for text in (
        "Caller offers",
        "We offer (VN-A)",
        "We offer (VN-B)",
        "Phone answers",
        "Transcoding OPUS ↔ G722",
        "AMR-WB is on our list; the peer does not have it.",
        "inbound list of Alice",
        "Alice answered with G722.",
    ):
        assert text in page


def test_an_ended_call_says_what_which_rule_and_what_to_do(viewer: Client) -> None:
    call = demo.store(demo.declined())
    page = viewer.get(f"/calls/{call['id']}/").content.decode()
    assert "Declined by the engine" in page
    assert "no-common-codec-caller" in page
    assert "turn off forcing" in page
    assert "Nobody was dialled." in page
    assert "ws-connect" not in page
    assert "Hang up" not in page


MOS_4_3 = re.compile(r'data-mos="4\.3"|data-sample="4\.3|>4\.3(</b>| <span)')
"As a figure: there are times in the page as well, some with 4.3 in them."


def test_a_call_of_an_engine_that_is_gone_has_no_figures_of_now(viewer: Client) -> None:
    quiet = demo.silent(timezone.now(), last=None)
    legs = [demo.leg("A", quality=demo.quality(4.3)), demo.leg("B", quality=quiet)]
    call = demo.store(demo.call(legs=legs))
    pages = "/calls/", f"/calls/{call['id']}/"
    demo.engine_node()
    for path in pages:
        page = viewer.get(path).content.decode()
        assert MOS_4_3.search(page), path
        assert "from Alice" in page, path
    EngineNode.objects.update(seen=timezone.now() - dt.timedelta(minutes=1))
    for path in pages:
        page = viewer.get(path).content.decode()
        assert not MOS_4_3.search(page), path
        assert "from Alice" not in page, path
        assert "Answered" in page, path


def test_an_unknown_call_is_not_found(viewer: Client) -> None:
    response = viewer.get("/calls/00000000-0000-0000-0000-000000000000/")
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert b"There is nothing at this address." in response.content


def test_markup_from_a_peer_is_shown_as_text(viewer: Client) -> None:
    call = demo.store(demo.hostile())
    for path in ("/calls/", f"/calls/{call['id']}/"):
        page = viewer.get(path).content
        assert MARKUP not in page
        assert b"<img" not in page
        assert b"&lt;script&gt;document" in page


def test_pages_carry_no_inline_script_or_style_and_a_strict_policy(viewer: Client) -> None:
    call = demo.store(demo.call())
    for path in ("/calls/", f"/calls/{call['id']}/", "/accounts/login/", "/nothing/"):
        response = viewer.get(path)
        page = response.content.decode()
        assert "default-src 'self'" in response["Content-Security-Policy"]
        assert "unsafe" not in response["Content-Security-Policy"]
        assert " style=" not in page
        assert "<style" not in page
        assert " onclick=" not in page
        assert page.count("<script") == page.count("<script src=")


def test_the_pill_says_since_when_the_engine_is_away(viewer: Client) -> None:
    demo.engine_node()
    demo.store(demo.call())
    demo.store(demo.declined())
    assert "engine up, 1 call," in viewer.get("/engine/").content.decode()
    EngineNode.objects.update(seen="2026-01-02T10:42:00Z")
    page = viewer.get("/engine/").content.decode()
    assert "engine not reachable since" in page
    assert 'datetime="2026-01-02T10:42:00+00:00"' in page


def test_the_pill_counts_registered_phones(viewer: Client) -> None:
    demo.engine_node()
    now = timezone.now()
    for number in range(3):
        phone = Connection.objects.create(name=f"Phone {number}", sip_user=f"phone{number}")
        for contact in ("a", "b"):
            Registration.objects.create(
                connection=phone,
                contact=f"sip:{contact}@192.0.2.1",
                call_id="x",
                cseq=1,
                flow="",
                expires_at=now + dt.timedelta(hours=number),  # The first has expired.
                registered_at=now,
            )
    assert "engine up, 0 calls, 2 registered" in viewer.get("/engine/").content.decode()
    assert "engine up, 0 calls, 2 registered" in viewer.get("/calls/").content.decode()


def test_a_page_that_asks_again_is_told_that_nothing_changed(viewer: Client) -> None:
    call = demo.store(demo.call())
    first = viewer.get("/calls/", headers=FRAGMENT)
    asking = {**FRAGMENT, "If-None-Match": first["ETag"]}
    again = viewer.get("/calls/", headers=asking)
    assert (again.status_code, again.content) == (HTTPStatus.NOT_MODIFIED, b"")
    store.call_changed(snapshot={**call, "state": "held"})
    changed = viewer.get("/calls/", headers=asking)
    assert changed.status_code == HTTPStatus.OK
    assert b"On hold" in changed.content
    assert changed["ETag"] != first["ETag"]


def test_the_whole_page_knows_the_mark_of_what_it_shows(viewer: Client) -> None:
    demo.store(demo.call())
    page = viewer.get("/calls/").content.decode()
    etag = viewer.get("/calls/", headers=FRAGMENT)["ETag"]
    assert f'data-etag="{etag}"'.replace(etag, etag.replace('"', "&quot;")) in page


def test_pages_that_poll_share_what_was_read_a_moment_ago(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[lists.Lists] = []

    def counted() -> lists.Lists:
        reads.append(real())
        return reads[-1]

    real = lists.lists
    monkeypatch.setattr(lists, "lists", counted)
    monkeypatch.setattr(live, "POLL_AGE_S", 3600.0)
    viewer.get("/calls/", headers=FRAGMENT)
    for _ in range(5):
        viewer.get("/calls/", headers={**FRAGMENT, "Cache-Control": "max-age=1"})
    assert len(reads) == 1
    viewer.get("/calls/", headers=FRAGMENT)
    assert len(reads) == 2, "a page that has just opened its websocket wants it as it is now"


class Engine:
    """Listens where an engine listens for commands."""

    def __init__(self) -> None:
        self.layer: Any = get_channel_layer()
        self.channel = async_to_sync(self._join)()

    async def _join(self) -> str:
        channel: str = await self.layer.new_channel()
        await self.layer.group_add(groups.ENGINES, channel)
        return channel

    def commands(self) -> list[dict[str, Any]]:
        """Return what has arrived."""
        return async_to_sync(self._drain)()

    async def _drain(self) -> list[dict[str, Any]]:
        queue = self.layer.channels.get(self.channel)
        return [queue.get_nowait()[1] for _ in range(queue.qsize())] if queue else []


def test_hanging_up_tells_the_engine_who_did_it(operator: Client) -> None:
    call, engine = demo.store(demo.call()), Engine()
    assert b"Hang up" in operator.get(f"/calls/{call['id']}/").content
    response = operator.post(f"/calls/{call['id']}/hang-up/", follow=True)
    assert b"Hanging up: the engine was told." in response.content
    assert engine.commands() == [
        {"type": "engine.command", "command": "hangup", "call": call["id"], "by": "operator"}
    ]


def test_hanging_up_with_htmx_answers_in_place(operator: Client) -> None:
    call, engine = demo.store(demo.call()), Engine()
    response = operator.post(f"/calls/{call['id']}/hang-up/", headers=FRAGMENT)
    assert b"<html" not in response.content
    assert b'id="hang-up"' in response.content
    assert len(engine.commands()) == 1


def test_a_call_that_ended_is_not_hung_up_again(operator: Client) -> None:
    call, engine = demo.store(demo.declined()), Engine()
    response = operator.post(f"/calls/{call['id']}/hang-up/", follow=True)
    assert b"The call had already ended." in response.content
    assert engine.commands() == []


def test_a_viewer_sees_no_button_and_may_not_hang_up(viewer: Client) -> None:
    call, engine = demo.store(demo.call()), Engine()
    assert b"Hang up" not in viewer.get(f"/calls/{call['id']}/").content
    response = viewer.post(f"/calls/{call['id']}/hang-up/")
    assert response.status_code == HTTPStatus.FORBIDDEN
    assert engine.commands() == []


def test_hanging_up_needs_a_csrf_token_and_post(operator: Client) -> None:
    call, engine = demo.store(demo.call()), Engine()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(f"/calls/{call['id']}/hang-up/").status_code == HTTPStatus.FORBIDDEN
    get = operator.get(f"/calls/{call['id']}/hang-up/")
    assert get.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert engine.commands() == []


@pytest.mark.django_db
def test_a_wrong_password_is_told_without_saying_which_part() -> None:
    form = {"username": "nobody", "password": "wrong"}
    page = Client().post("/accounts/login/", form).content.decode()
    assert "do not match an account here" in page
    assert "wrong" not in page.split("<form")[1]


def test_a_long_call_is_shown_with_as_few_queries_as_a_short_one(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    call = demo.store(demo.call())
    store.sip_messages(
        messages={call["id"]: [demo.message(n, "A", "in", "INFO sip:x") for n in range(1, 201)]}
    )
    store.quality_histories(call_id=call["id"], histories={"A": demo.history(900)})
    with django_assert_max_num_queries(19):
        page = viewer.get(f"/calls/{call['id']}/").content.decode()
    assert page.count('class="message ') == 200
    assert len(viewer.get(f"/calls/{call['id']}/quality/").json()["A"]["t"]) <= 600


def test_the_plan_shows_no_password_a_phone_put_into_its_contact(viewer: Client) -> None:
    call = demo.call()
    plan = {"waves": [{"targets": [{"uri": "sip:alice:hunter2@127.0.0.1:5060"}]}]}
    store.call_started(snapshot=call, plan=plan, node="engine-1")
    page = viewer.get(f"/calls/{call['id']}/").content.decode()
    assert "sip:alice:***@127.0.0.1:5060" in page
    assert "hunter2" not in page
