"""What the engine is told of a call's legs: each fact once, and of each leg once in a turn."""

import time
from collections.abc import Callable, Mapping

from callengine.core.control.calls import LegFacts, TimelineNote
from callengine.core.events import Event
from callengine.core.mediawords import encrypted
from callengine.core.parties import CALLER
from callengine.worker.call.legstates import LegStates
from callengine.worker.legs.party import Party


class LegReports:
    """Of the `legs` of one call, which are added to while it lasts."""

    def __init__(
        self, legs: Mapping[str, Party], send: Callable[[LegFacts | TimelineNote], None]
    ) -> None:
        self._legs = legs
        self._send = send
        self._states = LegStates()
        self._sent: dict[str, LegFacts] = {}
        self._changed: dict[str, Party] = {}
        "Legs of which something may have to be told."
        self._audible = {CALLER}
        "Legs whose audio the other party has heard: only theirs are the call's codecs."

    def hear(self, event: Event) -> None:
        """Take what a leg reports."""
        self._states.hear(event)

    def told_caller(self, code: int) -> None:
        """Take what the caller is answered."""
        self._states.told_caller(code)
        self.changed(self._legs[CALLER])

    def audible(self, leg: str) -> None:
        """Take that the other party hears the leg from now on."""
        self._audible.add(leg)

    def changed(self, leg: Party) -> None:
        """Look at the leg at the next `tell`."""
        self._changed[leg.name] = leg

    def tell(self) -> None:
        """Tell of each leg that something happened to."""
        changed, self._changed = self._changed, {}
        for leg in changed.values():
            self._tell_of(leg)

    def tell_last(self) -> None:
        """Tell of all legs: the call is over."""
        self._changed = dict(self._legs)
        self.tell()

    def _tell_of(self, leg: Party) -> None:
        media = leg.media if leg.name in self._audible else None
        facts = LegFacts(
            name=leg.name,
            call_id=leg.sip_call_id,
            user_agent=leg.user_agent,
            offered=leg.offered,
            allowed=leg.allowed,
            codec=media.codec if media else None,
            payload_type=media.payload_type if media and media.codec else None,
            remote=media.remote if media else "",
            encryption=media.encryption if media else "",
            state="ended" if leg.ended else self._states.of(leg.name),
        )
        before = self._sent.get(leg.name)
        if before != facts:
            self._sent[leg.name] = facts
            self._send(facts)
            if (words := encrypted(before, facts, keys_readable=leg.keys_readable)) is not None:
                self._send(TimelineNote("encryption", leg.name, words, time.time()))
