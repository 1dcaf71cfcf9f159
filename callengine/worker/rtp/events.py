"""Keys from telephone-events (RFC 4733). Pure.

An event is told by several packets of one timestamp, the last one three times; any of them may be
lost, the first with its marker too. So a new timestamp is a new press, the same key or another.
Packets come here in the order of their numbers.
"""

from dataclasses import dataclass

from callengine.worker.rtp.packets import TIMESTAMPS, signed

DIGITS = "0123456789*#ABCD"
"Events 0 to 15 (RFC 4733 section 3.2); others are tones and flashes."
EVENT_BYTES = 4
LONGEST = 0xFFFF
"A longer press goes on in an event of its own (section 2.5.1.3)."


@dataclass(slots=True)
class TelephoneEvents:
    """One stream's events."""

    _event: int = -1
    _timestamp: int | None = None
    _ended: bool = True
    _duration: int = 0

    def take(self, payload: bytes, timestamp: int) -> str:
        """Return the key that this packet tells of for the first time, or an empty string."""
        if len(payload) < EVENT_BYTES:
            return ""
        event, ended = payload[0], bool(payload[1] & 0x80)
        duration = int.from_bytes(payload[2:4])
        if timestamp == self._timestamp:
            self._ended, self._duration = self._ended or ended, max(self._duration, duration)
            return ""
        goes_on = event == self._event and self._continues(timestamp, duration, ended=ended)
        self._event, self._timestamp = event, timestamp
        self._ended, self._duration = ended, duration
        return "" if goes_on or event >= len(DIGITS) else DIGITS[event]

    def restart(self) -> None:
        """Forget what was: another stream begins."""
        self._timestamp, self._ended = None, True

    def _continues(self, timestamp: int, duration: int, *, ended: bool) -> bool:
        """Tell whether an event of the same key is the one before it, going on.

        It is where it begins where the longest that a packet can tell has ended; or where it is
        told as longer than before, from within that time: some senders move the timestamp with
        each packet, where section 2.5.1.2 has it stay.
        """
        if self._timestamp is None:
            return False
        step = signed(timestamp - self._timestamp, TIMESTAMPS)
        if duration > self._duration and 0 < step <= duration and ended >= self._ended:
            return True
        is_longest = self._duration > LONGEST * 9 // 10
        return is_longest and not self._ended and 0 < step <= LONGEST + self._duration // 10
