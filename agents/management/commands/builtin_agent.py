"""The built-in agent as a process of its own: what it is told to do must not hold up calls."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agents.builtin import voice
from agents.builtin.place import NAME
from agents.builtin.server import BuiltinAgent


class Command(BaseCommand):
    help = "Run the built-in agent, a websocket server to try voice agents with."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self._run(*settings.VOIPNUMBER_BUILTIN_AGENT))

    async def _run(self, host: str, port: int) -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        try:
            async with BuiltinAgent(host, port) as agent:
                self.stdout.write(f"{NAME} on {agent.url}; it speaks by {voice.manner()}")
                self.stdout.write("ready")
                self.stdout.flush()
                await stopped.wait()
        except OSError as error:
            raise CommandError(
                f"The built-in agent cannot listen on {host}:{port}: {error.strerror}. "
                "Choose another address with VOIPNUMBER_BUILTIN_AGENT=HOST:PORT."
            ) from error
