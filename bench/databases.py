"""Throw-away databases for benchmarks: an SQLite file, or a private PostgreSQL on a free port."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.switches import HOST, free_port


@contextmanager
def sqlite() -> Iterator[str]:
    """Give the address of a database in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield f"sqlite:///{folder}/bench.sqlite3"


def postgres_programs() -> Path | None:
    """Return the folder of the newest installed PostgreSQL's programs."""
    programs = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((p.parent for p in programs), default=None, key=lambda p: float(p.parent.name))


@contextmanager
def postgres() -> Iterator[str]:
    """Give the address of a fresh cluster with its own settings, save for fsync.

    PostgreSQL refuses to run as root, so root lends it the user `postgres`.
    """
    programs = postgres_programs()
    assert programs is not None, "PostgreSQL is not installed"
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    port = free_port(socket.SOCK_STREAM)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = str(folder / "data")
    options = f"-h {HOST} -p {port} -k {folder} -c fsync=off"
    control = (programs / "pg_ctl", "-D", data, "-w", "-l", str(folder / "log"))
    try:
        _run(folder, programs / "initdb", "-D", data, "-U", "bench", "-A", "trust", "--no-sync")
        _run(folder, *control, "-o", options, "start")
        try:
            yield f"postgres://bench@{HOST}:{port}/postgres"
        finally:
            _run(folder, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, *command: str | Path) -> None:
    lent = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    # To a file, not a pipe: the server inherits it and would keep the pipe open.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [*lent, *map(str, command)], stdout=output, stderr=output, cwd=folder, check=False
        )
        output.seek(0)
        assert done.returncode == 0, output.read().decode(errors="replace")
