"""The feed: one for all browsers of a process, bounded in what it sends and in what it costs."""

import asyncio
import datetime as dt
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from channels_redis.core import RedisChannelLayer
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from callengine.core.snapshot import CallSnapshot, EventSnapshot
from callengine.models import Call
from callengine.notices import groups
from callengine.record import store
from dashboard.accounts.roles import Role, set_role
from dashboard.calls import call_topic, list_topic
from dashboard.live import feed, outbox, topics, viewers
from dashboard.live.outbox import READ_ANEW, WINDOW
from tests.dashboard.live import demo
from tests.dashboard.live.watching import Watcher, account, opened, sign_in, watcher
from tests.peers import services

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def somebody(viewer_account: User) -> User:
    return viewer_account


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often the feed renders which template."""
    counted: Counter[str] = Counter()

    def counting(real: Callable[..., str]) -> Callable[..., str]:
        def render(template: str, *arguments: Any, **named: Any) -> str:
            counted[template] += 1
            return real(template, *arguments, **named)

        return render

    for module in (list_topic, call_topic, topics):
        monkeypatch.setattr(module, "render_to_string", counting(module.render_to_string))
    return counted


def members(group: str) -> int:
    layer: Any = get_channel_layer()
    return len(layer.groups.get(group, ()))


def key(call: CallSnapshot) -> str:
    return call["id"].replace("-", "")


def begun(ago_s: float, **changes: Any) -> CallSnapshot:
    started = timezone.now() - dt.timedelta(seconds=ago_s)
    return demo.call(started=started.isoformat(), **changes)


async def heard(socket: Watcher, *words: str) -> str:
    """Receive until all words have come, and return everything."""
    text = ""
    while not all(word in text for word in words):
        text += await socket.receive_from()
    return text


# --- once for all ---------------------------------------------------------------------------------


@pytest.mark.parametrize("browsers", [1, 7])
async def test_a_row_is_rendered_once_however_many_watch(
    renders: Counter[str], browsers: int
) -> None:
    calls = [demo.call() for _ in range(3)]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(opened("/ws/calls/")) for _ in range(browsers)]
        assert (members(groups.CALLS), members(groups.NODES), members(groups.VIEWERS)) == (1, 1, 1)
        for call in calls:
            await groups.publish(groups.call_changed(call))
        for socket in sockets:
            await heard(socket, *(f'id="live-{key(call)}"' for call in calls))
    assert renders["calls/_row.html"] == 3
    assert members(groups.CALLS) == members(groups.NODES) == members(groups.VIEWERS) == 0


async def test_browsers_on_one_call_share_what_is_rendered(renders: Counter[str]) -> None:
    call = demo.call()
    path = f"/ws/calls/{call['id']}/"
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(opened(path)) for _ in range(5)]
        assert members(groups.call_group(call["id"])) == 1
        await groups.publish(groups.call_changed(call))
        texts = {await heard(socket, 'id="call-legs"') for socket in sockets}
    assert len(texts) == 1
    assert renders["calls/_call_oob.html"] == 1
    assert renders["calls/_event.html"] == len(call["events"])


async def test_a_line_of_the_timeline_is_sent_once(renders: Counter[str]) -> None:
    call = demo.call()
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        for state in ("held", "answered", "held"):
            await groups.publish(groups.call_changed({**call, "state": state}))
            await socket.receive_from()
    assert renders["calls/_event.html"] == len(call["events"])


async def test_a_line_that_grows_is_sent_again_and_no_other(renders: Counter[str]) -> None:
    call = demo.call()
    pressed = demo.event(timezone.now(), "A", "dtmf", "Bob pressed a key; passed on.")
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        for event in (*call["events"], pressed):
            await groups.publish(groups.call_event(call["id"], event))
        await heard(socket, "passed on.")
        for count in range(2, 1500):
            grown: EventSnapshot = {**pressed, "text": f"{pressed['text']} {count} times."}
            await groups.publish(groups.call_event(call["id"], grown))
        html = await heard(socket, "1499 times.")
        assert set(re.findall(r'id="(event-[0-9]+)"', html)) == {f"event-{pressed['number']}"}
        before = renders["calls/_event.html"]
        for event in (*call["events"], grown):
            await groups.publish(groups.call_event(call["id"], event))
        await groups.publish(groups.call_quality(call["id"], {"A": demo.quality(4.1)}))
        html = await heard(socket, 'id="quality-A"')
    assert "event-" not in html
    assert renders["calls/_event.html"] == before


async def test_the_last_of_several_that_leave_leaves_the_groups() -> None:
    async with opened("/ws/calls/"):
        async with opened("/ws/calls/"):
            assert members(groups.CALLS) == 1
        assert members(groups.CALLS) == 1
    assert members(groups.CALLS) == 0
    async with opened("/ws/calls/") as again:
        call = demo.call()
        await groups.publish(groups.call_changed(call))
        await heard(again, key(call))


async def test_what_a_row_does_not_show_is_not_sent(renders: Counter[str]) -> None:
    call, other = demo.call(), demo.call()
    async with opened("/ws/calls/") as socket:
        await groups.publish(groups.call_changed(call))
        await heard(socket, key(call))
        legs = [{**leg, "remote": "127.0.0.3:4000"} for leg in call["legs"]]
        await groups.publish(groups.call_changed({**call, "legs": legs}))  # type: ignore[typeddict-item]
        await groups.publish(groups.call_changed(other))
        assert key(call) not in await heard(socket, key(other))
    assert renders["calls/_row.html"] == 2


# --- bounded --------------------------------------------------------------------------------------


async def test_only_the_newest_rows_are_sent_and_the_rest_is_a_number(
    monkeypatch: pytest.MonkeyPatch, renders: Counter[str]
) -> None:
    monkeypatch.setattr(list_topic, "LIVE_SHOWN", 3)
    calls = [begun(100 - number) for number in range(5)]
    async with opened("/ws/calls/") as socket:
        for call in calls:
            await groups.publish(groups.call_changed(call))
        text = await heard(socket, "2 more are in progress")
        assert {key(call) for call in calls if f'id="live-{key(call)}"' in text} >= {
            key(call) for call in calls[2:]
        }
        before = renders["calls/_row.html"]
        await groups.publish(groups.call_changed({**calls[0], "state": "held"}))  # beyond the page
        await groups.publish(groups.call_changed({**calls[4], "state": "held"}))
        text = await heard(socket, key(calls[4]))
        assert key(calls[0]) not in text
        assert renders["calls/_row.html"] == before + 1
        await groups.publish(groups.call_changed(demo.ended(calls[4], demo.HUNG_UP)))
        text = await heard(socket, "1 more is in progress")
        assert f'<tr id="live-{key(calls[4])}" hx-swap-oob="delete">' in text
        assert f'id="live-{key(calls[1])}" data-order' in text, "the next one takes its place"


async def test_calls_of_before_anybody_watched_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(list_topic, "LIVE_SHOWN", 2)
    for number in range(3):
        await sync_to_async(demo.store)(begun(100 - number))
    async with opened("/ws/calls/") as socket:
        await groups.publish(groups.call_changed(demo.call()))
        assert ">4</span>" in await heard(socket, "2 more are in progress")


async def test_a_browser_that_shows_nothing_is_sent_a_window_and_then_the_newest() -> None:
    call = demo.call()
    async with opened("/ws/calls/") as slow, opened("/ws/calls/") as quick:
        slow.acknowledges = False
        for number in range(WINDOW + 4):
            await groups.publish(groups.call_changed({**call, "from_name": f"name {number}"}))
            await heard(quick, f"name {number}")
        for number in range(WINDOW):
            assert f"name {number}" in await slow.receive_from()
        assert await slow.receive_nothing()
        await slow.send_to(text_data="shown")
        text = await slow.receive_from()
        assert f"name {WINDOW + 3}" in text
        assert f"name {WINDOW + 2}" not in text


async def test_a_browser_that_missed_more_than_is_kept_reads_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "MOST_WAITING", 5)
    async with opened("/ws/calls/") as slow, opened("/ws/calls/") as quick:
        slow.acknowledges = False
        for _ in range(WINDOW + 8):
            call = demo.call()
            await groups.publish(groups.call_changed(call))
            await heard(quick, key(call))
        for _ in range(WINDOW):
            await slow.receive_from()
        await slow.send_to(text_data="shown")
        assert await slow.receive_from() == READ_ANEW


async def test_a_browser_that_is_stuck_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PATIENCE_S", 0.0)
    monkeypatch.setattr(feed, "TICK_S", 0.02)
    async with opened("/ws/calls/") as stuck:
        stuck.acknowledges = False
        await groups.publish(groups.call_changed(demo.call()))
        assert await stuck.closed() == feed.TRY_AGAIN_LATER
    assert members(groups.CALLS) == 0


async def test_what_costs_much_comes_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    burnt_s = 0.02

    def dear(self: Any) -> Iterator[Any]:
        until = time.thread_time() + burnt_s
        while time.thread_time() < until:
            pass
        yield from real(self)

    real = list_topic.ListTopic.fragments
    monkeypatch.setattr(list_topic.ListTopic, "fragments", dear)
    async with opened("/ws/calls/") as socket:
        call, began_s = demo.call(), time.monotonic()
        for number in range(4):
            await groups.publish(groups.call_changed({**call, "from_name": f"name {number}"}))
            await heard(socket, f"name {number}")
    assert time.monotonic() - began_s >= 3 * burnt_s / feed.SHARE


# --- those who may no longer look on --------------------------------------------------------------


def deactivated(user: User) -> None:
    user.is_active = False
    user.save()


def without_role(user: User) -> None:
    set_role(user=user, role=Role.NONE)


def role_without_permission(user: User) -> None:
    group = user.groups.get()
    group.permissions.remove(group.permissions.get(codename="view_call"))


def group_deleted(user: User) -> None:
    Group.objects.filter(user=user).delete()


def new_password(user: User) -> None:
    user.password = "another-hash"
    user.save()


def deleted(user: User) -> None:
    user.delete()


@pytest.mark.parametrize("path", ["/ws/calls/", "/ws/calls/5a9f3a0e-6d0c-4c6e-9a53-0f7d2f8f5f11/"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (deactivated, 4401),
        (deleted, 4401),
        (new_password, 4401),
        (without_role, 4403),
        (role_without_permission, 4403),
        (group_deleted, 4403),
    ],
)
async def test_a_websocket_closes_with_the_right_to_it(
    change: Callable[[User], None], code: int, path: str
) -> None:
    other = await sync_to_async(account)("operator", Role.OPERATOR)
    user = await User.objects.aget(username="viewer")
    async with opened(path) as socket, opened("/ws/calls/", other.username) as stays:
        await sync_to_async(change)(user)
        assert await socket.closed() == code
        call = demo.call()
        await groups.publish(groups.call_changed(call))
        await heard(stays, key(call))


async def test_signing_out_closes_the_websockets_of_that_login_alone() -> None:
    here, elsewhere = [await sync_to_async(sign_in)("viewer") for _ in range(2)]

    def sign_out() -> None:
        client = Client()
        client.cookies["sessionid"] = here
        client.post("/accounts/logout/")

    async with (
        opened("/ws/calls/", session=here) as first,
        opened("/ws/calls/", session=here) as second,
        opened("/ws/calls/", session=elsewhere) as stays,
    ):
        await sync_to_async(sign_out)()
        assert (await first.closed(), await second.closed()) == (4401, 4401)
        call = demo.call()
        await groups.publish(groups.call_changed(call))
        await heard(stays, key(call))


async def test_a_change_without_a_signal_is_noticed_by_the_regular_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "TICK_S", 0.02)
    async with opened("/ws/calls/") as socket:
        await User.objects.filter(username="viewer").aupdate(is_active=False)
        assert await socket.closed() == 4401


async def test_signing_in_asks_nobody_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    async def tell(group: str, notice: object) -> None:
        told.append((group, notice))

    monkeypatch.setattr(groups, "tell", tell)
    await sync_to_async(sign_in)("viewer")
    assert told == []


async def test_who_loses_the_right_while_joining_is_not_let_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = list_topic.ListTopic.load

    async def late(self: Any) -> None:
        await load(self)
        user = await User.objects.aget(username="viewer")
        await sync_to_async(deactivated)(user)

    monkeypatch.setattr(list_topic.ListTopic, "load", late)
    socket = await watcher("/ws/calls/")
    assert await socket.connect(timeout=5) == (False, 4401)
    assert members(groups.CALLS) == 0


# --- lost messages, and no channel layer ----------------------------------------------------------


async def test_calls_whose_messages_were_lost_are_found_in_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = await sync_to_async(demo.store)(demo.call())
    async with opened("/ws/calls/") as socket:
        await sync_to_async(store.call_ended)(snapshot=demo.ended(gone, demo.HUNG_UP))
        new = await sync_to_async(demo.store)(demo.call())
        monkeypatch.setattr(feed, "TICK_S", 0.02)
        await feed.feed()._tick(thorough=True)
        text = await heard(socket, f'id="live-{key(new)}" data-order', f'id="ended-{key(gone)}"')
        assert f'<tr id="live-{key(gone)}" hx-swap-oob="delete">' in text


async def test_a_call_whose_record_was_deleted_leaves_the_list() -> None:
    gone = await sync_to_async(demo.store)(demo.call())
    async with opened("/ws/calls/") as socket:
        await Call.objects.all().adelete()
        await feed.feed()._tick(thorough=True)
        await heard(socket, f'<tr id="live-{key(gone)}" hx-swap-oob="delete">', ">0</span>")


async def test_a_layer_that_fails_for_a_while_has_the_pages_read_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "RETRY_S", 0.02)
    layer: Any = get_channel_layer()
    receive, failed = layer.receive, asyncio.Event()

    async def failing(channel: str) -> Any:
        await receive(channel)
        failed.set()
        layer.receive = receive
        raise ConnectionError("the layer is away")

    layer.receive = failing
    async with opened("/ws/calls/") as socket:
        await groups.publish(groups.call_changed(demo.call()))
        await failed.wait()
        assert await socket.receive_from() == READ_ANEW
        call = demo.call()
        await groups.publish(groups.call_changed(call))
        await heard(socket, key(call))


@pytest.mark.skipif(not services.available(), reason="Redis is not installed")
async def test_over_redis_a_process_hears_of_calls_and_of_viewers() -> None:
    with services.Redis() as redis, over(RedisChannelLayer(hosts=[redis.url])):
        elsewhere = RedisChannelLayer(hosts=[redis.url])
        async with opened("/ws/calls/") as socket:
            call = demo.call()
            await elsewhere.group_send(groups.CALLS, {"type": "call.changed", "call": call})
            await heard(socket, key(call))
            await User.objects.filter(username="viewer").aupdate(is_active=False)
            await elsewhere.group_send(groups.VIEWERS, {"type": "viewer.changed", "user": None})
            assert await socket.closed() == 4401


@contextmanager
def over(layer: Any) -> Iterator[None]:
    """Use another channel layer, and no longer than its server runs."""
    before = channel_layers.set("default", layer)
    try:
        yield
    finally:
        channel_layers.set("default", before)


class Silent:
    """A channel layer whose server takes connections and never answers."""

    async def group_send(self, group: str, message: Any) -> None:
        await asyncio.Event().wait()


def test_a_user_is_deactivated_and_signs_out_though_the_layer_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(viewers, "TELLING_S", 0.05)
    client = Client()
    client.cookies["sessionid"] = sign_in("viewer")
    with over(Silent()):
        deactivated(User.objects.get(username="viewer"))
        assert client.post("/accounts/logout/").status_code < 400
    assert "live pages were not told" in caplog.text
    assert not User.objects.get(username="viewer").is_active
