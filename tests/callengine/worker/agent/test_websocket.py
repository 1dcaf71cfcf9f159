"""The websocket, on real sockets, against a server of the library's."""

import queue
import select
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from agents.dialects.interface import Handshake
from callengine.worker.agent import stream, websocket
from callengine.worker.agent.websocket import (
    READ_BYTES,
    AddressError,
    SocketEvent,
    SocketMessage,
    SocketOpened,
    SocketOver,
    WebSocket,
)
from tests.peers.certificates import Certificate

MAX_BYTES = 4 * 1024 * 1024
TIMEOUT_S = 30.0


@contextmanager
def server(talk: Callable[[ServerConnection], None], **options: Any) -> Iterator[Server]:
    with serve(talk, "127.0.0.1", 0, max_size=None, **options) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


CLIENTS: list["Client"] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close what a test has opened."""
    yield
    while CLIENTS:
        CLIENTS.pop().it.abort()


class Client:
    """A websocket of ours, polled as the agent's thread does."""

    def __init__(self, port: int, *, secure: bool = False, host: str = "localhost") -> None:
        sock = socket.create_connection(("127.0.0.1", port))
        scheme = "wss" if secure else "ws"
        handshake = Handshake(f"{scheme}://{host}:{port}/v1/ws", (("Authorization", "Bearer k"),))
        self.it = WebSocket(
            sock.detach(), handshake, max_message_bytes=MAX_BYTES, now=time.monotonic()
        )
        self.events: list[SocketEvent] = self.it.writable()
        CLIENTS.append(self)

    def waits(self, done: Callable[[list[SocketEvent]], bool]) -> list[SocketEvent]:
        """Poll until what was heard will do; return all of it."""
        poll, deadline = select.poll(), time.monotonic() + TIMEOUT_S
        while not done(self.events) and not self.it.is_over:
            assert time.monotonic() < deadline, self.events
            wanted = select.POLLIN | (select.POLLOUT if self.it.wants_write else 0)
            poll.register(self.it.fileno(), wanted)
            for descriptor, ready in poll.poll(0 if self.it.has_more else 1000):
                poll.unregister(descriptor)
                if ready & select.POLLOUT:
                    self.events += self.it.writable()
            if not self.it.is_over:
                self.events += self.it.readable(time.monotonic())
        return self.events

    def opens(self) -> None:
        self.waits(lambda events: SocketOpened() in events)

    def over(self) -> SocketOver:
        last = self.waits(lambda events: any(isinstance(event, SocketOver) for event in events))[-1]
        assert isinstance(last, SocketOver)
        return last

    def messages(self, count: int) -> list[str | bytes]:
        def enough(events: list[SocketEvent]) -> bool:
            return sum(isinstance(event, SocketMessage) for event in events) >= count

        return [event.data for event in self.waits(enough) if isinstance(event, SocketMessage)]


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def test_it_says_who_we_are_and_messages_go_both_ways() -> None:
    asked: list[str] = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        asked.append(connection.request.headers["Authorization"])
        echo(connection)

    with server(talk) as running:
        client = Client(running.socket.getsockname()[1])
        client.opens()
        for text in ("one", "zwei \u00e9 \U0001f3a7"):
            client.events += client.it.send(text)
        assert client.messages(2) == ["one", "zwei \u00e9 \U0001f3a7"]
        client.events += client.it.close(1000, "done")
        assert client.over() == SocketOver(1000, "done")
    assert asked == ["Bearer k"]


@pytest.mark.parametrize("size", [1, 300, 65_536, MAX_BYTES])
def test_messages_up_to_4_mib_are_taken(size: int) -> None:
    with server(lambda connection: connection.send("x" * size)) as running:
        client = Client(running.socket.getsockname()[1])
        (message,) = client.messages(1)
        assert message == "x" * size


def test_one_in_pieces_is_put_together_and_a_binary_one_stays_binary() -> None:
    def talk(connection: ServerConnection) -> None:
        connection.send(iter(["a" * 1000, "b", "c" * 3]))
        connection.send(b"\x00\xff")

    with server(talk) as running:
        client = Client(running.socket.getsockname()[1])
        assert client.messages(2) == ["a" * 1000 + "b" + "ccc", b"\x00\xff"]


def test_a_larger_one_is_refused_with_a_reason() -> None:
    closed: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def talk(connection: ServerConnection) -> None:
        connection.send("x" * (MAX_BYTES + 1))
        with suppress(ConnectionClosed):
            connection.recv()
        closed.put(connection.close_code)

    with server(talk) as running:
        over = Client(running.socket.getsockname()[1]).over()
    assert over.code == 1006
    assert "4194305 bytes" in over.error
    assert closed.get(timeout=TIMEOUT_S) == 1009


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1008, "unauthorized"), (1011, "internal error")]
)
def test_the_agents_close_code_and_reason_are_told(code: int, reason: str) -> None:
    with server(lambda connection: connection.close(code, reason)) as running:
        assert Client(running.socket.getsockname()[1]).over() == SocketOver(code, reason)


def test_a_refused_handshake_tells_status_and_words() -> None:
    def refuse(connection: ServerConnection, request: Any) -> Any:
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no such  key\n")

    with server(echo, process_request=refuse) as running:
        over = Client(running.socket.getsockname()[1]).over()
    assert over == SocketOver(1006, "no such  key\n", "HTTP 401 Unauthorized", 401)


def test_a_redirect_is_not_followed_and_told() -> None:
    def refuse(connection: ServerConnection, request: Any) -> Any:
        answer = connection.respond(HTTPStatus.MOVED_PERMANENTLY, "")
        answer.headers["Location"] = "wss://elsewhere.example.com/"
        return answer

    with server(echo, process_request=refuse) as running:
        over = Client(running.socket.getsockname()[1]).over()
    assert over.status == 301
    assert over.reason == (
        "it names another address, which is not followed: wss://elsewhere.example.com/"
    )


