"""Which two legs of a call hear each other, and which one hears it ring."""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from callengine.worker.legs.party import AgentParty, Party, PartyError, Waiting

logger = logging.getLogger(__name__)


class Bridging:
    """Joins two legs as soon as both have audio; `legs` are the call's, by name.

    `note(kind, leg, text)` writes a line of the timeline.
    """

    def __init__(self, legs: Mapping[str, Party], note: Callable[[str, str, str], None]) -> None:
        self._legs = legs
        self._note = note
        self._waiting: str | None = None
        "Who hears it ring."
        self.leg: str | None = None
        "Who is joined with the caller, or with another that a transfer left."
        self._other = "A"

    @property
    def pair(self) -> tuple[str | None, str]:
        """Who hears whom."""
        return self.leg, self._other

    @property
    def rings(self) -> bool:
        """Whether somebody hears it ring."""
        return self._waiting is not None

    def bridge(self, name: str, other: str) -> None:
        """Have these two hear each other, and nobody else."""
        if (self.leg, self._other) != (name, other):
            self._part()
        self._stop_ringing()
        self.leg, self._other = name, other
        self.connect()

    def let_hear_ringing(self, name: str) -> None:
        """Have one hear it ring, and nobody else but an agent it talks to."""
        if self._agent() is None:
            self._part()
        self._waiting = name
        self.connect()

    def connect(self) -> None:
        """Join who is to hear whom, once there is audio; again does no harm."""
        self._ring_back()
        other, leg = self._legs.get(self._other), self._legs.get(self.leg or "")
        if other is None or leg is None or not (other.has_audio and leg.has_audio):
            return
        try:
            leg.join(other)
        except PartyError as error:
            self._note("bridge-failed", leg.name, f"The legs were not connected: {error}")

    def _agent(self) -> Party | None:
        """Return the agent that is to be heard, if it is still there."""
        leg = self._legs.get(self.leg or "")
        return leg if isinstance(leg, AgentParty) and not leg.ended else None

    def _ring_back(self) -> None:
        """Let who waits hear ringing: from its agent, or by itself without one."""
        if self._waiting is None:
            return
        agent, waiting = self._agent(), self._legs.get(self._waiting)
        for party in (agent, waiting):
            if isinstance(party, Waiting):
                attempt(partial(party.ring_back, is_on=party is (agent or waiting)))

    def _stop_ringing(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            for party in (self._legs.get(self.leg or ""), self._legs.get(waiting)):
                if isinstance(party, Waiting):
                    attempt(partial(party.ring_back, is_on=False))

    def _part(self) -> None:
        self._stop_ringing()
        leg, other = self._legs.get(self.leg or ""), self._legs.get(self._other)
        self.leg = None
        if leg is None or other is None:
            return
        if leg.has_audio and other.has_audio:  # else it has left already
            attempt(partial(leg.part, other))


def attempt(action: Callable[[], object]) -> None:
    """Ask for something that is refused when the peer was quicker (a crossing BYE, say)."""
    try:
        action()
    except PartyError as error:
        logger.info("a leg refused: %s", error)
