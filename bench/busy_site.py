"""A real site whose calls change as often as told, without an engine.

Run as a process of its own: `python -m bench.busy_site CALLS`. The pages are served by daphne; in
the same process, as in `manage.py serve`, changes of calls are published. Prints its port as
JSON; each line on its input is how many times a second every call changes from now on.
"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import processes
from bench.signing_in import session_keys
from bench.switches import ROOT

STATES = ("answered", "held")


class BusySite:
    """The process, with a database of its own; a context manager."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("VOIPNUMBER_", "DJANGO_"))},
            "SECRET_KEY": secrets.token_hex(32),
            "VOIPNUMBER_DATA": str(self._folder),
            "VOIPNUMBER_LOG_LEVEL": "WARNING",
            "DATABASE_URL": f"sqlite:///{self._folder}/site.sqlite3",
            "REDIS_URL": "",
        }

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.busy_site", str(self._calls)],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the site did not start")
        self.host = f"127.0.0.1:{json.loads(line)['port']}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()  # It ends with its input.
        self._process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def change(self, times_a_second: float) -> None:
        """Have every call change so often."""
        assert self._process.stdin
        self._process.stdin.write(f"{times_a_second}\n")
        self._process.stdin.flush()

    def cpu_s(self) -> float:
        """Return the CPU-seconds it has taken."""
        return processes.cpu_s(self._process.pid)

    def sign_in(self, count: int) -> list[str]:
        """Return the session keys of new logins."""
        return session_keys(count, self._environment)


def _main(count: int) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voipnumber.settings")
    django.setup()
    from daphne.server import Server
    from django.core.management import call_command

    from tests.dashboard.live import demo
    from voipnumber.asgi import application

    call_command("migrate", verbosity=0)
    calls = [demo.store(demo.call(ago_s=10 + number)) for number in range(count)]
    endpoints = ["tcp:port=0:interface=127.0.0.1"]
    server = Server(application, endpoints=endpoints, signal_handlers=False)
    publishing: list[asyncio.Task[None]] = []

    def ready() -> None:
        publisher = _Publisher(calls)
        threading.Thread(target=publisher.listen, daemon=True).start()
        publishing.append(asyncio.get_event_loop().create_task(publisher.publish()))
        print(json.dumps({"port": server.listening_addresses[0][1]}), flush=True)

    server.ready_callable = ready
    server.run()


class _Publisher:
    def __init__(self, calls: Sequence[Any]) -> None:
        self._calls = calls
        self._times_a_second = 0.0

    def listen(self) -> None:
        for line in sys.stdin:
            self._times_a_second = float(line)
        os._exit(0)

    async def publish(self) -> None:
        """Publish the calls in turn, evenly over the second."""
        from callengine.notices import groups

        clock, turn = asyncio.get_running_loop().time, 0
        due_s = clock()
        while True:
            if not self._times_a_second:
                await asyncio.sleep(0.05)
                due_s = clock()
                continue
            call = self._calls[turn % len(self._calls)]
            state = STATES[turn // len(self._calls) % 2]
            turn += 1
            changed: Any = {**call, "state": state}
            await groups.publish(groups.call_changed(changed))
            due_s += 1 / (self._times_a_second * len(self._calls))
            await asyncio.sleep(max(0.0, due_s - clock()))


if __name__ == "__main__":
    _main(int(sys.argv[1]))
