"""The feed lets go those who may no longer look on."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.test import Client

from callengine.notices import groups
from dashboard.accounts.roles import Role, set_role
from dashboard.calls import list_topic
from dashboard.live import feed
from tests.dashboard.live import demo
from tests.dashboard.live.watching import account, heard, key, members, opened, sign_in, watcher

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("viewer_account")]


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
    assert await socket.connect(timeout=20) == (False, 4401)
    assert members(groups.CALLS) == 0
