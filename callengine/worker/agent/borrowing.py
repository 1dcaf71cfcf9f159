"""The caller's media, borrowed by an agent's thread: the end of it on the call's own thread."""

import threading
import time
from collections.abc import Callable

from callengine.worker.agent.calleraudio import CallerAudio, Formats
from callengine.worker.agent.callermedia import CallerMedia, Terms
from callengine.worker.agent.callerpage import CallerPage
from callengine.worker.agent.loop import AgentLoop
from callengine.worker.legs.lending import Lender, LentMedia
from callengine.worker.legs.party import Counters
from callengine.worker.legs.soundline import SoundLine
from callengine.worker.rtpguard.rules import Seen
from callengine.worker.rtpguard.sending import Hold

GIVE_BACK_WITHIN_S = 0.2


class Borrowing:
    """What one agent has borrowed (see `Borrower`)."""

    def __init__(self, loop: AgentLoop) -> None:
        self._loop = loop
        self._terms = Terms()
        self._lender: Lender | None = None
        self._media: LentMedia | SoundLine | None = None

    def borrow_from(self, lender: Lender) -> None:
        """Borrow, or heed what has changed; raises PartyError."""
        media = lender.lend(self)
        if lender is self._lender and media == self._media:
            return
        descriptors = lender.descriptors()
        self._lender, self._media = lender, media
        terms = self._terms

        def make(formats: Formats, digit: Callable[[str], None], now: float) -> CallerAudio:
            if isinstance(media, SoundLine):
                return CallerPage(media, *descriptors, formats=formats, now=now)
            return CallerMedia(media, descriptors, terms, formats=formats, digit=digit, now=now)

        self._loop.post(lambda now: self._loop.borrow(make, descriptors, now))

    def end(self) -> None:
        """Give back what is borrowed; again does no harm."""
        if self._lender is not None:
            self._lender.take_back()  # which asks us to

    def give_back(self) -> None:
        """Let go of the media: nothing is read from it or written once this returns."""
        self._lender = self._media = None
        done = threading.Event()

        def let_go(now: float) -> None:
            self._loop.let_go(now)
            done.set()

        self._loop.post(let_go)
        if self._loop.is_alive():
            done.wait(GIVE_BACK_WITHIN_S)
        self._terms = Terms()

    def hold(self, why: Hold | None) -> None:
        """Send no RTP for this reason, or send again."""
        self._terms.held = why

    def pause(self, *, is_paused: bool) -> None:
        """Neither send nor listen, or go on."""
        self._terms.is_paused = is_paused

    def seen(self) -> Seen | None:
        """Return what has been received, for the guard."""
        caller = self._loop.caller
        return caller.seen() if caller is not None else None

    def packets(self) -> int:
        """Return how many RTP packets have been received."""
        counters = self.counters()
        return counters.received if counters is not None else 0

    def level(self) -> float | None:
        """Return how loud the caller is."""
        return self._loop.heard.level(time.monotonic()) if self._loop.caller is not None else None

    def counters(self) -> Counters | None:
        """Return the counters of the caller's RTP."""
        caller = self._loop.caller
        return caller.counters() if caller is not None else None
