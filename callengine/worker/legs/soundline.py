"""A browser's sound between the thread that reads its page and another that has borrowed it."""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable

MOST_WAITING = 50
"Frames of 20 ms that nobody takes: of more the oldest are dropped."


class SoundLine:
    """Frames as `core.sounds` has them, both ways. From any thread, but for `close`."""

    def __init__(self, play: Callable[[bytes], None]) -> None:
        """`play` takes what the page is to hear, from any thread."""
        self.play = play
        self._frames: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._lock = threading.Lock()
        self._tells: int | None = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def put(self, frame: bytes) -> None:
        """Take what the page says."""
        with self._lock:
            if self._tells is not None:
                self._frames.append(frame)
                os.eventfd_write(self._tells, 1)

    def take(self) -> list[bytes]:
        """Return what the page has said since."""
        with self._lock:
            if self._tells is not None:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._tells)
            frames = list(self._frames)
            self._frames.clear()
        return frames

    def descriptor(self) -> int:
        """Return a new descriptor, for whoever asks to close: readable while something waits."""
        assert self._tells is not None
        return os.dup(self._tells)

    def close(self) -> None:
        """Take nothing any more; again does no harm."""
        with self._lock:
            tells, self._tells = self._tells, None
            self._frames.clear()
            if tells is not None:
                os.close(tells)
