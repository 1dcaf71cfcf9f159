"""Processes as the kernel sees them, and an engine that can be killed and started again."""

import os
import re
import signal
import subprocess
from pathlib import Path

from tests.peers.engine import ROOT, Engine
from tests.peers.nursery import Forked, nursery

UDP_TABLES = ("/proc/net/udp", "/proc/net/udp6")


def owner_of(udp_port: int) -> int:
    """Return the id of the process that holds a UDP port."""
    inodes = {f"socket:[{inode}]" for inode in _inodes(udp_port)}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            links = {os.readlink(link) for link in folder.iterdir()}
        except OSError:  # it ended meanwhile, or is not ours to look into
            continue
        if links & inodes:
            return int(folder.parent.name)
    raise AssertionError(f"nobody holds UDP port {udp_port}")


def is_held(udp_port: int) -> bool:
    """Return whether any process holds a UDP port."""
    return bool(_inodes(udp_port))


def _inodes(udp_port: int) -> list[str]:
    lines = [line.split() for table in UDP_TABLES for line in _lines(Path(table))]
    return [words[9] for words in lines if words[1].endswith(f":{udp_port:04X}")]


def _lines(table: Path) -> list[str]:
    return table.read_text().splitlines()[1:] if table.exists() else []


def alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and waits for its parent does not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return re.search(r"^State:\s+[ZX]", status, re.MULTILINE) is None


def fork_server_of(engine: Engine) -> int:
    """Return the id of the fork server below an engine."""
    for pid in engine.children():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        parent = re.search(r"^PPid:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        ours = parent and int(parent[1]) in {p.pid for p in engine.processes.values()}
        if b"callengine.worker.process.forkserver" in words and ours:
            return pid
    raise AssertionError("no fork server")


def templates_of(engine: Engine) -> list[int]:
    """Return the ids of the processes below the fork server that fork call processes."""
    return children_of(fork_server_of(engine))


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes that a process has forked, and that are there."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for file in files for word in file.read_text().split()]


class Restartable(Engine):
    """An engine that can be killed, and started again on the same ports and data."""

    @property
    def serving(self) -> Forked:
        return self.processes["serve"]

    def kill(self) -> None:
        self.serving.kill()
        self.serving.wait(10)

    def start_again(self) -> None:
        """Start `serve` again and wait until it answers."""
        self._spawn("serve", str(ROOT / "manage.py"), "serve")
        self._wait_for_sip()

    def terminate(self) -> None:
        self.serving.send_signal(signal.SIGTERM)

    def run(self, *arguments: str, timeout_s: float = 60.0) -> "subprocess.CompletedProcess[str]":
        """Run one management command to its end, whatever its exit status."""
        command = (str(ROOT / "manage.py"), *arguments)
        return nursery(ROOT).run(command, self._environment, timeout_s=timeout_s)
