"""Browsers that go away at any point of what they ask, against a running server."""

import contextlib
import socket
import struct
import time
from collections.abc import Callable

import pytest

from tests.peers.engine import Engine
from tests.web.strangers import connect, handshake, head
from tests.web.test_handshakes import sign_in
from tests.web.test_requests import page_code

RESET, FIN = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
PASSWORD = "correct horse"
ENVIRONMENT = {
    "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    "VOIPNUMBER_WEBSOCKETS_PER_SESSION": "1000",
    "VOIPNUMBER_WEBSOCKETS_PER_USER": "1000",
}
FORM = b"username=admin&password=wrong"
UPLOAD = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    + b"a" * 40_000
    + b"\r\n--x--\r\n"
)
CALL = b'{"do": "call", "to": "*echo", "as": ""}'


@pytest.fixture(scope="module")
def cookie(engine: Engine) -> str:
    engine.manage("createsuperuser", "--noinput", "--username", "admin", "--email", "a@b.example")
    said = sign_in(engine.http_port, "admin", PASSWORD, source="127.0.0.42").decode()
    lines = [line for line in said.splitlines() if line.lower().startswith("set-cookie: ")]
    return "Cookie: " + "; ".join(line[12:].partition(";")[0] for line in lines)


def frame(content: bytes, kind: int) -> bytes:
    """Return a short frame of a browser: 1 is text, 2 bytes, 8 a close."""
    return bytes([0x80 | kind, 0x80 | len(content), 0, 0, 0, 0]) + content


def get(path: str) -> Callable[[Engine, str], bytes]:
    return lambda engine, cookie: head(path, cookie, method="GET")


def post(path: str, body: bytes, kind: str) -> Callable[[Engine, str], bytes]:
    lines = (f"Content-Length: {len(body)}", f"Content-Type: {kind}")
    return lambda engine, cookie: head(path, cookie, *lines) + body


def websocket(path: str, *frames: bytes) -> Callable[[Engine, str], bytes]:
    return lambda engine, cookie: handshake(engine, path, cookie) + b"".join(frames)


ASKED = {
    "overview": get("/"),
    "three pages": lambda engine, cookie: get("/phone/")(engine, cookie) * 3,
    "admin": get("/admin/"),
    "file": get("/static/js/picker.js"),
    "calls as CSV": get("/history/export/"),
    "audit log as CSV": get("/settings/audit/export/"),
    "sign-in": post("/accounts/login/", FORM, "application/x-www-form-urlencoded"),
    "upload": post("/settings/hold-music/", UPLOAD, "multipart/form-data; boundary=x"),
    "API": post("/v1/agents", b'{"name": "a"}', "application/json"),
    "live": websocket("/ws/calls/", frame(b"shown", 1)),
    "overview live": websocket("/ws/overview/", frame(b"", 8)),
    "no frame": websocket("/ws/engine/", b"\xff" * 20),
    "phone": websocket("/ws/phone/", frame(CALL, 1), *[frame(b"a" * 100, 2)] * 20),
    "listening": websocket("/ws/listen/00000000-0000-0000-0000-000000000000/"),
}
"What a signed-in browser says, each from its first byte to its last."


@pytest.mark.parametrize("asked", ASKED)
def test_a_browser_may_go_at_any_point_of_it(engine: Engine, cookie: str, asked: str) -> None:
    said = ASKED[asked](engine, cookie)
    first = said.index(b"\r\n\r\n") + 4
    # In the head, before the body or the frames, in them, before and while the answer comes.
    for number, end in enumerate((first // 2, first, (first + len(said)) // 2, *[len(said)] * 5)):
        for how in (RESET, FIN):
            with contextlib.suppress(ConnectionError), connect(engine.http_port) as browser:
                browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)
                browser.sendall(said[:end])
                browser.settimeout(0.004 * number)
                with contextlib.suppress(TimeoutError, BlockingIOError):
                    browser.recv(100)
    deadline = time.monotonic() + 30
    while (code := page_code(engine.http_port)) != 200:
        assert time.monotonic() < deadline, f"no place was given back: {code}"
    _, has, rest = engine.dump().partition("Traceback")
    assert not has, rest[-2500:]
