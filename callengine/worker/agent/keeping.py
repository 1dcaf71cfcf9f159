"""What a conversation keeps for a while. Pure."""

from collections import Counter, deque
from collections.abc import Iterator

from agents.formats import AudioFormat

KEPT_MS = 1000.0
"Of what the caller says before the agent is ready, the newest."
MAX_DIGITS = 32
MAX_ODD = 20
"Kinds of messages that are counted."


class KeptAudio:
    """What the caller said while nobody was ready to hear it."""

    def __init__(self, audio: AudioFormat) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._room = audio.bytes_of(KEPT_MS)

    def add(self, piece: bytes) -> None:
        """Keep a piece, and let go of the oldest that are too much."""
        self._pieces.append(piece)
        self._size += len(piece)
        while self._size > self._room:
            self._size -= len(self._pieces.popleft())

    def taken(self) -> Iterator[bytes]:
        """Yield what is kept, which it is then no more."""
        while self._pieces:
            yield self._pieces.popleft()
        self._size = 0


class KeptDigits:
    """The keys that the caller pressed while nobody was ready to be told of them."""

    def __init__(self) -> None:
        self._digits: deque[str] = deque(maxlen=MAX_DIGITS)

    def add(self, digit: str) -> None:
        """Keep a key; of too many, the newest."""
        self._digits.append(digit)

    def taken(self) -> list[str]:
        """Return what is kept, which it is then no more."""
        digits = list(self._digits)
        self._digits.clear()
        return digits


class OddMessages:
    """What an agent sent that was ignored: told once, and counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str) -> str:
        """Count one; return a sentence if it is the first of its kind."""
        is_new = what not in self._counts
        if is_new and len(self._counts) >= MAX_ODD:
            return ""
        self._counts[what] += 1
        return f"Ignored of what the agent sent: {what}." if is_new else ""

    def summary(self) -> str:
        """Return a sentence on what came more than once; empty if nothing did."""
        repeated = [f"{count} x {what}" for what, count in self._counts.items() if count > 1]
        return f"Ignored of what the agent sent: {', '.join(repeated)}." if repeated else ""
