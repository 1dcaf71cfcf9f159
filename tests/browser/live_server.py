"""A real ASGI server with its own database, told by JSON lines what to publish.

Run as a process of its own (`python -m tests.browser.live_server`): the in-memory channel layer
lives where the server lives. Reads `{"do": NAME, ...}` a line, answers a JSON line each.
"""

import asyncio
import json
import os
import sys
import threading
import warnings
from typing import Any

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voipnumber.settings")


def main() -> None:
    warnings.simplefilter("ignore")
    django.setup()
    # Those of the product take a third of a second for each account and each time one signs in.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    from channels.layers import get_channel_layer
    from daphne.server import Server
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from dashboard.accounts.roles import Role
    from tests.browser.live_commands import record_commands
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
        KEPT.append(loop.create_task(record_commands(layer)))
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


KEPT: list[asyncio.Task[None]] = []


async def _serve_commands(commands: "asyncio.Queue[dict[str, Any]]") -> None:
    from tests.browser import live_commands

    while True:
        command = await commands.get()
        try:
            line = json.dumps({"answer": await live_commands.do(command.pop("do"), **command)})
        except Exception as error:  # noqa: BLE001 - the test shows it
            line = json.dumps({"answer": {"error": repr(error)}})
        print(line, flush=True)


if __name__ == "__main__":
    main()
