"""Signing in and websockets on the wire, against a running server."""

import base64
import contextlib
import http.cookies
import os
import re
import socket
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

from tests.peers.engine import Engine
from tests.web.strangers import Caller, answer, connect, head, status

ENVIRONMENT = {"VOIPNUMBER_SIGN_INS_WAITING": "4", "DJANGO_SUPERUSER_PASSWORD": "correct horse"}
LOGIN = "/accounts/login/"


@pytest.fixture(scope="module")
def administrator(engine: Engine) -> str:
    engine.manage("createsuperuser", "--noinput", "--username", "admin", "--email", "a@b.example")
    return "admin"


def page(port: int, source: str) -> tuple[str, str]:
    """Return the CSRF cookie and the form's token of the sign-in page."""
    with connect(port, source) as browser:
        browser.sendall(head(LOGIN, "Connection: close", method="GET"))
        said = answer(browser).decode()
    cookie = re.search(r"set-cookie: csrftoken=(\w+)", said, re.IGNORECASE)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', said)
    assert cookie
    assert token
    return cookie[1], token[1]


def sign_in(
    port: int, name: str, password: str, *, source: str, read: tuple[str, str] | None = None
) -> bytes:
    cookie, token = read or page(port, source)
    fields = {"csrfmiddlewaretoken": token, "username": name, "password": password}
    body = urllib.parse.urlencode(fields)
    lines = (
        f"Cookie: csrftoken={cookie}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    with connect(port, source) as browser:
        browser.settimeout(30)
        browser.sendall(head(LOGIN, *lines) + body.encode())
        return answer(browser)


def spent_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_fifty_guesses_at_once_take_one_core_and_calls_go_on(engine: Engine) -> None:
    pid, answers = engine.processes["serve"].pid, list[int]()

    port, sources = engine.http_port, [f"127.0.0.{10 + number}" for number in range(10)]
    read = {source: page(port, source) for source in sources}

    def guess(number: int) -> None:
        source = sources[number % 10]
        answered = sign_in(port, f"n{number}", "wrong", source=source, read=read[source])
        answers.append(status(answered))

    guesses = [threading.Thread(target=guess, args=(number,)) for number in range(50)]
    began_s, before_s = time.monotonic(), spent_s(pid)
    with Caller(engine) as caller:
        for one in guesses:
            one.start()
        for one in guesses:
            one.join()
    cores = (spent_s(pid) - before_s) / (time.monotonic() - began_s)
    assert len(answers) == 50
    assert set(answers) == {200, 503}
    assert cores < 1.5
    assert "VOIPNUMBER_SIGN_INS_WAITING" in engine.dump()
    assert caller.slowest_s < 1.0


def test_who_guesses_is_held_back_on_the_wire(engine: Engine, administrator: str) -> None:
    source = "127.0.0.40"
    port = engine.http_port
    answered = [sign_in(port, "admin", f"wrong {n}", source=source) for n in range(5)]
    assert [status(one) for one in answered] == [200] * 4 + [429]
    assert b"retry-after: " in answered[4].lower()
    assert status(sign_in(port, "admin", "correct horse", source=source)) == 429
    assert status(sign_in(port, "admin", "correct horse", source="127.0.0.41")) == 302
    assert f"sign-ins of 'admin' from {source} are held back until" in engine.dump()


def websocket(engine: Engine, session: str, origin_port: int) -> tuple[socket.socket, bytes]:
    site = f"127.0.0.1:{engine.http_port}"
    lines = (
        "GET /ws/calls/ HTTP/1.1",
        f"Host: {site}",
        f"Origin: http://127.0.0.1:{origin_port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        f"Cookie: sessionid={session}",
    )
    opened = connect(engine.http_port)
    opened.sendall("\r\n".join((*lines, "", "")).encode())
    return opened, opened.recv(4096)


@pytest.fixture(scope="module")
def session(engine: Engine, administrator: str) -> str:
    answered = sign_in(engine.http_port, administrator, "correct horse", source="127.0.0.42")
    start = answered.partition(b"\r\n\r\n")[0].decode()
    cookies = http.cookies.SimpleCookie()
    for line in start.splitlines():
        if line.lower().startswith("set-cookie:"):
            cookies.load(line.partition(":")[2])
    return cookies["sessionid"].value


def test_a_page_of_another_port_gets_no_websocket(engine: Engine, session: str) -> None:
    ours, answered = websocket(engine, session, engine.http_port)
    with ours:
        assert status(answered) == 101
    theirs, answered = websocket(engine, session, engine.http_port + 1)
    with theirs:
        assert status(answered) == 403
    assert "asked for a websocket of" in engine.dump()


def test_a_long_message_ends_its_websocket(engine: Engine, session: str) -> None:
    opened, _ = websocket(engine, session, engine.http_port)
    with opened:
        length, mask = (5000).to_bytes(2), b"\0\0\0\0"
        opened.sendall(b"\x81\xfe" + length + mask + b"a" * 5000)
        with contextlib.suppress(ConnectionError):
            # What the page is told may come first.
            while opened.recv(4096):
                pass
    ours, answered = websocket(engine, session, engine.http_port)
    with ours:
        assert status(answered) == 101
