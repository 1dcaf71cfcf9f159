"""What the live server does when a test tells it to: one function a command, in its words."""

import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from callengine.models import Call, EngineNode
from callengine.notices import groups
from callengine.notices.calls import CallsMeasured
from callengine.record import store as record
from connections.models import Registration
from dashboard.accounts.roles import Role, set_role
from dashboard.live import feed, outbox
from dashboard.overview import now
from dashboard.overview.levels import Level
from tests.dashboard.live import agentcalls, demo
from tests.dashboard.rows import store_rows
from trunks.models import Gateway
from trunks.services import keep_target

Command = Callable[..., Awaitable[Any]]
COMMANDS: dict[str, Command] = {
    "everything": sync_to_async(demo.everything),
    "rows": sync_to_async(store_rows),
}
ENGINE_COMMANDS: list[dict[str, Any]] = []


async def do(name: str, /, **values: Any) -> Any:
    """Do what a test asks for and return the answer."""
    return await COMMANDS[name](**values)


async def record_commands(layer: Any) -> None:
    """Keep what pages tell the engines, in place of one."""
    channel = await layer.new_channel()
    await layer.group_add(groups.ENGINES, channel)
    while True:
        ENGINE_COMMANDS.append(await layer.receive(channel))


def command(function: Command) -> Command:
    """Have a function done by its name, spaces for underscores."""
    COMMANDS[function.__name__.replace("_", " ")] = function
    return function


@command
async def store(call: Any, plan: Any = None) -> str:
    await sync_to_async(demo.store)(call, plan)
    return str(call["id"])


@command
async def node(**changes: Any) -> None:
    await sync_to_async(demo.engine_node)(**changes)


@command
async def end(call: Any) -> None:
    await sync_to_async(record.call_ended)(snapshot=call)


@command
async def history(call: str, histories: Any) -> None:
    await sync_to_async(record.quality_histories)(call_id=call, histories=histories)


@command
async def agent_call(*, lost: bool = False) -> Any:
    made = agentcalls.lost() if lost else agentcalls.call()
    return await sync_to_async(agentcalls.store)(made)


@command
async def clear() -> None:
    await Call.objects.all().adelete()
    await EngineNode.objects.all().adelete()


@command
async def session(user: str) -> str:
    """Sign somebody in; return the key of the session."""
    browser = Client()
    await sync_to_async(browser.force_login)(await User.objects.aget(username=user))
    return browser.cookies["sessionid"].value


@command
async def publish(call: Any) -> None:
    await groups.publish(groups.call_changed(call))


@command
async def event(call: str, event: Any) -> None:
    await groups.publish(groups.call_event(call, event))


@command
async def messages(call: str, messages: Any) -> None:
    await sync_to_async(record.sip_messages)(messages={call: messages})
    await groups.publish(groups.call_messages(call, messages))


@command
async def agents(call: str, agents: Any) -> None:
    await groups.publish(groups.call_agents(call, agents))


@command
async def spoken(call: str, lines: Any) -> None:
    await groups.publish(groups.call_spoken(call, lines))


@command
async def quality(call: str, quality: Any) -> None:
    await groups.publish(groups.call_quality(call, quality))


@command
async def measured(calls: Any) -> None:
    await groups.publish([groups.Announcement(groups.CALLS, CallsMeasured(calls))])


@command
async def nodes(nodes: Any) -> None:
    await groups.publish(groups.nodes_changed(nodes))


@command
async def gateway_heard(trunk: int, *, is_up: bool, said: str) -> None:
    """Write what an engine heard of a trunk's first gateway, and tell the pages."""
    gateway = await Gateway.objects.select_related("trunk").aget(trunk=trunk, priority=1)
    heard = timezone.now()
    await sync_to_async(keep_target)(
        trunk=gateway.trunk.name,
        gateway=gateway.uri,
        target="udp:203.0.113.5:5060",
        name="",
        is_up=is_up,
        since=heard,
        said=said,
        holds_until=heard + dt.timedelta(hours=1),
        rests_until=None,
    )
    await groups.publish(groups.trunk_changed(gateway.trunk.name))


@command
async def changed(call: Any) -> None:
    """Write how a stored call stands now."""
    await sync_to_async(record.call_changed)(snapshot=call)


@command
async def register(connection: int, *, contact: str, device: str) -> None:
    """Register a phone, or renew its registration."""
    renewed = timezone.now()
    values = {"flow": "udp:192.0.2.30:5060", "user_agent": device, "registered_at": renewed}
    values |= {"expires_at": renewed + dt.timedelta(hours=1), "call_id": contact, "cseq": 1}
    await Registration.objects.aupdate_or_create(
        connection_id=connection, contact=contact, defaults=values
    )


@command
async def unregister(connection: int) -> None:
    await Registration.objects.filter(connection=connection).adelete()


@command
async def deactivate(user: str) -> None:
    account = await User.objects.aget(username=user)
    account.is_active = False
    await account.asave()


@command
async def demote(user: str) -> None:
    account = await User.objects.aget(username=user)
    await sync_to_async(set_role)(user=account, role=Role.NONE)


@command
async def patience(seconds: float, tick: float) -> None:
    outbox.PATIENCE_S, feed.TICK_S = seconds, tick


@command
async def set_up(certificate: str, disk_full_percent: float) -> None:
    """Have a certificate of SIP over TLS, and hold a disk for full from so many percent on."""
    settings.VOIPNUMBER_SIP_TLS_CERTIFICATE = Path(certificate)
    now.DISK_FULL_PERCENT = Level(disk_full_percent, disk_full_percent)


@command
async def beats(every: float, after: float) -> None:
    feed.BEAT_EVERY_S, outbox.BEAT_S = every, after


@command
async def commands() -> list[dict[str, Any]]:
    return ENGINE_COMMANDS
