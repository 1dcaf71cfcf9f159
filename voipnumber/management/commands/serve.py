"""Web pages and call engine in one process: the way to run without anything else installed."""

import asyncio
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import get_resolver

from callengine.engine.running import StopSignals, announce, complaint, new_switchboard, settle
from voipnumber import first_account


class Command(BaseCommand):
    help = "Run the web pages and the call engine in one process."
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--ensure-admin",
            action="store_true",
            help="once ready, create an administrator unless there is one, and show its password",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Importing daphne's server installs Twisted's reactor on this event loop.
        from daphne.server import Server, twisted_loop
        from twisted.internet import reactor as installed

        from voipnumber.asgi import application

        reactor: Any = installed
        listener = self._listen()
        asyncio.set_event_loop(twisted_loop)
        board = new_switchboard(browsers=settings.VOIPNUMBER_HTTP_CONNECTIONS)
        signals = StopSignals(twisted_loop, board, stopped=reactor.stop, say=self.stdout.write)
        if not self._start(twisted_loop, signals):
            return
        host, port = listener.getsockname()[:2]
        self.stdout.write(announce(board))
        self.stdout.write(f"Pages on http://{host}:{port}/")
        self.stdout.write("ready")
        if options["ensure_admin"] and (account := first_account.ensure()):
            # Last, so that it is not buried; and not made before anything could have failed.
            self.stdout.write(account)
        self.stdout.flush()
        Server(
            application=application,
            # Twisted closes the number it is given; whatever gets it next is not ours to close.
            endpoints=[f"fd:fileno={listener.detach()}"],
            signal_handlers=False,
            server_name="VoIPNumber",
        ).run()

    def _listen(self) -> socket.socket:
        host, port = settings.VOIPNUMBER_HTTP
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            raise CommandError(
                f"The pages cannot listen on {host}:{port}: {error.strerror}. "
                "Choose another address with VOIPNUMBER_HTTP=HOST:PORT."
            ) from error
        listener.setblocking(False)
        return listener

    def _start(self, loop: asyncio.AbstractEventLoop, signals: StopSignals) -> bool:
        """Start the engine and load the pages; return whether they are to be served."""
        try:
            if not loop.run_until_complete(signals.start()):
                return False
        except (OSError, RuntimeError) as error:
            raise CommandError(complaint(error)) from error
        get_resolver().url_patterns  # noqa: B018 (every page is loaded now, not at its first request)
        settle()
        return True
