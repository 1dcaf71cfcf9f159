"""A private PostgreSQL and Redis, as real processes on free ports."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers import readymade
from tests.peers.nursery import Forked
from tests.peers.ports import LOOPBACK, free_port

START_TIMEOUT_S = 120.0
LOCALE = "C.UTF-8"
"How text is stored and sorted, whatever the caller's own is, be it one that is not installed."
POSTGRES_FOLDERS = "/usr/lib/postgresql"


def postgres_programs() -> Path | None:
    """Return the folder of the newest installed PostgreSQL's programs."""
    found = Path(POSTGRES_FOLDERS).glob("*/bin/initdb")
    return max((p.parent for p in found), default=None, key=lambda p: float(p.parent.name))


def available() -> bool:
    return postgres_programs() is not None and shutil.which("redis-server") is not None


class Postgres:
    """A throw-away cluster; PostgreSQL refuses to run as root, so root lends it a user.

    With `tables_of` a checkout it has that one's tables.
    """

    def __init__(self, *, tables_of: Path | None = None) -> None:
        programs = postgres_programs()
        assert programs is not None, "PostgreSQL is not installed"
        self._programs = programs
        self._tables_of = tables_of
        self._prefix: Sequence[str] = ()
        self.port = free_port(socket.SOCK_STREAM)
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))

    @property
    def url(self) -> str:
        return f"postgres://voipnumber@{LOOPBACK}:{self.port}/postgres"

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            self._prefix = ("runuser", "-u", "postgres", "--")
            user = pwd.getpwnam("postgres")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        readymade.copy_tree(self._readymade(), self._folder / "data")
        self.start()
        return self

    def _readymade(self) -> Path:
        """Return the folder of a cluster that was made before, and stopped."""
        if self._tables_of is None:
            return readymade.made_once("postgres", self._make)
        root = self._tables_of
        name = f"postgres{root.as_posix().replace('/', '-')}"
        return readymade.made_once(name, lambda data: self._make_with_tables(root, data))

    def _make(self, target: Path) -> None:
        data = self._folder / "new"
        text = ("--encoding", "UTF8", "--locale", LOCALE)
        self._run("initdb", "-D", str(data), "-U", "voipnumber", "-A", "trust", "--no-sync", *text)
        shutil.move(data, target)

    def _make_with_tables(self, root: Path, target: Path) -> None:
        with Postgres() as postgres:
            readymade.migrate(root, {"DATABASE_URL": postgres.url})
            postgres.stop()
            readymade.copy_tree(postgres._folder / "data", target)

    def start(self) -> None:
        """Start the server, again after a `stop`."""
        data = self._folder / "data"
        options = f"-h {LOOPBACK} -p {self.port} -k {self._folder} -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(data), "-w", "-o", options, "-l", log, "start")

    def freeze(self) -> None:
        """Stop all its processes in their tracks: it accepts, and says nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        postmaster = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            os.kill(pid, number)

    def stop(self) -> None:
        """Stop the server at once; what it has stays."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "fast", "stop")

    def crash(self) -> None:
        """End the server as if it had crashed: it tidies nothing up, and recovers at its start."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "immediate", "stop")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        data = self._folder / "data"
        if (data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._programs / program), *arguments]
        # To a file, not a pipe: the server inherits it and would keep the pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                # By itself `pg_ctl` gives the server a minute.
                env={**os.environ, "LC_ALL": LOCALE, "PGCTLTIMEOUT": f"{START_TIMEOUT_S:.0f}"},
                timeout=START_TIMEOUT_S + 10,
                check=False,
            )
            output.seek(0)
            assert done.returncode == 0, output.read().decode(errors="replace")


class Redis:
    """A redis-server without persistence."""

    def __init__(self) -> None:
        self.port = free_port(socket.SOCK_STREAM)

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", LOOPBACK, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        wait_for_port(self.port, self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(START_TIMEOUT_S)


def wait_for_port(port: int, process: "subprocess.Popen[bytes] | Forked") -> None:
    """Wait until something listens on a TCP port; fail if the process ends instead."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            time.sleep(0.05)
        else:
            return
