"""Whether a party's packets are shorter than what can be heard. Pure: time is an argument."""

from dataclasses import dataclass

SECONDS = 3
"Looks one after the other, before it is told: what was held up comes faster for a moment."
_AT_LEAST = 1.2
"Times as many packets as the shortest that are heard would be."


@dataclass(slots=True)
class PacketRate:
    """What has come of one party, looked at about once a second."""

    _received: int = 0
    _at: float | None = None
    _looks: int = 0
    _is_told: bool = False

    def take(self, received: int, *, now: float, least_ms: int) -> bool:
        """Take how many packets have come by now (seconds); tell, once, that they are too short.

        Those of less than `least_ms` are not heard; 0: all are.
        """
        before, self._received = self._received, received
        at, self._at = self._at, now
        if not least_ms or at is None or now <= at:
            self._looks = 0
            return False
        is_fast = (received - before) / (now - at) > _AT_LEAST * 1000 / least_ms
        self._looks = self._looks + 1 if is_fast else 0
        if self._looks < SECONDS or self._is_told:
            return False
        self._is_told = True
        return True
