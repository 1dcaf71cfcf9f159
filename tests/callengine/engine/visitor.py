"""Somebody signed in to the pages of a running engine, without a browser."""

import http.cookiejar
import re
import time
import urllib.parse
import urllib.request
from typing import Any

from tests.peers.engine import Engine
from tests.wire.directory import PASSWORD

LOOK_EVERY_S = 0.1
"To look takes a tenth of that, of the processor that the call goes on with."


class Visitor:
    """Somebody signed in, with cookies and no JavaScript."""

    def __init__(self, engine: Engine) -> None:
        self._base = f"http://{engine.host}:{engine.http_port}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)
        login = {"username": "olga", "password": PASSWORD}
        self.page = self._get("/accounts/login/")
        self.post("/accounts/login/", login)

    def _get(self, path: str) -> str:
        with self._opener.open(self._base + path, timeout=20) as answer:
            return str(answer.read().decode())

    def get(self, path: str) -> str:
        self.page = self._get(path)
        return self.page

    def post(self, path: str, fields: dict[str, str]) -> str:
        """Post with the token of the page last seen; return where that led."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        assert token
        data = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token[1]}).encode()
        with self._opener.open(self._base + path, data, timeout=60) as answer:
            self.page = answer.read().decode()
            return str(answer.geturl())


def ended(engine: Engine, call: str, *, within_s: float = 30.0) -> dict[str, Any]:
    """Wait until a call has ended; return its record."""
    deadline = time.monotonic() + within_s
    while True:
        record = next(c for c in engine.calls() if c["id"] == call)
        if record["termination"]:
            return record
        assert time.monotonic() < deadline, record
        time.sleep(LOOK_EVERY_S)
