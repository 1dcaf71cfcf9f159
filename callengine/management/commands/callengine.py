"""The call engine alone, for use with daphne, PostgreSQL and Redis."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callengine.engine.running import StopSignals, announce, complaint, new_switchboard, settle


class Command(BaseCommand):
    help = "Run the call engine alone; web pages are served by daphne."
    requires_system_checks = "__all__"

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        board, stopped = new_switchboard(), asyncio.Event()
        loop = asyncio.get_running_loop()
        signals = StopSignals(loop, board, stopped=stopped.set, say=self.stdout.write)
        try:
            if not await signals.start():
                return
        except (OSError, RuntimeError) as error:
            raise CommandError(complaint(error)) from error
        settle()
        self.stdout.write(announce(board))
        self.stdout.write("ready")
        self.stdout.flush()
        await stopped.wait()
