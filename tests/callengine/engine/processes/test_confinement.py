"""What a call process that was taken over could not do: read, run, connect, look at others."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callengine.worker.process import confinement
from tests.callengine.engine.forked import children_of, fork_server_of, templates_of
from tests.peers.engine import ROOT, Engine
from tests.peers.waiting import until
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["OPUS"]))

ATTEMPTS = """
import ctypes, errno, json, os, socket, sys
from callengine.worker import plugins
from callengine.worker.process import confinement
plugins.preload()
folder, port, local, how = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
if how == "uid":
    left = confinement._drop_privileges(libc, confinement.CALL_UID, [])
else:
    left = confinement.confine()
    confinement.confine_further()
def attempt(action):
    try:
        return repr(action())[:40]
    except OSError as error:
        return errno.errorcode.get(error.errno, "?")
def connect(family, kind, to):
    with socket.socket(family, kind) as sock:
        sock.connect(to)
    return "connected"
tried = {
    "database": lambda: open(f"{folder}/db.sqlite3").read(),
    "key": lambda: open(f"{folder}/secret-key").read(),
    "list": lambda: os.listdir(folder),
    "write": lambda: open(f"{folder}/new", "w"),
    "passwd": lambda: open("/etc/shadow").read(),
    "run": lambda: os.execv("/bin/true", ["true"]),
    "fork": lambda: os.fork(),
    "tcp": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(port))),
    "local": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, local),
    "environment": lambda: open(f"/proc/{os.getppid()}/environ").read(),
    "memory": lambda: open(f"/proc/{os.getppid()}/mem", "rb"),
    "signal": lambda: os.kill(os.getppid(), 0),
    "udp": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", int(port))),
    "code": lambda: bool(open(confinement.__file__).read()),
}
found = {name: attempt(action) for name, action in tried.items()} if how != "uid" else {
    name: attempt(tried[name]) for name in ("database", "key", "write", "passwd", "memory")
}
status = open("/proc/self/status").read()
print(json.dumps({"left": left, "tried": found, "status": status}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder as it lies beside the engine, its files open to all but for the confinement."""
    for name in ("db.sqlite3", "secret-key"):
        (tmp_path / name).write_text("secret")
    return tmp_path


def attempts(folder: Path, how: str = "all") -> dict[str, Any]:
    local = str(folder / "server.sock")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(local)
        unix.listen()
        arguments = (str(folder), str(server.getsockname()[1]), local, how)
        done = subprocess.run(
            [sys.executable, "-c", ATTEMPTS, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def field(status: str, name: str) -> str:
    return re.search(rf"^{name}:[ \t]*(.*)$", status, re.MULTILINE)[1].strip()  # type: ignore[index]


def test_a_confined_process_reaches_nothing_but_its_code_and_its_sockets(folder: Path) -> None:
    result = attempts(folder)
    tried = result["tried"]
    refused = ("database", "key", "list", "write", "passwd", "environment", "memory")
    if any("Landlock" in sentence for sentence in result["left"]):
        refused = ("memory",)  # said on the log and the page; users and modes hold the rest
    assert {tried[name] for name in refused} <= {"EACCES", "EPERM"}, tried
    assert {tried[name] for name in ("run", "fork", "tcp", "local")} == {"EPERM"}, tried
    assert tried["udp"] == "'connected'"
    assert tried["code"] == "True"
    assert int(field(result["status"], "CapEff"), 16) == 0
    assert field(result["status"], "NoNewPrivs") == "1"


def test_root_becomes_nobody_and_others_say_that_they_cannot(folder: Path) -> None:
    if os.geteuid() != 0:
        assert "they run as the engine's own user" in attempts(folder)["left"]
        return
    for name in ("db.sqlite3", "secret-key"):
        (folder / name).chmod(0o600)
    result = attempts(folder, "uid")
    assert result["left"] == []
    assert set(result["tried"].values()) == {"EACCES"}
    assert field(result["status"], "Uid").split() == [str(confinement.CALL_UID)] * 4
    assert field(result["status"], "Groups") == ""


def test_code_that_others_cannot_read_keeps_the_user(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "code.py").touch()
    assert not confinement._is_public(private / "code.py")
    assert confinement._is_public(Path("/usr/lib"))


def test_the_folder_all_code_lies_in_stays_closed() -> None:
    paths = set(confinement.code_paths())
    assert ROOT / "callengine" in paths
    assert not [path for path in paths if path in (ROOT, *ROOT.parents)]


def call_processes(engine: Engine) -> Iterator[int]:
    for template in templates_of(engine):
        yield from children_of(template)


async def test_the_processes_of_a_running_engine_are_confined(engine: Engine) -> None:
    await until(lambda: bool(list(call_processes(engine))), "no call process")
    secrets = (b"SECRET_KEY", b"DATABASE_URL", b"REDIS_URL", b"VOIPNUMBER_")
    processes = (fork_server_of(engine), *templates_of(engine), *call_processes(engine))
    for pid in processes:
        folder = Path(f"/proc/{pid}")
        status = (folder / "status").read_text()
        assert field(status, "NoNewPrivs") == "1"
        assert field(status, "Seccomp") == "2"
        assert int(field(status, "CapEff"), 16) == 0
        environment = (folder / "environ").read_bytes()
        assert not [name for name in secrets if name in environment]
        limits = (folder / "limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
        opened = {os.readlink(link) for link in (folder / "fd").iterdir()}
        assert not [name for name in opened if str(engine.folder / "data") in name]
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        await call.hears_both_ways(codec_a="PCMU", codec_b="OPUS")
        await call.end()
