"""What a browser's page and the engine say to each other over one socket, as frames. Pure.

A frame is a kind (one byte), a length (two bytes, big endian) and so many bytes. Sound is 16-bit
little-endian PCM, one channel, 20 ms a frame.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

SOUND_RATE_HZ = 16000
FRAME_MS = 20
FRAME_BYTES = SOUND_RATE_HZ * FRAME_MS // 1000 * 2
MAX_FRAME_BYTES = 2048
HEAD_BYTES = 3
PCM = "PCM 16 kHz"
"As people read it."
BROWSER_OF = "Browser of "
"How the name of a browser begins, as records have it."
WATCHED = 100
"Frames that are played before what waits needlessly is judged."
DIGITS = frozenset("0123456789*#ABCD")


class FrameKind(IntEnum):
    """What a frame holds."""

    SOUND = 1
    STATE = 2
    "From the engine: `PhoneState` as JSON."
    ANSWER = 3
    HANG_UP = 4
    DIGIT = 5
    LEFT = 6
    "What a caller says, for who listens; `RIGHT` is the callee."
    RIGHT = 7


class SoundError(ValueError):
    """Bytes that are no frames."""


def frame(kind: FrameKind, data: bytes = b"") -> bytes:
    """Return a frame as it is written."""
    if len(data) > MAX_FRAME_BYTES:
        raise SoundError(f"a frame of {len(data)} bytes is too long")
    return bytes((kind,)) + len(data).to_bytes(2, "big") + data


def state_frame(state: str, *, code: int = 0, text: str = "") -> bytes:
    """Return the frame that tells a page how its call stands."""
    said: dict[str, Any] = {"state": state, "code": code, "text": text[:500]}
    return frame(FrameKind.STATE, json.dumps(said).encode())


class Frames:
    """Takes bytes as they come, and gives whole frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def take(self, data: bytes) -> Iterator[tuple[FrameKind, bytes]]:
        """Yield the frames that are whole by now. Raises SoundError for what is none."""
        self._rest += data
        while len(self._rest) >= HEAD_BYTES:
            length = int.from_bytes(self._rest[1:HEAD_BYTES], "big")
            if length > MAX_FRAME_BYTES:
                raise SoundError(f"a frame of {length} bytes is too long")
            try:
                kind = FrameKind(self._rest[0])
            except ValueError:
                raise SoundError(f"there is no frame of kind {self._rest[0]}") from None
            if len(self._rest) < HEAD_BYTES + length:
                return
            whole = bytes(self._rest[HEAD_BYTES : HEAD_BYTES + length])
            del self._rest[: HEAD_BYTES + length]
            yield kind, whole


@dataclass(slots=True)
class Cushion:
    """Frames that wait to be played, as many as the network's unevenness asks for.

    It begins to give once `begins_at` wait; what waits needlessly for `WATCHED` takes is given up
    a frame at a time, so that neither a burst nor clocks that differ become lasting delay.
    """

    begins_at: int = 3
    most: int = 25
    _frames: deque[bytes] = field(default_factory=deque)
    _plays: bool = False
    _takes: int = 0
    _least: int = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, one: bytes) -> None:
        """Keep a frame; beyond `most` the oldest are dropped."""
        if len(self._frames) >= self.most:
            for _ in range(len(self._frames) - self.begins_at):
                self._frames.popleft()
        self._frames.append(one)

    def take(self) -> bytes | None:
        """Return the next frame; None: silence."""
        waiting = len(self._frames)
        if not self._plays:
            if waiting < self.begins_at:
                return None
            self._plays, self._takes, self._least = True, 0, waiting
        if not waiting:
            self._plays = False
            return None
        self._watch(waiting)
        return self._frames.popleft()

    def _watch(self, waiting: int) -> None:
        self._takes += 1
        self._least = min(self._least, waiting)
        if self._takes >= WATCHED:
            if self._least > self.begins_at:
                self._frames.popleft()
            self._takes, self._least = 0, waiting
