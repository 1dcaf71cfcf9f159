"""One Chromium for all modules of a test process, lent to one after the other."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from playwright.sync_api import Browser

from tests.browser.chromium import chromium


class Lender:
    """Starts Chromium for the first module that asks: that, and what drives it, takes seconds.

    Asyncio knows one running loop a thread, and Playwright's is under way for as long as it is
    there; while nobody has the browser it is hidden, for tests that have loops of their own.
    """

    def __init__(self) -> None:
        self._kept = ExitStack()
        self._browser: Browser | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def lend(self) -> Iterator[Browser]:
        """Yield the browser without any window; what is open after it is closed."""
        asyncio._set_running_loop(self._loop)
        if self._browser is None or not self._browser.is_connected():
            self._kept.close()
            self._browser = self._kept.enter_context(chromium())
        browser = self._browser
        try:
            yield browser
        finally:
            try:
                for context in browser.contexts:
                    context.close()
            finally:
                self._loop = asyncio.get_running_loop()
                asyncio._set_running_loop(None)

    def close(self) -> None:
        """End the browser."""
        asyncio._set_running_loop(self._loop)
        self._kept.close()
        asyncio._set_running_loop(None)
