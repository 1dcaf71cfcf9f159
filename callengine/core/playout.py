"""The queue of an agent's audio that waits to be played to the caller. Pure: a take is the clock.

Audio comes in pieces of any size, far faster than it is played, and leaves in frames of one length.
Whoever owns it takes a frame each `frame_ms`; that is what "played" means here.
"""

from collections import deque
from dataclasses import dataclass

from agents.formats import FRAME_MS, AudioFormat
from agents.loudness import is_loud
from callengine.core.lateness import Lateness

HOLDS_MS = 120_000
"So much may wait before the agent's socket is read no further."
RESUMES_MS = 110_000
"It is read again when no more than this waits."
REFUSED_ABOVE_MS = 4 * HOLDS_MS
"Only an owner that reads on regardless gets here: what is beyond is thrown away, and counted."
CUSHION_FRAMES = 2
"So many frames wait before the first is played, for an agent that sends in real time; or so long."
_BLOCK_BYTES = 4096
"Smaller pieces are gathered into blocks of this size, so that a piece of a byte costs a byte."
_ENTRY_BYTES = 256
"What a mark or an item is taken to weigh beside its name."


@dataclass(slots=True)
class _Item:
    """What one reply or item has in the queue: offsets into all audio ever queued."""

    name: str
    begins: int
    ends: int


