"""The numbers of packets that leave (RFC 3550 section 5.1). Pure: `now` is in seconds."""

import struct
from dataclasses import dataclass, field

from callengine.worker.rtp.packets import SEQUENCES, TIMESTAMPS

PAUSE_S = 0.25
"""Nothing sent for so long is a pause: the timestamp goes on with time, and a talkspurt begins.

What is sent sooner makes up for it, packet by packet, but for what is said to be `left_out`."""

_HEADER = struct.Struct("!BBHII")
_MARKER = 0x80
"That a talkspurt begins."


@dataclass(slots=True)
class RtpSender:
    """One stream. `sequence` and `timestamp` are those of the next packet, random at first."""

    ssrc: int
    payload_type: int
    clock_hz: int
    sequence: int
    timestamp: int
    packets: int = 0
    octets: int = 0
    "Of payloads alone, as a sender report tells them."
    _sent_at: float | None = field(default=None)
    _frame_ticks: int = 0
    _begins: bool = field(default=False)
    "Whether the next packet begins a talkspurt: it is after a gap."

    def packet(self, payload: bytes, ticks: int, now: float) -> bytes:
        """Return the next packet; `ticks` is how long its payload lasts."""
        second, sent_at = self.payload_type, self._sent_at
        is_late = sent_at is None or now - sent_at >= PAUSE_S
        if (is_late and self._begins_talkspurt(now)) or self._begins:
            second |= _MARKER
        self._begins = False
        head = _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc)
        self.sequence = (self.sequence + 1) % SEQUENCES
        self.timestamp = (self.timestamp + ticks) % TIMESTAMPS
        self.packets += 1
        self.octets += len(payload)
        self._sent_at, self._frame_ticks = now, ticks
        return head + payload

    def left_out(self, seconds: float) -> None:
        """Take that for so long nothing was sent of what was to be, and will not be.

        A receiver whose buffer is fixed would else find all that follows too late.
        """
        if self._sent_at is None or not self._frame_ticks:
            return
        frames = round(seconds * self.clock_hz) // self._frame_ticks
        self._go_on(frames)
        self._sent_at += frames * self._frame_ticks / self.clock_hz
        self._begins = True

    def timestamp_at(self, now: float) -> int:
        """Return what the clock of the stream says now, for a sender report."""
        if self._sent_at is None:
            return self.timestamp
        since = int((now - self._sent_at) * self.clock_hz)
        return (self.timestamp - self._frame_ticks + since) % TIMESTAMPS

    def _begins_talkspurt(self, now: float) -> bool:
        if self._sent_at is None:
            return True
        pause_s = now - self._sent_at - self._frame_ticks / self.clock_hz
        if pause_s < PAUSE_S:
            return False
        # In whole frames, so that a receiver's frames stay where they were.
        frames = int(pause_s * self.clock_hz) // (self._frame_ticks or 1)
        self._go_on(frames)
        return True

    def _go_on(self, frames: int) -> None:
        self.timestamp = (self.timestamp + frames * self._frame_ticks) % TIMESTAMPS
