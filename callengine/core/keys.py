"""Which reports about telephone-events (RFC 4733) are new presses of a key. Pure."""

from dataclasses import dataclass

LONGEST = 0xFFFF
"The longest duration a packet can tell; a longer press goes on in another event."


@dataclass(slots=True)
class KeyPresses:
    """Count each press once, and a repeated key twice."""

    _digit: str = ""
    _ended: bool = True
    _duration_ms: float = 0.0
    _packet: tuple[int, int] | None = None

    def is_new(
        self,
        digit: str,
        *,
        duration_ms: float,
        is_update: bool,
        is_end: bool,
        clock_rate_hz: int,
        packet: tuple[int, int] | None = None,
    ) -> bool:
        """Tell whether a report begins a press.

        `is_update` is pjmedia's word: the same key, lasting longer than in the report before.
        That is also how a second press looks whose first packets were lost, after the end of the
        first. A press held past what a packet can tell goes on, without an end, in a new event
        (RFC 4733 section 2.5.1.3).

        `packet`, if that is known, is SSRC and timestamp of the report's: all packets of an event
        have one. A pjmedia_stream that begins in the midst of a press reports it as if it were new.
        """
        same = digit == self._digit
        again = same and packet is not None and packet == self._packet
        again = again and duration_ms >= self._duration_ms
        goes_on = same and not self._ended and self._duration_ms > _nearly_longest(clock_rate_hz)
        new = (is_update and self._ended) or (not is_update and not goes_on)
        self._digit, self._ended, self._duration_ms = digit, is_end, duration_ms
        self._packet = packet
        return new and not again


def _nearly_longest(clock_rate_hz: int) -> float:
    return 0.9 * LONGEST * 1000 / clock_rate_hz
