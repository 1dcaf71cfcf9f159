"""The product itself as processes: what the wire tests hold the peers against."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.peers import moments, readymade
from tests.peers.clerk import Clerk
from tests.peers.nursery import ROOT, Forked, nursery
from tests.peers.ports import LOOPBACK, free_port, free_port_range, free_sip_port
from tests.peers.services import Postgres, Redis, wait_for_port

ACCESS_LISTS_S = 1.1
"How long an engine that runs may go by the access lists it read last, and a little more."
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
RTP_PORTS = 160
OF_A_RUN = ("VOIPNUMBER_NATIVE",)
"What is kept of the variables of the run: with this one `off` tests run without the extension."
WITH_EXTENSION = {"VOIPNUMBER_NATIVE": "on"}
"The environment of tests of what only the media extension does, whatever the run's is."
IS_WITHOUT_EXTENSION = os.environ.get("VOIPNUMBER_NATIVE") == "off"
"Whether engines are that tell nothing of it in their own environment."
Record = dict[str, Any]


class Engine:
    """One running server with its own data folder, ports and configuration.

    `production` runs daphne, `manage.py callengine`, PostgreSQL and Redis as separate processes;
    otherwise everything is in `manage.py serve`. `environment` adds settings; `root` is the
    checkout it runs from. With `own_migrations` it makes its own tables instead of copying them.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        *,
        production: bool = False,
        environment: Mapping[str, str] | None = None,
        root: Path = ROOT,
        own_migrations: bool = False,
    ) -> None:
        self.configuration, self.production = dict(configuration), production
        self.root, self.own_migrations = root, own_migrations
        self.host = LOOPBACK
        self.port = free_sip_port()
        self.tls_port = self.port + 1
        self.http_port = free_port(socket.SOCK_STREAM)
        self.rtp_ports = free_port_range(RTP_PORTS)
        self.folder = Path(tempfile.mkdtemp(prefix="voipnumber-"))
        self.processes: dict[str, Forked] = {}
        self._clerk: Clerk | None = None
        self._services = ExitStack()
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("VOIPNUMBER_", "DJANGO_"))},
            **{name: os.environ[name] for name in OF_A_RUN if name in os.environ},
            "SECRET_KEY": secrets.token_hex(32),
            "VOIPNUMBER_DATA": str(self.folder / "data"),
            "VOIPNUMBER_SIP_LISTEN": f"udp:{self.host}:{self.port},tcp:{self.host}:{self.port}",
            "VOIPNUMBER_RTP_PORTS": f"{self.rtp_ports[0]}-{self.rtp_ports[1]}",
            "VOIPNUMBER_HTTP": f"{self.host}:{self.http_port}",
            "VOIPNUMBER_MAX_CALLS": "8",
            "VOIPNUMBER_GRACE_S": "1",
            # A busy machine of tests is no rush of callers: none is to be refused for it.
            "VOIPNUMBER_LATE_MS": "60000",
            "VOIPNUMBER_NODE": f"node-{self.port}",
            **(environment or {}),
        }
        if "VOIPNUMBER_SIP_TLS_CERTIFICATE" in self._environment:
            self._environment["VOIPNUMBER_SIP_LISTEN"] += f",tls:{self.host}:{self.tls_port}"

    def server_over(self, transport: str) -> tuple[str, int]:
        """Where it listens for SIP over a transport; over TLS it does with a certificate alone."""
        return self.host, self.tls_port if transport == "tls" else self.port

    @property
    def server(self) -> tuple[str, int]:
        """Where it listens for SIP."""
        return self.host, self.port

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException as error:
            error.add_note(self.dump())
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()
        if error is not None:  # it is gone before a report could ask for it
            error.add_note(self.dump())
        shutil.rmtree(self.folder, ignore_errors=True)

    # What a test asks of it

    def manage(self, *arguments: str) -> str:
        """Run one management command and return what it printed."""
        if self._clerk is None or self._clerk.environment != self._environment:
            self._dismiss_clerk()
            self._clerk = Clerk(self.root, self._environment)
        done = self._clerk.run(*arguments)
        assert done.status == 0, f"manage.py {arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def shell(self, script: str) -> str:
        """Run a script with the database of the engine, and return what it printed."""
        return self.manage("shell", "-v", "0", "-c", script)

    def provision(self, configuration: Mapping[str, Any]) -> None:
        """Load a configuration; it holds once this returns."""
        file = self.folder / "provision.yaml"
        file.write_text(yaml.safe_dump(dict(configuration)))
        self.manage("provision", str(file))
        if self.processes:
            time.sleep(ACCESS_LISTS_S)

    def calls(self) -> list[Record]:
        """Return every call's record, newest last."""
        return _lines(self.manage("calls", "--json"))

    def rejections(self) -> list[Record]:
        """Return every refused request, newest last."""
        return _lines(self.manage("rejections", "--json"))

    def events(self, call: str) -> list[Record]:
        """Return the timeline of the call with this id."""
        script = (
            "import json\n"
            "from callengine.models import CallEvent\n"
            f"for event in CallEvent.objects.filter(call_id={call!r}):\n"
            "    print(json.dumps({'leg': event.leg, 'kind': event.kind, 'text': event.text}))"
        )
        return _lines(self.shell(script))

    async def record(self, call_id: str, *, timeout_s: float = 30.0) -> Record:
        """Wait until the call whose leg A has this Call-ID has ended; return its record."""

        def ended() -> Record | None:
            found = (c for c in self.calls() if c["legs"] and c["legs"][0]["call_id"] == call_id)
            return next((call for call in found if call["termination"]), None)

        return await self._eventually(ended, f"no ended call {call_id}", timeout_s)

    async def records(self, count: int, *, timeout_s: float = 30.0) -> dict[str, Record]:
        """Wait until so many calls have ended; return all records by the Call-ID of leg A."""

        def ended() -> dict[str, Record] | None:
            over = {c["legs"][0]["call_id"]: c for c in self.calls() if c["termination"]}
            return over if len(over) == count else None

        return await self._eventually(ended, f"no {count} ended calls", timeout_s)

    async def rejection(
        self,
        *,
        code: int,
        user: str | None = None,
        method: str | None = "INVITE",
        source: str | None = None,
        timeout_s: float = 20.0,
    ) -> Record:
        """Wait for a rejection that the test that runs has caused; return the newest that fits."""

        def stored() -> Record | None:
            for row in reversed(self._own_rejections()):
                fits = row["code"] == code and method in (None, row["method"])
                fits = fits and source in (None, row["source_address"])
                if fits and user in (None, row["user"]):
                    return row
            return None

        return await self._eventually(stored, f"no rejection {code} of {user}", timeout_s)

    async def refusal(self, call_id: str, *, code: int, user: str | None = None) -> Record:
        """Return why a call was refused: its termination, or the rejection it never got past.

        The result has `rule`, `code` and `advice`.
        """

        def found() -> Record | None:
            for call in self.calls():
                if any(leg["call_id"] == call_id for leg in call["legs"]) and call["termination"]:
                    end: Record = call["termination"]
                    return {"rule": end["reason"], "code": end["code"], "advice": end["advice"]}
            own = [r for r in self._own_rejections() if r["call_id"] in ("", call_id)]
            fits = (r for r in reversed(own) if r["code"] == code)
            return next((r for r in fits if user in (None, r["user"])), None)

        return await self._eventually(found, f"nothing tells why {call_id} was refused", 20.0)

    def _own_rejections(self) -> list[Record]:
        """Return those since the test began; of a former one the next may look the same."""
        since = datetime.fromtimestamp(moments.began(), UTC).isoformat()
        return [row for row in self.rejections() if row["at"] >= since]

    def children(self) -> list[int]:
        """Return the process ids of every process below ours, call processes among them."""
        pids = [process.pid for process in self.processes.values()]
        for pid in pids:
            for file in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):  # a thread that has ended since it was listed
                    pids += [int(word) for word in file.read_text().split()]
        return pids[len(self.processes) :]

    def threads(self) -> set[str]:
        """Return the names of the threads of every process below ours."""
        names = set()
        for pid in self.children():
            for file in Path(f"/proc/{pid}/task").glob("*/comm"):
                with suppress(OSError):
                    names.add(file.read_text().strip())
        return names

    def dump(self) -> str:
        """Return the end of every process's log."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {x.name}\n{x.read_text(errors='replace')[-12000:]}" for x in logs)

    def stop(self) -> None:
        """Ask every process to stop, insist after a while, and stop the services."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
        self._dismiss_clerk()
        self._services.close()

    def _dismiss_clerk(self) -> None:
        clerk, self._clerk = self._clerk, None
        if clerk is not None:
            clerk.stop()

    # How it runs

    def _start(self) -> None:
        if self.production:
            tables_of = None if self.own_migrations else self.root
            self.postgres = postgres = self._services.enter_context(Postgres(tables_of=tables_of))
            redis = self._services.enter_context(Redis())
            self._environment |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        self._make_tables()
        self.provision(self.configuration)
        if self.production:
            web = ("daphne", "-b", self.host, "-p", str(self.http_port))
            self._spawn("web", "-m", *web, "voipnumber.asgi:application")
            self.start_callengine()
            wait_for_port(self.http_port, self.processes["web"])
        else:
            self._spawn("serve", str(self.root / "manage.py"), "serve")
            self._wait_for_sip()

    def _make_tables(self) -> None:
        """Copy a database of SQLite that has been migrated; migrate where there is another."""
        if self.production and not self.own_migrations:
            return  # they came with it
        if "DATABASE_URL" in self._environment or self.own_migrations:
            self.manage("migrate", "--verbosity", "0")
            return
        data = Path(self._environment["VOIPNUMBER_DATA"])
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(readymade.migrated_sqlite(self.root), data / "voipnumber.sqlite3")

    def start_callengine(self) -> None:
        """Start the engine's own process in production, again after it has ended."""
        self._spawn("callengine", str(self.root / "manage.py"), "callengine")
        self._wait_for_sip()

    def _spawn(self, name: str, *arguments: str) -> None:
        with open(os.devnull) as nothing, (self.folder / f"{name}.log").open("ab") as log:
            files = [nothing.fileno(), log.fileno(), log.fileno()]
            self.processes[name] = nursery(self.root).fork(arguments, self._environment, files)

    def _wait_for_sip(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((self.host, 0))
            probe.settimeout(0.3)
            while not self._answers_options(probe):
                for name, process in self.processes.items():
                    assert process.poll() is None, f"{name} ended with {process.returncode}"
                assert time.monotonic() < deadline, "no answer to OPTIONS"

    def _answers_options(self, probe: socket.socket) -> bool:
        port = probe.getsockname()[1]
        branch = secrets.token_hex(8)
        lines = (
            f"OPTIONS sip:{self.host}:{self.port} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{port};branch=z9hG4bK{branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:probe@{self.host}>;tag={branch}",
            f"To: <sip:{self.host}:{self.port}>",
            f"Call-ID: {branch}",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
        )
        started = time.monotonic()
        probe.sendto("\r\n".join((*lines, "", "")).encode(), self.server)
        try:
            return b" 200 " in probe.recv(4096).split(b"\r\n")[0]
        except (TimeoutError, ConnectionRefusedError):
            # Refused comes back at once; do not spin on it.
            time.sleep(max(0.0, 0.05 - (time.monotonic() - started)))
            return False

    async def _eventually(
        self, look: Callable[[], Record | None], complaint: str, timeout_s: float
    ) -> Record:
        deadline = time.monotonic() + timeout_s
        while True:
            found = await asyncio.to_thread(look)
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{complaint}\n{self.calls()}\n{self.rejections()}")
            await asyncio.sleep(0.05)


def _lines(text: str) -> list[Record]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
