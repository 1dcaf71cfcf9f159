"""Browsers that do not behave: raw sockets against a running server, and a SIP peer meanwhile."""

import base64
import os
import re
import secrets
import socket
import time
from pathlib import Path

from tests.peers.background import Background
from tests.peers.engine import Engine
from tests.spent import starved_s

GIVE_UP_S = 30.0


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), GIVE_UP_S, source_address=(source, 0))


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", "")).encode(
        "latin1"
    )


def handshake(engine: Engine, path: str, *lines: str) -> bytes:
    """Return what a browser says to open a websocket from a page of ours."""
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    origin = f"Origin: http://127.0.0.1:{engine.http_port}"
    said = head(path, origin, *upgrade, f"Sec-WebSocket-Key: {key}", *lines, method="GET")
    return said.replace(b"Host: 127.0.0.1\r\n", b"Host: 127.0.0.1:%d\r\n" % engine.http_port)


def answer(stranger: socket.socket) -> bytes:
    """Return the first answer, as long as it says it is; else all that comes until the end."""
    got = b""
    try:
        while not _is_whole(got) and (chunk := stranger.recv(65536)):
            got += chunk
    except ConnectionError:
        pass
    return got


def _is_whole(answered: bytes) -> bool:
    start, end, body = answered.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", start, re.IGNORECASE)
    return bool(end) and length is not None and len(body) >= int(length[1])


def status(answered: bytes) -> int:
    return int(answered.split(b" ", 2)[1]) if answered.startswith(b"HTTP/") else 0


def push(stranger: socket.socket, total: int, piece: bytes) -> int:
    """Send pieces until so many bytes, or until the server takes no more; return how many went."""
    sent = 0
    stranger.settimeout(1.0)
    try:
        while sent < total:
            sent += stranger.send(piece)
    except OSError:
        pass
    stranger.settimeout(GIVE_UP_S)
    return sent


def memory_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


class Caller(Background):
    """Asks OPTIONS again and again, and knows how long the engine kept the slowest waiting.

    What it and we waited for a processor is not its doing, and left out.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self.slowest_s, self.asked = 0.0, 0

    def _run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((self._engine.host, 0))
            probe.settimeout(GIVE_UP_S)
            while not self._over.wait(0.02):
                began = self._busy_s()
                probe.sendto(self._options(probe.getsockname()[1]), self._engine.server)
                probe.recv(65536)
                self.asked += 1
                self.slowest_s = max(self.slowest_s, self._busy_s() - began)

    def _busy_s(self) -> float:
        """Return a clock that stands still for as long as we or the engine are not let run."""
        engine = self._engine.processes["serve"].pid
        return time.monotonic() - starved_s(engine) - starved_s("thread-self")

    def _options(self, port: int) -> bytes:
        host, ours, branch = self._engine.host, self._engine.port, secrets.token_hex(8)
        lines = (
            f"OPTIONS sip:{host}:{ours} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:probe@{host}>;tag={branch}",
            f"To: <sip:{host}:{ours}>",
            f"Call-ID: {branch}",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
        )
        return "\r\n".join((*lines, "", "")).encode()
