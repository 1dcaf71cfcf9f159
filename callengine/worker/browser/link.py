"""The socket of a browser's leg: one thread reads it, whoever has something to say writes."""

import contextlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from callengine.core.sounds import FRAME_BYTES, FrameKind, Frames, SoundError, frame, state_frame

logger = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
MOST_WAITING_BYTES = 32 * 1024
"Sound that a page does not read in time is dropped: it would be late."
PARTS_WITHIN_S = 0.5
STOP_WITHIN_S = 1.0
SILENT_S = 20.0
"A page that is there sends sound without a pause; one that has said nothing for so long is gone."


class BrowserLink(threading.Thread):
    """Reads frames until the other end is gone; `heard` and `lost` are called on this thread."""

    def __init__(
        self,
        descriptor: int,
        *,
        heard: Callable[[FrameKind, bytes], None],
        lost: Callable[[str], None],
        speaks: bool = True,
    ) -> None:
        """`speaks`: whether the page is to send sound without a pause."""
        super().__init__(name="browser", daemon=True)
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        with contextlib.suppress(OSError):  # not every kind of socket has it
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard, self._lost = heard, lost
        self._wait_ms = SILENT_S * 1000 if speaks else None
        self._frames = Frames()
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._ends = False
        self._closes = False
        "Whether it ends once all is written."

    # On whatever thread

    def sound(self, samples: bytes, kind: FrameKind = FrameKind.SOUND) -> None:
        """Send 20 ms of sound, unless the page is behind."""
        with self._lock:
            if self._closes or len(self._waiting) > MOST_WAITING_BYTES:
                return
            self._write(frame(kind, samples))

    def tell(self, state: str, *, code: int = 0, text: str = "") -> None:
        """Tell the page how its call stands."""
        with self._lock:
            if not self._closes:
                self._write(state_frame(state, code=code, text=text))

    def close(self) -> None:
        """Say no more; what was said is still sent."""
        with self._lock:
            if not self._closes:  # else the descriptor may be another's by now
                self._closes = True
                self._rouse()

    def stop(self) -> None:
        """End soon, though the other end reads nothing; what is said from now on is not sent."""
        self.close()
        self.join(STOP_WITHIN_S)
        self._ends = True
        self._rouse()
        self.join(STOP_WITHIN_S)
        self._socket.close()
        os.close(self._wake)

    def _rouse(self) -> None:
        os.eventfd_write(self._wake, 1)

    def _write(self, data: bytes) -> None:
        """Write as much as goes at once; the rest waits for the thread. With the lock."""
        if not self._waiting:
            with contextlib.suppress(BlockingIOError, OSError):  # a lost one is read of
                data = data[self._socket.send(data) :]
        if data:
            self._waiting += data
            self._rouse()

    # On its own

    def run(self) -> None:
        """Read and write until either end is done."""
        why = ""
        try:
            while not self._ends and not why:
                why = self._turn()
        except SoundError as error:
            why = f"its page says what no page of ours says: {error}"
        except OSError as error:
            why = f"its connection failed: {error.strerror}"
        except Exception:
            logger.exception("a browser's leg fails")
            why = "reading its sound failed here; the log says why"
        if self._closes:
            self._part()
        elif not self._ends:
            self._lost(why)

    def _part(self) -> None:
        """Take what still comes until the other end has closed as well.

        To sound that nobody takes any more TCP answers with a reset, and on that the other end
        drops what it has not read yet: why its call is over.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        until = time.monotonic() + PARTS_WITHIN_S
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while (left_s := until - time.monotonic()) > 0 and poll.poll(left_s * 1000):
                if not self._socket.recv(READ_BYTES):
                    return

    def _turn(self) -> str:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        writes = select.POLLOUT if self._waiting else 0
        poll.register(self._socket, select.POLLIN | writes)
        ready = dict(poll.poll(self._wait_ms))
        if not ready:
            return f"its page said nothing for {SILENT_S:g} s"
        if self._wake in ready:
            os.eventfd_read(self._wake)
        events = ready.get(self._socket.fileno(), 0)
        if events & select.POLLOUT:
            self._flush()
        if self._closes and not self._waiting:
            self._ends = True
            return ""
        if events & ~select.POLLOUT:
            return self._read()
        return ""

    def _flush(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):
            del self._waiting[: self._socket.send(self._waiting)]

    def _read(self) -> str:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return ""
        if not data:
            return "its page was closed or lost its connection"
        for kind, content in self._frames.take(data):
            if kind is FrameKind.SOUND and len(content) != FRAME_BYTES:
                raise SoundError(f"a frame of {len(content)} bytes of sound, not {FRAME_BYTES}")
            self._heard(kind, content)
        return ""
