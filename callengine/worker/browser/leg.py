"""A leg that is a browser, as the runner asks for things (see `Party`)."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import pjsua2 as pj

from callengine.core.control.browsers import BrowserWanted
from callengine.core.control.calls import TimelineNote
from callengine.core.events import (
    DigitReceived,
    Event,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegMatched,
    LegProgress,
)
from callengine.core.orders import LegOrder
from callengine.core.parties import CALLER
from callengine.core.sounds import DIGITS, PCM, FrameKind
from callengine.worker.browser.link import BrowserLink
from callengine.worker.browser.port import BrowserPort, take_port
from callengine.worker.legs.innerparty import InnerParty
from callengine.worker.legs.lending import Borrower
from callengine.worker.legs.levels import loudness
from callengine.worker.legs.party import MediaFacts, Party, PartyError, Post
from callengine.worker.legs.soundline import SoundLine
from callengine.worker.sip.leg import Bridged
from sip.phrases import PHRASES

CONNECTS_WITHIN_S = 8.0


class BrowserLeg(InnerParty):
    """A browser that calls, or is called; its sound is on the bridge, unless it is lent."""

    def __init__(
        self,
        order: LegOrder,
        *,
        run_bridge: Callable[[], None],
        wake: Callable[[], None],
        post: Post,
    ) -> None:
        """`wake` ends the wait of the call's thread."""
        assert order.browser is not None
        super().__init__(order.name)
        self.user_agent = order.browser.name
        self._run_bridge, self._wake, self._post = run_bridge, wake, post
        self._port: BrowserPort | None = None
        self._link: BrowserLink | None = None
        self._line: SoundLine | None = None
        self._borrower: Borrower | None = None
        self._is_up = False
        "Whether it has answered, or been answered."
        self._stands = "calling" if order.name == CALLER else "ringing"
        "What its page was told last, or is told once it is there."
        self._connects_by: float | None = time.monotonic() + CONNECTS_WITHIN_S

    @property
    def has_audio(self) -> bool:
        """Whether it can be joined with another: its page is there."""
        return self._link is not None and not self.ended

    # Doing

    def dial(self) -> None:
        """Have its page ring."""
        self._post(self, BrowserWanted(self.name))

    def respond(self, code: int) -> None:
        """Tell the page that calls how far that has come."""
        if code >= 200:
            self._is_up = True
        self._tell("answered" if code >= 200 else "early" if code == 183 else "ringing")

    def end(self, code: int, reason: str) -> None:
        """Tell the page, and end at once."""
        if self.ended:
            return
        self.ended = True
        self._connects_by = None
        if self._link is not None:
            self._link.tell("ended", code=code or 200)
            if self.name != CALLER:  # a caller is told why, too
                self._link.close()
        self._post(self, LegEnded(self.name, code or 200, "", by_peer=False))

    def told_why(self, text: str) -> None:
        """Tell the page that called why its call is over: the last it is told."""
        if self._link is not None:
            self._link.tell("why", text=text)
            self._link.close()

    def attached(self, descriptor: int) -> None:
        """Take the page's socket as its own, and tell it how the call stands by now.

        A second one is closed.
        """
        if self._link is not None or self.ended:
            os.close(descriptor)
            return
        self._connects_by = None
        self._port = take_port()
        self._port.failed = self._failed
        self._link = BrowserLink(descriptor, heard=self._heard, lost=self._lost)
        self._port.hears = self._link.sound
        self._tell(self._stands)  # before anything is heard of it, which may change that
        self._link.start()
        self.media = MediaFacts(None, 0, PCM)
        is_caller = self.name == CALLER
        self._post(self, None if is_caller else LegProgress(self.name, 180, early_media=False))

    def audio(self) -> Any:
        """Return its port on the bridge, a pjsua2.AudioMedia."""
        if self._port is None:
            raise PartyError("its page is not connected")
        return self._port

    def level(self) -> float | None:
        """Return how loud it is, as the bridge's meter says, or whoever borrowed it."""
        if not self.has_audio or self._port is None:
            return None
        if self._borrower is not None:
            return self._borrower.level()
        try:
            return loudness(self._port.getTxLevel())
        except pj.Error:
            return None

    def join(self, other: Party) -> None:
        """Let both hear each other over the bridge; again does no harm."""
        ours, theirs = self._ways(other)
        self._run_bridge()
        try:
            theirs.startTransmit(ours)
            ours.startTransmit(theirs)
        except pj.Error as error:
            raise PartyError(error.reason) from error

    def part(self, other: Party) -> None:
        """Undo `join`."""
        ours, theirs = self._ways(other)
        try:
            theirs.stopTransmit(ours)
            ours.stopTransmit(theirs)
        except pj.Error as error:
            raise PartyError(error.reason) from error

    def _ways(self, other: Party) -> tuple[Any, Any]:
        if not isinstance(other, Bridged):
            raise PartyError(f"the audio of {other.name} is not on the bridge")
        return self.audio(), other.audio()

    # Lending

    def lend(self, borrower: Borrower) -> SoundLine:
        """Have another take what the page says, and say what it hears."""
        if self._link is None or self.ended:
            raise PartyError("its page is not connected")
        if self._borrower is not borrower or self._line is None:
            self.take_back()
            self._borrower, self._line = borrower, SoundLine(self._link.sound)
        return self._line

    def descriptors(self) -> tuple[int]:
        """Return a new descriptor of what tells that sound waits."""
        if self._line is None:
            raise PartyError("its sound is not lent")
        return (self._line.descriptor(),)

    def take_back(self) -> None:
        """Have its sound on the bridge again."""
        borrower, self._borrower = self._borrower, None
        if borrower is not None:
            borrower.give_back()
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def ring_back(self, *, is_on: bool) -> None:
        """Have the page play ringing, or no more."""
        self._tell("ringing" if is_on else "answered")

    def send_digit(self, digit: str) -> None:
        """Take no keys: a browser has no use for them."""
        raise PartyError("a browser takes none")

    def match(self, codecs: Sequence[str]) -> None:
        """Agree: PCM is on no list, and is decoded from whatever the other leg has."""
        self._post(self, LegMatched(self.name, agreed=True, code=200))

    # Time

    def next_step(self) -> float | None:
        """Return until when its page is waited for."""
        return self._connects_by

    def step(self, now: float) -> None:
        """Give up on a page that does not come; have all back once the leg has ended."""
        if self._connects_by is not None and now >= self._connects_by and not self.ended:
            self._connects_by = None
            self._note(f"Its page did not connect within {CONNECTS_WITHIN_S:g} s.")
            self._leave(480)
        if self.ended:
            self.take_back()
            self._give_port_back()

    def _give_port_back(self) -> None:
        """Free its place on the bridge, which has few: a call may ring browsers again and again."""
        port, self._port = self._port, None
        if port is not None:
            port.give_back()

    # What the page says: on the link's thread

    def _heard(self, kind: FrameKind, content: bytes) -> None:
        match kind:
            case FrameKind.SOUND:
                self._said(content)
            case FrameKind.ANSWER:
                self._answered()
            case FrameKind.HANG_UP:
                self._leave(200 if self._is_up else 487 if self.name == CALLER else 486)
            case FrameKind.DIGIT:
                digit = content.decode("ascii", "replace")
                if digit in DIGITS:
                    self._report(DigitReceived(self.name, digit))
            case FrameKind.STATE:
                pass  # ours alone

    def _said(self, sound: bytes) -> None:
        line, port = self._line, self._port
        if self.ended:
            return
        if line is not None:
            line.put(sound)
        elif port is not None:
            port.play(sound)

    def _answered(self) -> None:
        if self.name != CALLER and not self._is_up and not self.ended:
            self._is_up = True
            self._tell("answered")
            self._report(LegAnswered(self.name))

    def _lost(self, why: str) -> None:
        """Take that the page is gone."""
        if not self.ended:
            self._note(f"The browser is gone: {why}.")
            self._leave(200 if self._is_up else 487 if self.name == CALLER else 480)

    def _leave(self, code: int) -> None:
        if self.ended:
            return
        self.ended = True
        if self._link is not None:
            self._link.tell("ended", code=code)
            self._link.close()
        self._report(LegEnded(self.name, code, PHRASES[code], by_peer=True))

    def _tell(self, state: str) -> None:
        self._stands = state
        if self._link is not None:
            self._link.tell(state)

    def _note(self, text: str) -> None:
        self._post(self, TimelineNote("browser", self.name, text, time.time()))

    def _report(self, event: Event) -> None:
        self._post(self, event)
        self._wake()

    def _failed(self, callback: str) -> None:
        self._report(LegFailed(self.name, callback))

    def release(self) -> None:
        """Let go of the socket and of the port, which the process keeps."""
        self.ended = True
        self.take_back()
        if self._link is not None:
            self._link.stop()
        self._give_port_back()
