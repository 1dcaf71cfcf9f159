"""A real server and a real Chromium for the tests of the pages."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

from playwright.async_api import Browser as AsyncBrowser
from playwright.async_api import async_playwright
from playwright.async_api import expect as expect_async
from playwright.sync_api import Browser, expect, sync_playwright

from tests.peers.nursery import ROOT, nursery
from tests.peers.readymade import migrated_sqlite

CHROMIUM = "/usr/bin/chromium"
DRAWING = Path(__file__).with_name("chromium.sh")
"The same, behind tests that measure time and sound."
PASSWORD = "correct horse"
PATIENCE_MS = 60_000
"A page that shows what it should costs none of it."
for _expect in (expect, expect_async):
    _expect.set_options(timeout=PATIENCE_MS)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class LiveServer:
    """`tests.browser.live_server` in a process of its own, with a fresh database."""

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory(prefix="pages-")
        environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "VOIPNUMBER_DATA": self.folder.name,
            "DATABASE_URL": f"sqlite:///{self.folder.name}/pages.sqlite3",
            "REDIS_URL": "",
        }
        shutil.copy(migrated_sqlite(ROOT), f"{self.folder.name}/pages.sqlite3")
        program = ["-m", "tests.browser.live_server"]
        self._server = nursery(ROOT).converse(program, environment)
        self.url = f"http://127.0.0.1:{self._read()['port']}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self.folder.cleanup()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Have it stand still: nothing is closed, nothing answered, as when a cable is out."""
        self._server.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._server.process.send_signal(signal.SIGCONT)

    def do(self, name: str, **values: Any) -> Any:
        """Have the server process do something, and return its answer."""
        self._server.told.write(json.dumps({"do": name, **values}) + "\n")
        self._server.told.flush()
        answer = self._read()["answer"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def _read(self) -> dict[str, Any]:
        line = self._server.said.readline()
        if not line:
            raise RuntimeError("the server process ended")
        values: dict[str, Any] = json.loads(line)
        return values


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=DRAWING, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@asynccontextmanager
async def async_chromium() -> AsyncIterator[AsyncBrowser]:
    """Start the system's Chromium for a test that is itself a coroutine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=DRAWING, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()
