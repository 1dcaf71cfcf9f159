"""Re-INVITEs of ours: to have both sides send one codec, or to suit another list.

Decides when to offer what again; the leg sends it.
"""

import time
import weakref
from collections.abc import Sequence
from typing import Protocol

from audiocodecs.negotiation import negotiate
from callengine.core.events import Event, LegMatched
from callengine.core.glare import Glare
from callengine.worker.legs.party import PartyError


class Reofferable(Protocol):
    """What is asked of a leg."""

    name: str
    allowed: tuple[str, ...]

    @property
    def offered(self) -> tuple[str, ...]:
        """The peer's list."""

    @property
    def has_audio(self) -> bool:
        """Whether it has agreed on audio."""

    def codec_in_use(self) -> str | None:
        """Return the codec agreed on, by the newest description."""

    def send_offer(self, codecs: tuple[str, ...]) -> None:
        """Send a re-INVITE; raises PartyError while another transaction is open."""

    def report(self, event: Event | None) -> None:
        """Report an event."""


class Reoffers:
    """The re-offers of one leg; `owner` is as in `Glare`."""

    def __init__(self, leg: Reofferable, *, owner: bool) -> None:
        # Not to keep it: pjsua2 gives a slot back as the call's object goes, which must be at once.
        self._leg: Reofferable = weakref.proxy(leg)
        self._glare = Glare(owner=owner)
        self.is_settled = False
        "Whether both sides send, or have been asked to send, the one codec our order chose."
        self.is_rematched = False
        "Whether `match` made us offer this leg another list."
        self._is_open = False
        "Whether a re-INVITE of ours has not been answered."
        self._wanted: tuple[str, ...] = ()
        "The list of a `match` that has not been sent."
        self._asked: tuple[str, ...] = ()
        "The list of a `match` whose re-INVITE has not been answered."
        self._again: tuple[str, ...] = ()
        "The list of a `match` that waits after a 491."

    def settle(self) -> bool:
        """Re-offer the one codec our order chooses if the peer's answer began with another.

        Returns whether a re-INVITE was sent; one that cannot be sent now is tried at the next call.
        """
        leg = self._leg
        if self.is_settled or not leg.has_audio or self._glare.again_at is not None:
            return False
        chosen = negotiate(leg.allowed, leg.offered).codec
        if len(leg.offered) < 2 or chosen is None or chosen == leg.offered[0]:
            self.is_settled = True
            return False
        try:
            self._offer((chosen,))
        except PartyError:
            return False
        self.is_settled = True
        return True

    def match(self, codecs: Sequence[str]) -> None:
        """Have the leg use a codec of this list, and report `LegMatched`; of the newest alone."""
        self._wanted, self._asked = tuple(codecs), ()
        self._try_match()

    def stop(self) -> None:
        """Repeat nothing that waits, and report nothing that is still to be answered."""
        self._wanted = self._again = self._asked = ()
        self._glare.over()

    def next_step(self) -> float | None:
        """Return when `step` is due (monotonic, seconds), or None."""
        return self._glare.again_at

    def step(self, now: float) -> None:
        """Repeat what met an offer of the peer's, or an open transaction."""
        if self._glare.due(now):
            if self._again:
                self._wanted, self._again = self._again, ()
            else:
                self._leg.report(None)  # whoever asked to settle asks again
        self._try_match()

    def answered(self, code: int) -> None:
        """Take the final response to a re-INVITE, once the leg has taken over its description."""
        if not self._is_open or code < 200:
            return
        self._is_open = False
        codecs, self._asked = self._asked, ()
        if code == 491 and self._glare.met(time.monotonic()):  # RFC 3261 section 14.1
            self._again, self.is_settled = codecs, bool(codecs)
            self._leg.report(None)
            return
        self._glare.over()
        if codecs:
            agreed = code < 300 and self._leg.codec_in_use() in codecs
            self._leg.report(LegMatched(self._leg.name, agreed, code))

    def _try_match(self) -> None:
        if not self._wanted:
            return
        codecs, leg = self._wanted, self._leg
        if leg.codec_in_use() in codecs:
            self._wanted = ()
            leg.report(LegMatched(leg.name, True, 200))
            return
        chosen = negotiate(codecs, leg.offered).codec
        try:
            self._offer(codecs if chosen is None else (chosen,))
        except PartyError:
            return
        # Of several the peer may answer with more than one; of one it cannot.
        self.is_settled, self.is_rematched = chosen is not None, True
        self._wanted, self._asked = (), codecs

    def _offer(self, codecs: tuple[str, ...]) -> None:
        self._leg.send_offer(codecs)
        self._is_open = True
