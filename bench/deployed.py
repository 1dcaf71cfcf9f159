"""The product as it is deployed: daphne, engine, PostgreSQL and Redis as processes of their own."""

import socket
import subprocess
import sys
from contextlib import ExitStack
from types import TracebackType

from bench import processes
from bench.switches import HOST, ROOT, Product, free_port
from tests.peers.services import Postgres, Redis, wait_for_port


class Deployed(Product):
    """`manage.py callengine` is the process that is measured; the web is beside it."""

    name = "deployed"

    def __init__(self, callees: dict[str, int], *, max_calls: int) -> None:
        super().__init__(callees, max_calls=max_calls)
        self._services = ExitStack()
        self._web_port = free_port(socket.SOCK_STREAM)
        self.web = f"{HOST}:{self._web_port}"

    def launch(self) -> None:
        """Start the services, migrate, provision, start web and engine."""
        self.postgres = postgres = self._services.enter_context(Postgres())
        redis = self._services.enter_context(Redis())
        self.environment |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        self.prepare()
        application = "voipnumber.asgi:application"
        port = str(self._web_port)
        # As the README has it: pages wait for calls, not calls for pages.
        daphne = ("nice", "-n", "10", sys.executable, "-m", "daphne")
        self._web = self._start("daphne", *daphne, "-b", HOST, "-p", port, application)
        self.serve()
        wait_for_port(self._web_port, self._web)

    def serve(self) -> None:
        """Start the engine anew, with what is there."""
        self.process = self._start(
            "callengine", sys.executable, str(ROOT / "manage.py"), "callengine"
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if hasattr(self, "_web"):
            processes.end(self._web)
        super().__exit__(kind, error, _)
        self._services.close()

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        return processes.start(
            arguments,
            folder=self.folder,
            name=name,
            environment={**self.environment, "PYTHONPATH": str(ROOT)},
        )
