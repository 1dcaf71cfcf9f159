"""The websockets: what was published arrives as HTML, gathered, for those signed in."""

import asyncio
import time

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone

from callengine.core.snapshot import EventSnapshot
from callengine.notices import groups
from callengine.notices.calls import CallsMeasured
from dashboard.live.feed import INTERVAL_S
from tests.dashboard.live import demo
from tests.dashboard.live.watching import heard, key, opened

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def somebody(viewer_account: User) -> None:
    """Have somebody look on."""


async def test_a_new_call_arrives_as_a_row() -> None:
    async with opened("/ws/calls/") as socket:
        call = demo.ringing()
        await groups.publish(groups.call_changed(call))
        html = await socket.receive_from()
    key = call["id"].replace("-", "")
    assert f'<tr role="row" id="live-{key}"' in html
    assert 'data-insert="#live-calls"' in html
    assert "Ringing" in html


async def test_a_call_ends_in_its_row() -> None:
    async with opened("/ws/calls/") as socket:
        call = demo.declined()
        await groups.publish(groups.call_changed(call))
        html = await socket.receive_from()
    key = call["id"].replace("-", "")
    assert f'<tr role="row" id="live-{key}"' in html
    assert "data-ended" in html
    assert "hx-swap-oob" not in html.partition("<tr")[2]


async def test_a_burst_is_gathered_into_few_messages_with_the_last_state() -> None:
    async with opened("/ws/calls/") as socket:
        call, began_s = demo.call(), time.monotonic()
        for number in range(200):
            await groups.publish(groups.call_changed({**call, "from_name": f"name {number}"}))
            await asyncio.sleep(0)
        received = [await socket.receive_from()]
        # What was dear to render comes late; and after the last state comes nothing older.
        while "name 199" not in received[-1] or not await socket.receive_nothing(timeout=0.4):
            received.append(await socket.receive_from())
        passed_s = time.monotonic() - began_s
    assert len(received) <= 2 + passed_s / INTERVAL_S


async def test_two_hundred_calls_in_a_second_make_a_handful_of_messages() -> None:
    async with opened("/ws/calls/") as socket:
        began_s = time.monotonic()
        for _ in range(40):
            await groups.publish(groups.call_changed(demo.ringing()))
        received = [await socket.receive_from()]
        while _rows(received) < 40 or not await socket.receive_nothing(timeout=0.5):
            received.append(await socket.receive_from())
        passed_s = time.monotonic() - began_s
    assert _rows(received) == 40
    assert len(received) <= 2 + passed_s / INTERVAL_S


def _rows(received: list[str]) -> int:
    return "".join(received).count('data-insert="#live-calls"')


async def test_the_list_is_not_told_timelines() -> None:
    async with opened("/ws/calls/") as socket:
        await groups.publish(groups.call_changed(demo.call()))
        assert "timeline" not in await socket.receive_from()


async def test_the_call_page_gets_its_call_and_no_other() -> None:
    mine, other = demo.call(), demo.call()
    async with opened(f"/ws/calls/{mine['id']}/") as socket:
        await groups.publish(groups.call_changed(other))
        assert "call-legs" not in await heard(socket, 'id="engine"')
        await groups.publish(groups.call_changed(mine))
        html = await heard(socket, "call-legs")
    assert 'id="call-legs" hx-swap-oob="true"' in html
    assert "Transcoding OPUS" in html
    assert 'id="hang-up"' not in html, "the button keeps its focus while the call goes on"


async def test_figures_of_calls_come_by_themselves_and_only_where_they_read_otherwise() -> None:
    mine, silent = demo.call(), demo.call()
    async with opened("/ws/calls/") as socket:
        await groups.publish([*groups.call_changed(mine), *groups.call_changed(silent)])
        await heard(socket, f"live-{key(mine)}", f"live-{key(silent)}")
        for mos in (4.31, 4.33, 2.0):
            told = {mine["id"]: {"A": [mos, 0.2], "B": [None, None]}, silent["id"]: {}}
            await groups.tell(groups.CALLS, CallsMeasured(told))
            if mos != 4.33:  # it reads like the one before
                html = await heard(socket, f'id="fig-{key(mine)}"')
                assert "<tr" not in html
                assert f"fig-{key(silent)}" not in html
                tone = "up" if mos > 4 else "fail"
                assert (
                    f'<b class="mos mos-{tone}">{mos:.1f}</b> / <b class="mos mos-idle">-</b>'
                    in html
                )


async def test_the_end_takes_the_button_away_and_says_why() -> None:
    call = demo.call()
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        await groups.publish(groups.call_changed(demo.ended(call, demo.HUNG_UP)))
        html = await heard(socket, "call-legs")
    # One state, told at once in every place that shows it.
    assert '<p class="crumb" id="call-crumb" hx-swap-oob="true"><a href="/history/">' in html
    assert "<dt>End</dt><dd><code>hangup</code> SIP 200, by caller</dd>" in html
    assert '<div id="hang-up" hx-swap-oob="true"></div>' in html
    assert "Ended by the caller" in html