class Playout:
    """One call's queue. `frame_ms` is how often a frame is taken, 10 to 60."""

    def __init__(self, audio: AudioFormat, *, frame_ms: int = FRAME_MS) -> None:
        self._audio = audio
        self.frame_ms = frame_ms
        self._holds, self._resumes, self._refused_above = (
            audio.bytes_of(ms) for ms in (HOLDS_MS, RESUMES_MS, REFUSED_ABOVE_MS)
        )
        self._blocks: deque[bytes | bytearray] = deque()
        self._at = 0
        "How much of the first block has been taken."
        self._added = self._taken = 0
        "Offsets into all audio ever queued; what was flushed counts as taken."
        self._aligned = 0
        "Where samples begin."
        self._thrown = 0
        self._items: deque[_Item] = deque()
        self._marks: deque[tuple[int, str]] = deque()
        self.reached: list[str] = []
        "Marks that were reached since `marks` was asked last."
        self._weight = 0
        "Of marks and items, in bytes."
        self._is_done = True
        self._is_playing = False
        self._waits = 0
        self._lateness = Lateness()
        self._was_quiet = False
        "Whether the last frame was silence; known while there is lateness."
        self.left_out_ms = 0.0
        "How much silence was not played, so that what came after it was not late."
        self.refused_bytes = 0

    @property
    def frame_ms(self) -> int:
        """How long a frame is; it may change while the call lasts."""
        return self._frame_ms

    @frame_ms.setter
    def frame_ms(self, frame_ms: int) -> None:
        self._frame_ms, self._frame_bytes = frame_ms, self._audio.bytes_of(frame_ms)

    # What the agent sends

    def add(self, audio: bytes, item: str = "") -> None:
        """Queue audio of an item (a reply's id, or nothing), any number of bytes."""
        if not audio:
            return
        if self._queued + self._weight > self._refused_above:
            self.refused_bytes += len(audio)
            return
        self._append(audio)
        self._is_done = False
        if item:
            self._note(item, len(audio))

    def mark(self, name: str) -> None:
        """Have `marks` say this name once all audio queued so far is played or thrown away."""
        if self._queued + self._weight > self._refused_above:
            return
        self._marks.append((self._added, name))
        self._weight += _ENTRY_BYTES + len(name)

    def reply_done(self) -> None:
        """Take that what is queued is all for now: the rest is padded and played without delay."""
        self._complete_sample()
        self._is_done = True

    def stalled(self, ms: float) -> None:
        """Take that no frame was taken for so long, though it was time to."""
        self._lateness.stalled(ms)

    def held(self, ms: float) -> None:
        """Take that nothing was taken for so long, as there was nobody to play it to."""
        self._lateness.held(ms)

    def flush(self) -> dict[str, float]:
        """Throw away all that waits; its marks are reached.

        Return how many ms had been played of each item of which something waited.
        """
        played: dict[str, float] = {}
        for item in self._items:
            if item.ends > self._taken:
                heard = self._ms(max(0, self._taken - item.begins))
                played[item.name] = played.get(item.name, 0.0) + heard
        self._thrown += self._queued
        self._taken = self._aligned = self._added
        self._blocks.clear()
        self._items.clear()
        self._at = self._waits = 0
        self._is_done, self._is_playing = True, False
        self._lateness.forget()
        self._reach()
        self._weight = 0
        return played

    # What is played

    def take(self) -> bytes | None:
        """Return the next frame, or None if silence is to be played in its place.

        The time of the frame before is over now: so are marks and items that ended with it.
        """
        if self._marks or len(self._items) > 1:
            self._reach()
        queued = self._added - self._taken
        if not queued or not (self._is_done or self._may_play(queued)):
            self._is_playing = False
            if self._is_done:
                self._lateness.forget()
            else:
                self._lateness.stalled(self._frame_ms)
            return None
        self._is_playing = True
        self._waits = 0
        wanted = self._frame_bytes
        size = min(wanted, self._added - self._taken)  # a sample may have been made whole
        frame = self._in_time(size) if self._lateness.late_ms else self._cut(size)
        self._taken += size
        self._lateness.played(self._frame_ms, self._ms(self._added - self._taken))
        if size < wanted:
            frame += self._audio.silence * ((wanted - size) // len(self._audio.silence))
        return frame

    def marks(self) -> list[str]:
        """Return the marks reached since this was asked last, in their order."""
        reached, self.reached = self.reached, []
        return reached

    # How much there is

    @property
    def is_full(self) -> bool:
        """Whether the agent's socket should be read no further."""
        return self._queued + self._weight >= self._holds

    @property
    def may_resume(self) -> bool:
        """Whether a socket that was read no further may be read again."""
        return self._queued + self._weight <= self._resumes

    @property
    def queued_ms(self) -> float:
        """How long what waits will take."""
        return self._ms(self._queued)

    @property
    def played_ms(self) -> float:
        """How much of the agent's audio has been played since the call began."""
        return self._ms(self._taken - self._thrown)

    @property
    def late_ms(self) -> float:
        """How much later what the agent sends in real time is played than before it stalled."""
        return self._lateness.late_ms

    @property
    def is_silent(self) -> bool:
        """Whether all that was queued has been played, the last frame's time included."""
        return not self._queued and not self._is_playing

    @property
    def _queued(self) -> int:
        return self._added - self._taken

    def _ms(self, size: int) -> float:
        return self._audio.ms_of(size)

    def _may_play(self, queued: int) -> bool:
        """Tell whether a frame of a reply under way may be taken: a whole one, or all that came."""
        wanted = self._frame_bytes * (1 if self._is_playing else CUSHION_FRAMES)
        if queued >= wanted:
            return True
        # A reply whose end nobody tells: nothing more came, so what there is gets played.
        self._waits += 1
        if self._waits <= CUSHION_FRAMES:
            return False
        self._complete_sample()
        return True

    def _complete_sample(self) -> None:
        """Fill up a sample of which only half came: what follows begins with a whole one."""
        size = len(self._audio.silence)
        if half := (self._added - self._aligned) % size:
            self._append(bytes(size - half))

    def _append(self, audio: bytes) -> None:
        self._added += len(audio)
        last = self._blocks[-1] if self._blocks else None
        if len(audio) >= _BLOCK_BYTES:
            self._blocks.append(bytes(audio))
        elif isinstance(last, bytearray) and len(last) < _BLOCK_BYTES:
            last += audio
        else:
            self._blocks.append(bytearray(audio))

    def _cut(self, size: int) -> bytes:
        block, end = self._blocks[0], self._at + size
        if end < len(block):
            piece, self._at = bytes(block[self._at : end]), end
            return piece
        pieces = []
        while size:
            block = self._blocks[0]
            piece = bytes(block[self._at : self._at + size])
            pieces.append(piece)
            size -= len(piece)
            self._at += len(piece)
            if self._at == len(block):
                self._blocks.popleft()
                self._at = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _in_time(self, size: int) -> bytes:
        """Cut the next frame; one of silence that follows on silence is left out before it."""
        frame = self._cut(size)
        is_quiet = not is_loud(frame, self._audio)
        if is_quiet and self._was_quiet and self._queued >= 2 * size:
            ms = self._ms(size)
            self._taken += size
            self._thrown += size
            self.left_out_ms += ms
            self._lateness.caught_up(ms)
            frame = self._cut(size)
            is_quiet = not is_loud(frame, self._audio)
        self._was_quiet = is_quiet
        return frame

    def _note(self, name: str, size: int) -> None:
        last = self._items[-1] if self._items else None
        if last is not None and last.name == name:
            last.ends = self._added
            return
        self._items.append(_Item(name, self._added - size, self._added))
        self._weight += _ENTRY_BYTES + len(name)

    def _reach(self) -> None:
        """Let go of the marks and items that end where the frames taken so far end."""
        while self._marks and self._marks[0][0] <= self._taken:
            name = self._marks.popleft()[1]
            self._weight -= _ENTRY_BYTES + len(name)
            self.reached.append(name)
        while len(self._items) > 1 and self._items[0].ends <= self._taken:
            self._weight -= _ENTRY_BYTES + len(self._items.popleft().name)
