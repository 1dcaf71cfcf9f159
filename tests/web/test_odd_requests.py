"""Requests that no browser makes: each is answered, none leaves a traceback in the log."""

import logging
import urllib.parse

import pytest
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.utils.crypto import get_random_string

from tests.peers.engine import Engine
from tests.web.strangers import answer, connect, handshake, head, status
from tests.web.test_handshakes import page
from voipnumber.logs import WithoutTraceback
from web.sessions import SessionStore

PLAIN = [
    (302, "/", ["Daphne-Root-Path: \xe4"]),
    (302, "/", ["Daphne-Root-Path: /elsewhere"]),
    (302, "/", ["Cookie: \xe4=\xff; sessionid=\xe4; csrftoken=\xff"]),
    (302, "/", [r'Cookie: sessionid="\000aaaaaaaaaaaaaaaa"']),
    (200, "/accounts/login/", ["Sec-WebSocket-Protocol: \xe4"]),
    (401, "/v1/agents", ["Authorization: Bearer \xe4"]),
    (400, "/accounts/login/?" + "a=1&" * 1001, []),
    (400, "/accounts/login/", ["X: a", "Host: a, b"]),
    (404, "/%ff%00", []),
]
WEBSOCKETS = [
    ("/ws/nowhere/", []),
    ("/ws/%ff%00/", []),
    ("/ws/calls/0/", []),
    ("/", []),
    ("/ws/calls/", ["Daphne-Root-Path: \xe4"]),
    ("/ws/calls/", ["Daphne-Root-Path: /ws"]),
    ("/ws/calls/", ["Sec-WebSocket-Protocol: \xe4"]),
    ("/ws/calls/", ["Sec-WebSocket-Protocol: a, b"]),
    ("/ws/calls/", ["X-Odd: \xe4", "Cookie: \xe4=\xff; sessionid=\xe4"]),
    ("/ws/calls/", [r'Cookie: sessionid="\000aaaaaaaaaaaaaaaa"']),
    ("/ws/calls/?of=%ff%00", []),
]


@pytest.mark.parametrize(("code", "path", "lines"), PLAIN)
def test_odd_headers_are_answered(engine: Engine, code: int, path: str, lines: list[str]) -> None:
    with connect(engine.http_port) as stranger:
        stranger.sendall(head(path, *lines, "Connection: close", method="GET"))
        answered = answer(stranger)
    assert status(answered) == code
    assert b"elsewhere" not in answered
    assert "Traceback" not in engine.dump()


@pytest.mark.parametrize(("path", "lines"), WEBSOCKETS)
def test_odd_websockets_are_refused(engine: Engine, path: str, lines: list[str]) -> None:
    with connect(engine.http_port) as stranger:
        stranger.sendall(handshake(engine, path, *lines))
        assert status(stranger.recv(4096)) == 403
    assert "Traceback" not in engine.dump()


def test_a_form_of_very_many_fields_is_refused(engine: Engine) -> None:
    cookie, token = page(engine.http_port, "127.0.0.9")
    body = urllib.parse.urlencode([("csrfmiddlewaretoken", token), *([("a", "")] * 1001)]).encode()
    lines = (f"Cookie: csrftoken={cookie}", f"Content-Length: {len(body)}", "Connection: close")
    form = "Content-Type: application/x-www-form-urlencoded"
    with connect(engine.http_port) as stranger:
        stranger.sendall(head("/accounts/login/", form, *lines) + body)
        assert status(answer(stranger)) == 400
    log = engine.dump()
    assert "DATA_UPLOAD_MAX_NUMBER_FIELDS" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(("name", "kept"), [("django.security.Odd", False), ("django.db", True)])
def test_only_what_strangers_cause_has_no_traceback(name: str, kept: bool) -> None:
    error = (ValueError, ValueError(), None)
    record = logging.LogRecord(name, logging.ERROR, "", 0, "failed", (), error)
    assert WithoutTraceback().filter(record)
    assert (record.exc_info is not None) is kept


@pytest.mark.parametrize("key", ["\0aaaaaaaaaaaaaaaa", "ä" * 32, "a" * 7, "", "a-b" * 9, None])
def test_the_database_is_asked_for_no_session_that_was_never_given_out(key: str | None) -> None:
    assert SessionStore(key).session_key is None


def test_a_session_that_was_given_out_is_looked_for() -> None:
    key = get_random_string(32, VALID_KEY_CHARS)
    assert SessionStore(key).session_key == key
