"""What parties have in common that no INVITE goes to: nothing is agreed on with them."""

from collections.abc import Sequence

from callengine.core.events import Event
from callengine.worker.legs.party import Counters, MediaFacts, PartyError


class InnerParty:
    """A callee that is reached inside this engine: it has no codecs, no timers and no RTP."""

    allowed: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    sip_call_id = ""
    user_agent = ""
    is_rematched = False
    keys_readable = False
    guard = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.media: MediaFacts | None = None
        self.ended = False

    def respond(self, code: int) -> None:
        """Never asked: it calls nobody."""
        raise PartyError(f"{self.name}, which calls nobody, was to be answered with {code}")

    def prefer(self, codec: str) -> None:
        """Nothing is agreed on with it."""

    def settle(self) -> bool:
        """Nothing is agreed on with it."""
        return False

    def match(self, codecs: Sequence[str]) -> None:
        """Nothing is agreed on with it."""

    def stop_matching(self) -> None:
        """Nothing is agreed on with it."""

    def next_step(self) -> float | None:
        """It needs no call of `step`."""
        return None

    def step(self, now: float) -> None:
        """There is nothing to do."""

    def look(self) -> None:
        """There is no RTP of it."""

    def counters(self) -> Counters | None:
        """There is no RTP of it."""
        return None

    def explained(self, event: Event) -> Event:
        """There is nothing to add."""
        return event
