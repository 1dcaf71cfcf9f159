"""A real ASGI server with its own database, told by JSON lines what to publish.

Run as a process of its own (`python -m tests.browser.live_server`): the in-memory channel layer
lives where the server lives. Reads `{"do": NAME, ...}` a line, answers a JSON line each.
"""

import asyncio
import json
import os
import sys
import threading
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voipnumber.settings")


def main() -> None:
    django.setup()
    from channels.layers import get_channel_layer
    from daphne.server import Server
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from dashboard.accounts.roles import Role
    from tests.dashboard.people import person
    from voipnumber.asgi import application

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("admin", password="correct horse")
    person(Role.VIEWER)
    person(Role.VIEWER, "leaver")
    person(Role.VIEWER, "demoted")

    server = Server(
        application, endpoints=["tcp:port=0:interface=127.0.0.1"], signal_handlers=False
    )

    def ready() -> None:
        loop = asyncio.get_event_loop()
        commands = asyncio.Queue[dict[str, Any]]()
        layer = get_channel_layer()
        KEPT.append(loop.create_task(_record_commands(layer)))
        KEPT.append(loop.create_task(_serve_commands(commands)))
        threading.Thread(target=_read, args=(loop, commands), daemon=True).start()
        port = server.listening_addresses[0][1]
        print(json.dumps({"port": port}), flush=True)

    server.ready_callable = ready
    server.run()


def _read(loop: asyncio.AbstractEventLoop, commands: "asyncio.Queue[dict[str, Any]]") -> None:
    for line in sys.stdin:
        loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))
    os._exit(0)


ENGINE_COMMANDS: list[dict[str, Any]] = []
KEPT: list[asyncio.Task[None]] = []


async def _record_commands(layer: Any) -> None:
    from callengine.notices import groups

    channel = await layer.new_channel()
    await layer.group_add(groups.ENGINES, channel)
    while True:
        ENGINE_COMMANDS.append(await layer.receive(channel))


async def _serve_commands(commands: "asyncio.Queue[dict[str, Any]]") -> None:
    while True:
        command = await commands.get()
        try:
            answer = await _do(command)
        except Exception as error:  # noqa: BLE001 - the test shows it
            answer = {"error": repr(error)}
        print(json.dumps({"answer": answer}), flush=True)


async def _do(command: dict[str, Any]) -> Any:  # noqa: C901 - one case a command
    from asgiref.sync import sync_to_async

    from callengine.notices import groups
    from callengine.record import store
    from dashboard.accounts.roles import Role, set_role
    from tests.dashboard.live import demo

    match command.pop("do"):
        case "everything":
            return await sync_to_async(demo.everything)()
        case "rows":
            from tests.dashboard.rows import store_rows

            await sync_to_async(store_rows)()
        case "store":
            await sync_to_async(demo.store)(command["call"])
        case "end":
            await sync_to_async(store.call_ended)(snapshot=command["call"])
        case "node":
            await sync_to_async(demo.engine_node)(**command)
        case "publish":
            await groups.publish(groups.call_changed(command["call"]))
        case "event":
            await groups.publish(groups.call_event(command["call"], command["event"]))
        case "messages":
            await sync_to_async(store.sip_messages)(messages={command["call"]: command["messages"]})
            await groups.publish(groups.call_messages(command["call"], command["messages"]))
        case "history":
            await sync_to_async(store.quality_histories)(
                call_id=command["call"], histories=command["histories"]
            )
        case "agent call":
            from tests.dashboard.live import agentcalls

            make = agentcalls.lost if command.get("lost") else agentcalls.call
            return await sync_to_async(agentcalls.store)(make())
        case "agents":
            await groups.publish(groups.call_agents(command["call"], command["agents"]))
        case "spoken":
            await groups.publish(groups.call_spoken(command["call"], command["lines"]))
        case "quality":
            await groups.publish(groups.call_quality(command["call"], command["quality"]))
        case "nodes":
            await groups.publish(groups.nodes_changed(command["nodes"]))
        case "deactivate":
            from django.contrib.auth.models import User

            user = await User.objects.aget(username=command["user"])
            user.is_active = False
            await user.asave()
        case "patience":
            from dashboard.live import feed, outbox

            outbox.PATIENCE_S, feed.TICK_S = command["seconds"], command["tick"]
        case "demote":
            from django.contrib.auth.models import User

            user = await User.objects.aget(username=command["user"])
            await sync_to_async(set_role)(user=user, role=Role.NONE)
        case "commands":
            return ENGINE_COMMANDS
        case "clear":
            from callengine.models import Call, EngineNode

            await Call.objects.all().adelete()
            await EngineNode.objects.all().adelete()
        case unknown:
            raise ValueError(unknown)
    return None


if __name__ == "__main__":
    main()
