"""Which pages take calls in the browser: said by them again and again, forgotten otherwise."""

import time
from dataclasses import dataclass

from callengine.core.directory import BrowserPlace
from callengine.core.sounds import BROWSER_OF
from callengine.notices.phone import FORGOTTEN_AFTER_S, PhoneThere

MAX_PAGES = 500
MAX_OF_CONNECTION = 5


@dataclass(frozen=True, slots=True)
class BrowserPage:
    """A page that is there until a moment (monotonic, seconds)."""

    there: PhoneThere
    until: float


def browser_name(by: str) -> str:
    """Return what people call somebody's browser."""
    return f"{BROWSER_OF}{by}"


class BrowserPages:
    """The pages that this engine has heard of."""

    def __init__(self) -> None:
        self._pages: dict[str, BrowserPage] = {}

    def there(self, told: PhoneThere) -> None:
        """Take that a page is there."""
        self._forget()
        if told.page in self._pages or len(self._pages) < MAX_PAGES:
            self._pages[told.page] = BrowserPage(told, time.monotonic() + FORGOTTEN_AFTER_S)

    def gone(self, page: str) -> None:
        """Take that a page has left."""
        self._pages.pop(page, None)

    def channel(self, page: str) -> str:
        """Return where a page hears that it rings; empty: it is gone."""
        opened = self._pages.get(page)
        return opened.there.channel if opened else ""

    def of(self, sip_user: str) -> tuple[BrowserPlace, ...]:
        """Return the browsers that take a connection's calls."""
        self._forget()
        of_it = [one.there for one in self._pages.values() if one.there.connection == sip_user]
        newest = of_it[-MAX_OF_CONNECTION:]
        return tuple(BrowserPlace(there.page, browser_name(there.by)) for there in newest)

    def _forget(self) -> None:
        now = time.monotonic()
        for page in [page for page, one in self._pages.items() if one.until < now]:
            del self._pages[page]
