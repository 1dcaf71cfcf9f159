"""Requests too large, too slow or too many: cut before they cost anything, calls unhurt."""

import contextlib
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.peers.engine import ROOT, Engine
from tests.peers.ports import free_port
from tests.peers.services import wait_for_port
from tests.web.strangers import Caller, answer, connect, head, memory_kb, push, status

HUGE = 300_000_000
PIECE = b"a" * 65536
CHUNK = b"10000\r\n" + PIECE + b"\r\n"
RESET, FIN = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
KERNEL = 16_000_000
"What socket buffers on both sides may take before a sender notices that nobody reads."
PATHS = ["/accounts/login/", "/nowhere/"]
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("line", "piece"), [(f"Content-Length: {HUGE}", PIECE), (CHUNKED, CHUNK)])
def test_a_huge_post_is_cut_off_unread_and_hurts_nobody(
    engine: Engine, path: str, line: str, piece: bytes
) -> None:
    pid = engine.processes["serve"].pid
    before_kb = memory_kb(pid)
    with Caller(engine) as caller, connect(engine.http_port) as stranger:
        stranger.sendall(head(path, line))
        taken = push(stranger, HUGE, piece)
        assert status(answer(stranger)) == 413
    assert taken < KERNEL
    assert memory_kb(pid) - before_kb < 8_000
    assert caller.asked > 0
    assert caller.slowest_s < 0.5
    log = engine.dump()
    assert "refused a browser at 127.0.0.1: a body" in log
    assert "VOIPNUMBER_HTTP_BODY_BYTES is 65536" in log


@pytest.mark.parametrize("length", ["65537", "9" * 4000])
def test_the_refusal_comes_before_any_of_the_body(engine: Engine, length: str) -> None:
    with connect(engine.http_port) as stranger:
        stranger.sendall(head("/nowhere/", f"Content-Length: {length}", "Expect: 100-continue"))
        answered = answer(stranger)
    assert status(answered) == 413
    assert b"100 Continue" not in answered
    assert b"VOIPNUMBER_HTTP_BODY_BYTES is 65536" in answered


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_just_the_bound_reaches_the_page(engine: Engine, chunked: bool) -> None:
    line = CHUNKED if chunked else "Content-Length: 65536"
    with connect(engine.http_port) as stranger:
        stranger.sendall(head("/nowhere/", line, "Connection: close"))
        stranger.sendall(CHUNK + b"0\r\n\r\n" if chunked else PIECE)
        assert status(answer(stranger)) in (403, 404)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (431, ["X: " + "a" * 20_000]),
        (400, [f"X-{number}: 1" for number in range(600)]),
        (400, ["Content-Length: 1", CHUNKED]),
        (400, ["Content-Length: -1"]),
        (400, ["Host: b\xe4d:port", "Connection: close"]),
    ],
    ids=["long", "many", "ambiguous", "negative", "host"],
)
def test_a_head_beyond_reason_is_refused(engine: Engine, code: int, lines: list[str]) -> None:
    with connect(engine.http_port) as stranger:
        stranger.sendall(head("/accounts/login/", *lines, method="GET"))
        assert status(answer(stranger)) == code


@pytest.mark.parametrize("said", [b"GET / HT", head("/nowhere/", "Content-Length: 9999")])
def test_a_request_that_drips_is_cut_off_at_its_time(engine: Engine, said: bytes) -> None:
    began = time.monotonic()
    with connect(engine.http_port) as stranger:
        stranger.sendall(said)
        stranger.settimeout(0.3)
        answered = b""
        while not answered:
            with contextlib.suppress(TimeoutError):
                answered = stranger.recv(4096)
            if not answered:
                stranger.sendall(b"x")
    assert status(answered) == 408
    assert time.monotonic() - began < 20.0


def count_closed(strangers: list[socket.socket], wanted: int) -> int:
    """Wait until so many were closed without a word; return how many were."""
    closed: set[socket.socket] = set()
    deadline = time.monotonic() + 30
    while len(closed) < wanted and time.monotonic() < deadline:
        for one in select.select([x for x in strangers if x not in closed], [], [], 0.2)[0]:
            with contextlib.suppress(ConnectionError):
                if one.recv(4096):
                    continue
            closed.add(one)
    return len(closed)


def test_one_address_has_so_many_connections_and_others_theirs(engine: Engine) -> None:
    page = head("/accounts/login/", "Connection: close", method="GET")
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connect(engine.http_port, "127.0.0.3")) for _ in range(12)]
        assert count_closed(opened, 2) == 2
        with connect(engine.http_port, "127.0.0.2") as another:
            another.sendall(page)
            assert status(answer(another)) == 200
    assert "VOIPNUMBER_HTTP_CONNECTIONS_PER_ADDRESS" in engine.dump()
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(ConnectionError), connect(engine.http_port, "127.0.0.3") as again:
            again.sendall(page)
            if status(answer(again)) == 200:
                return
        assert time.monotonic() < deadline, "closed connections are counted for ever"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def daphne(engine: Engine) -> Iterator[int]:
    """Serve the same site by daphne's own command; return its port."""
    port = free_port(socket.SOCK_STREAM)
    command = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "voipnumber.asgi:application"]
    with (engine.folder / "daphne.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command], env=engine._environment, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(("line", "piece"), [(f"Content-Length: {HUGE}", PIECE), (CHUNKED, CHUNK)])
def test_daphnes_own_command_is_bounded_too(daphne: int, line: str, piece: bytes) -> None:
    with connect(daphne) as stranger:
        stranger.sendall(head("/accounts/login/", line))
        taken = push(stranger, HUGE, piece)
        assert status(answer(stranger)) == 413
    assert taken < KERNEL


ODD_ENDS = [
    b"",
    b"GET /",
    head("/ws/calls/", "Upgrade: websocket", "Connection: Upgrade", method="GET"),
    head("/ws/calls/", "Upgrade: websocket", "Content-Length: 9000") + b"a" * 9000,
    head("/nowhere/", "Content-Length: 60000") + b"a" * 50_000,
    head("/nowhere/", "Content-Length: 99999"),
    head("/accounts/login/", method="GET") * 5,
    b"\x00\xff" * 2000,
]


def test_connections_that_end_oddly_take_no_place_and_no_memory(engine: Engine) -> None:
    # Of each kind more than the 30 connections, and 32 bodies, that there is room for at once.
    for said in ODD_ENDS:
        for number in range(40):
            source = f"127.0.1.{1 + number % 5}"
            with contextlib.suppress(ConnectionError), connect(engine.http_port, source) as odd:
                odd.sendall(said)
                odd.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET if number % 2 else FIN)
                if number % 10 == 0:
                    odd.settimeout(0.1)
                    with contextlib.suppress(TimeoutError):
                        odd.recv(4096)
    deadline = time.monotonic() + 30
    while (code := page_code(engine.http_port)) != 200:
        assert time.monotonic() < deadline, f"no place was given back: {code}"
    for _ in range(3):
        with connect(engine.http_port, "127.0.2.1") as stranger:
            stranger.sendall(head("/nowhere/", "Content-Length: 65536", "Connection: close"))
            stranger.sendall(PIECE)
            assert status(answer(stranger)) in (403, 404), "bodies of before are held still"
    said = engine.dump()
    _, has, rest = said.partition("Traceback")
    assert not has, f"strangers fill no log with them: {rest[-2500:]}"


def page_code(port: int) -> int:
    with contextlib.suppress(ConnectionError), connect(port, "127.0.2.1") as browser:
        browser.sendall(head("/accounts/login/", "Connection: close", method="GET"))
        return status(answer(browser))
    return 0