async def test_statistics_arrive_by_leg_with_figures_for_the_plots() -> None:
    call = demo.call()
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        await groups.publish(groups.call_quality(call["id"], {"A": demo.quality(4.3)}))
        first = await socket.receive_from()
        await groups.publish(groups.call_quality(call["id"], {"A": demo.quality(2.0)}))
        second = await socket.receive_from()
    assert 'id="quality-A"' in first
    assert 'data-sample="4.30 0.10 3.20 50"' in first
    assert 'data-sample="2.00 0.10 3.20 50"' in second
    assert "poor" in second


async def test_who_is_silent_is_named_as_on_the_page() -> None:
    """Of two that were rung, after a transfer, each was "the callee"."""
    legs = [demo.leg("A", state="ended"), demo.leg("B", label="Alice"), demo.leg("B2", label="Bob")]
    call = await sync_to_async(demo.store)(demo.call(legs=legs, near="B"))
    silent = demo.silent(timezone.now(), last=None)
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        await groups.publish(groups.call_quality(call["id"], {"B": silent, "B2": silent}))
        words = "Nothing has arrived from {} since the answer"
        await heard(socket, words.format("Alice"), words.format("Bob"))
        call["legs"].append(demo.leg("B3", label="Carol"))
        await groups.publish(groups.call_changed(call))
        await groups.publish(groups.call_quality(call["id"], {"B3": silent}))
        await heard(socket, words.format("Carol"))


async def test_messages_arrive_as_arrows_of_the_ladder() -> None:
    call = demo.call()
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        await groups.publish(groups.call_messages(call["id"], demo.ladder()[:1]))
        html = await socket.receive_from()
    assert 'data-insert="#ladder"' in html
    assert "00:00.000 caller to us: INVITE, offers OPUS G722 PCMA" in html


async def test_new_legs_keep_the_statistics_already_shown() -> None:
    call = demo.call()
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        await groups.publish(groups.call_quality(call["id"], {"B": demo.quality(4.1)}))
        await socket.receive_from()
        await groups.publish(groups.call_changed(call))
        html = await heard(socket, "call-legs")
    assert html.index('id="call-legs"') < html.rindex('id="quality-B" hx-swap-oob="true"')


async def test_a_call_that_is_over_shows_no_figure_of_a_second_before() -> None:
    """The figures of its last second, or who was silent, stood there until it was read anew."""
    call = demo.call(legs=[demo.leg("A", quality=demo.quality()), demo.leg("B")])
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        silent = demo.silent(timezone.now(), last=None)
        measured = groups.call_quality(call["id"], {"A": demo.quality(4.3), "B": silent})
        await groups.publish(measured)
        await heard(socket, 'id="quality-A"', 'id="quality-B"')
        await groups.publish(groups.call_changed(demo.ended(call, demo.HUNG_UP)))
        html = await heard(socket, "call-legs")
        last = demo.event(timezone.now(), "", "note", "That was all.")
        await groups.publish([*measured, *groups.call_event(call["id"], last)])
        html += await heard(socket, "That was all.")
    assert "2104 packets in, 2107 out by the end" in html
    assert 'id="quality-A" hx-swap-oob' not in html
    assert "<dt>MOS</dt>" not in html
    assert "Nothing has arrived" not in html


async def test_an_event_is_a_line_at_the_top_of_the_timeline() -> None:
    call = demo.call()
    event: EventSnapshot = {**call["events"][-1], "text": "Alice pressed 5."}
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        await groups.publish(groups.call_event(call["id"], event))
        html = await socket.receive_from()
    assert 'data-insert="#timeline" data-at="afterbegin"' in html
    assert "Alice pressed 5." in html


@pytest.mark.parametrize("path", ["/ws/calls/", "/ws/calls/{}/"])
async def test_markup_from_a_peer_arrives_as_text(path: str) -> None:
    call = demo.hostile()
    async with opened(path.format(call["id"])) as socket:
        await groups.publish(groups.call_changed(call))
        html = await heard(socket, "bdi")
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("path", ["/ws/calls/", "/ws/calls/5a9f3a0e-6d0c-4c6e-9a53-0f7d2f8f5f11/"])
async def test_the_pill_is_pushed_apart_from_rows(path: str) -> None:
    async with opened(path) as socket:
        await groups.publish(groups.nodes_changed([]))
        html = await socket.receive_from()
    assert '<div id="engine" hx-swap-oob="innerHTML">' in html
    assert "<tr" not in html


async def test_what_a_browser_sends_is_ignored() -> None:
    async with opened("/ws/calls/") as socket:
        await socket.send_to(text_data='{"type": "call.changed"}')
        await socket.send_to(bytes_data=b"\x00" * 1000)
        assert await socket.receive_nothing(timeout=0.3)