def test_what_is_no_websocket_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            over = client.over()
    assert over.code == 1006
    assert over.error.startswith("it is no websocket: ")


def test_a_connection_that_breaks_is_over() -> None:
    with server(lambda connection: connection.socket.shutdown(socket.SHUT_RDWR)) as running:
        over = Client(running.socket.getsockname()[1]).over()
    assert over == SocketOver(1006, "", "the connection was closed")


def test_an_agent_that_does_not_read_is_noticed_and_costs_no_memory() -> None:
    reads = threading.Event()

    def talk(connection: ServerConnection) -> None:
        reads.wait(TIMEOUT_S)

    with server(talk) as running:
        client = Client(running.socket.getsockname()[1])
        client.opens()
        for _ in range(20_000):
            client.events += client.it.send("x" * 1300)
            if client.it.is_congested:
                break
        assert client.it.is_congested
        for _ in range(5000):
            client.events += client.it.send("x" * 1300)
        reads.set()
        assert client.over().error == "the agent does not read what it is sent"


def test_one_that_says_nothing_is_pinged_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        now = time.monotonic()
        client = Client(listener.getsockname()[1])
        peer, _ = listener.accept()
        with peer:
            _accept(peer, client)
            assert client.it.step(now + 20.1) == []
            assert peer.recv(100)[0] == 0x89  # a ping
            assert client.it.step(now + 41, is_read=False) == []
            (over,) = client.it.step(now + 62)
    assert over == SocketOver(1006, "", "nothing came for 62 s, no pong")


def _accept(peer: socket.socket, client: Client) -> None:
    """Answer the opening handshake by hand."""
    from websockets.utils import accept_key

    request = peer.recv(4000).decode()
    key = next(x for x in request.split("\r\n") if x.startswith("Sec-WebSocket-Key")).split(": ")[1]
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(key)}",
    )
    peer.sendall("\r\n".join((*lines, "", "")).encode())
    client.opens()


def test_a_url_that_is_none_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(AddressError):
        WebSocket(ours.detach(), Handshake("http://x"), max_message_bytes=1, now=0.0)


# TLS


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    made = Certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    stream.tls_context.cache_clear()
    return made


@pytest.fixture(autouse=True)
def _fresh_context() -> Iterator[None]:
    yield
    stream.tls_context.cache_clear()


def test_with_tls_messages_of_any_size_arrive(certificate: Certificate) -> None:
    with server(echo, ssl=certificate.context()) as running:
        client = Client(running.socket.getsockname()[1], secure=True)
        client.opens()
        for size in (1, 20_000, 1_000_000):
            client.events += client.it.send("x" * size)
        assert [len(message) for message in client.messages(3)] == [1, 20_000, 1_000_000]


def test_a_certificate_of_another_host_is_not_accepted(certificate: Certificate) -> None:
    with server(echo, ssl=certificate.context()) as running:
        client = Client(running.socket.getsockname()[1], secure=True, host="agents.example")
        over = client.over()
    assert over.error.startswith("its certificate is not accepted: Hostname mismatch")


def test_nor_is_one_of_an_unknown_authority(tmp_path: Path) -> None:
    with server(echo, ssl=Certificate(tmp_path, "localhost").context()) as running:
        over = Client(running.socket.getsockname()[1], secure=True).over()
    assert over.error.startswith("its certificate is not accepted: ")


def test_tls_where_there_is_none_says_so(certificate: Certificate) -> None:
    with server(echo) as running:
        over = Client(running.socket.getsockname()[1], secure=True).over()
    assert over.error.startswith("TLS failed: ")


def test_a_message_of_endless_empty_frames_takes_no_room() -> None:
    """2 bytes on the wire each: what is kept of them must be nothing."""
    taken, measured = threading.Event(), threading.Event()

    def talk(connection: ServerConnection) -> None:
        connection.socket.sendall(b"\x01\x00" + b"\x00\x00" * 20_000)
        connection.ping().wait(TIMEOUT_S)  # answered once all before it has been read
        taken.set()
        measured.wait(TIMEOUT_S)
        connection.socket.sendall(b"\x80\x02ok")
        with suppress(ConnectionClosed):
            connection.recv()

    with server(talk) as running:
        client = Client(running.socket.getsockname()[1])
        client.opens()
        tracemalloc.start()
        try:
            client.waits(lambda _: taken.is_set())
            ours = [tracemalloc.Filter(True, websocket.__file__)]
            kept = tracemalloc.take_snapshot().filter_traces(ours).statistics("filename")
        finally:
            tracemalloc.stop()
            measured.set()
        assert sum(file.size for file in kept) < 50_000
        client.waits(lambda events: SocketMessage("ok") in events)
        client.it.close(1000, "")


def test_many_small_messages_leave_room_for_the_callers_audio() -> None:
    count = 20_000

    def talk(connection: ServerConnection) -> None:
        connection.socket.sendall(b"\x81\x02{}" * count)
        with suppress(ConnectionClosed):
            connection.recv()

    with server(talk) as running:
        client = Client(running.socket.getsockname()[1])
        client.opens()
        batches = [len(client.events)]
        while sum(batches) <= count:
            select.select([client.it.fileno()], [], [], TIMEOUT_S)
            batches.append(len(client.it.readable(time.monotonic())))
        # One read holds so many of four bytes at most.
        assert max(batches) <= READ_BYTES // 4 + 256
        client.it.close(1000, "")
