"""Streams of RTP as they come: which frames are late, and which are lost."""

from collections import defaultdict
from dataclasses import dataclass, field

NS = 1_000_000_000
LATE_NS = 20_000_000
"One packet's time after it was due."
WINDOW_NS = 2 * NS
STEPS_MS = (20, 40, 60, 100, 200)


class Due:
    """When what comes regularly is due: as the earliest of the last two to four seconds came."""

    __slots__ = ("_before", "_least", "_until")

    def __init__(self) -> None:
        self._before = self._least = 1 << 62
        self._until = 0

    def late_ns(self, offset_ns: int, at_ns: int) -> int:
        """Return by how much one is late whose coming is `offset_ns` after its own clock."""
        if at_ns >= self._until:
            self._before, self._least = self._least, offset_ns
            self._until = at_ns + WINDOW_NS
        elif offset_ns < self._least:
            self._least = offset_ns
        return offset_ns - min(self._least, self._before)


@dataclass
class Second:
    """The late frames of one second."""

    late: int = 0
    with_us: int = 0
    ports: set[int] = field(default_factory=set)
    "Where they came from: the product's, one for each stream."

    def add(self, other: "Second") -> None:
        self.late += other.late
        self.with_us += other.with_us
        self.ports |= other.ports


@dataclass
class Tally:
    """What came of the frames of one direction of one kind of call."""

    frames: int = 0
    late: int = 0
    late_with_us: int = 0
    "Of these, those that came while we ourselves were late."
    lost: int = 0
    due: int = 0
    "Frames of streams that are over, by the time from their first to their last."
    came: int = 0
    "Frames of streams that are over."
    longest_ns: int = 0
    steps: list[int] = field(default_factory=lambda: [0] * len(STEPS_MS))
    "Frames later than each of STEPS_MS."
    matched: int = 0
    "Relayed frames that were known again."
    held: int = 0
    "Of these, those that took a packet's time longer than the quickest, from when they were sent."
    longest_held_ns: int = 0
    seconds: dict[int, Second] = field(default_factory=lambda: defaultdict(Second))
    "By Unix time."
    begun: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    "Streams that began, by Unix time in seconds."

    def note_late(self, late_ns: int, at_ns: int, port: int, *, with_us: bool) -> None:
        self.late += 1
        self.late_with_us += with_us
        self.longest_ns = max(self.longest_ns, late_ns)
        for index, step_ms in enumerate(STEPS_MS):
            self.steps[index] += late_ns > step_ms * 1_000_000
        self.seconds[at_ns // NS].add(Second(1, int(with_us), {port}))


class Stream:
    """Both ways of one leg: what comes from the product, and what goes back there."""

    __slots__ = (
        *("clock_hz", "due", "first_ns", "frames", "last_ns", "payload_type", "sequence", "source"),
        *("at", "held", "sent", "sent_at", "time", "timestamp"),
    )

    def __init__(self, source: int, payload_type: int, clock_hz: int) -> None:
        self.source = source
        "Its SSRC."
        self.payload_type, self.clock_hz = payload_type, clock_hz
        self.due, self.held = Due(), Due()
        self.sequence, self.timestamp, self.time = -1, 0, 0
        self.first_ns = self.last_ns = 0
        self.frames = 0
        self.sent = self.sent_at = 0
        "Sequence number and timestamp of what goes."
        self.at = 0
        "Its SSRC."

    def late_ns(self, sequence: int, timestamp: int, at_ns: int) -> tuple[int, int]:
        """Take a packet; return by how much it is late, and how many are missing before it."""
        missing = 0
        if self.sequence < 0:
            self.first_ns, self.sequence, self.timestamp = at_ns, sequence, timestamp
        step = sequence - self.sequence & 0xFFFF
        if 0 < step < 0x8000:
            missing, self.sequence = step - 1, sequence
        elif step:
            missing = -1  # it was counted as missing
        gone = (timestamp - self.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        self.time += gone
        self.timestamp = timestamp
        self.last_ns = at_ns
        self.frames += 1
        return self.due.late_ns(at_ns - self.time * NS // self.clock_hz, at_ns), missing
