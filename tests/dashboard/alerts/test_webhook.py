"""What is posted, where to it may be, and what is said of what went wrong: over real sockets."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from dashboard.alerts import webhook
from dashboard.alerts.webhook import NotSentError, post

MESSAGE = {"id": "1", "event": "test", "text": "Grüße"}


@contextlib.contextmanager
def answering(status: int, **headers: str) -> Iterator[tuple[str, list[Any]]]:
    """Serve one request at an address of this machine."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook/s3cret?k=v", got
        finally:
            thread.join()


def why(url: str, *, local: bool = False) -> str:
    with pytest.raises(NotSentError) as failure:
        post(url, MESSAGE, local=local)
    assert "s3cret" not in str(failure.value)
    return str(failure.value)


def test_a_message_arrives_as_json() -> None:
    with answering(204) as (url, got):
        post(url, MESSAGE, local=True)
    assert got == [("/hook/s3cret?k=v", "application/json", MESSAGE)]


def test_what_is_answered_is_said_and_no_redirect_followed() -> None:
    with answering(404) as (url, _):
        assert why(url, local=True).endswith("answered 404")
    with answering(307, Location="http://127.0.0.1:1/") as (url, got):
        assert why(url, local=True).endswith("answered 307; redirects are not followed")
    assert len(got) == 1


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("https://127.0.0.1/s3cret", False),
        ("https://[::1]/s3cret", False),
        ("https://[::ffff:127.0.0.1]/s3cret", False),
        ("https://localhost/s3cret", False),
        ("https://169.254.169.254/s3cret", True),
        ("https://[fe80::1]/s3cret", True),
        ("https://100.100.100.200/s3cret", True),
        ("https://0.0.0.0/s3cret", True),
    ],
)
def test_where_nothing_may_be_is_not_connected_to(url: str, local: bool) -> None:
    assert "a cloud's metadata service, or this machine" in why(url, local=local)


def test_without_tls_only_this_machine_is_asked() -> None:
    assert why("http://192.0.2.1/s3cret", local=True) == (
        "192.0.2.1 is not this machine, and http:// is for this machine alone"
    )


def test_a_server_that_says_nothing_or_no_tls_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "EXCHANGE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        assert why(f"http://{place}/s3cret", local=True).startswith(f"{place} gave no answer")
        assert why(f"https://{place}/s3cret", local=True).startswith(place)
        assert time.monotonic() - began < webhook.CONNECT_S, "by our clock, not the socket's"
    assert why(f"http://{place}/s3cret", local=True) == f"{place} refused the connection"
