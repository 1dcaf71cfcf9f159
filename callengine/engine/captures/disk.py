"""The thread that writes an engine's captures: nothing on the event loop may wait for a disk.

What is asked for is done in that order; whoever asks is told what came of it by a future.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from callengine.core.snapshot import MessageSnapshot
from callengine.engine.settings import CaptureLimits
from callengine.record import captures
from callengine.record.capturefile import CaptureFile
from callengine.record.ladder import SeenMessage

COMMENT = (
    "Recorded by voipnumber. SIP with secrets masked, as the edge saw it; RTP and RTCP as the call "
    "process saw them, {what}."
)
Result = TypeVar("Result")


class CaptureDisk:
    """The folder of captures of one engine; one without a data folder has none."""

    def __init__(self, data: Path | None, limits: CaptureLimits) -> None:
        self._data, self._limits = data, limits
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="captures")

    @property
    def is_there(self) -> bool:
        """Whether there is a place for captures."""
        return self._data is not None

    def file(self, key: str, *, max_bytes: int) -> CaptureFile:
        """Return the file of a capture, which is still to be made; only if there is a place."""
        assert self._data is not None
        return CaptureFile(captures.path(self._data, key), max_bytes=max_bytes)

    def make(
        self, file: CaptureFile, *, whole: bool, others: Iterable[CaptureFile]
    ) -> asyncio.Future[None]:
        """Make it; the future raises OSError, NoRoomError if the folder is full beside `others`."""
        what = "with audio" if whole else "RTP without its payload"
        comment = COMMENT.format(what=what)
        return self._do(
            partial(file.open, comment, folder_bytes=self._limits.folder_bytes, others=others)
        )

    def append(
        self, file: CaptureFile, seen: SeenMessage, leg: str, ours: tuple[str, int]
    ) -> asyncio.Future[bool]:
        """Append a message; the future tells whether there was room, or raises OSError."""
        return self._do(partial(file.append, seen, leg, ours))

    def append_past(
        self, file: CaptureFile, past: Sequence[tuple[MessageSnapshot, tuple[str, int]]]
    ) -> asyncio.Future[bool]:
        """Append messages of a ladder, each with our address; as `append`."""
        return self._do(partial(file.append_past, past))

    def close(self, file: CaptureFile) -> asyncio.Future[int]:
        """Close a file; the future tells its size."""
        return self._do(file.close)

    def let_go(self, file: CaptureFile, key: str) -> None:
        """Close and delete what was begun in vain."""
        self._thread.submit(file.close)
        self.drop(key)

    def drop(self, key: str) -> None:
        """Delete the file of a capture."""
        if self._data is not None:
            self._thread.submit(captures.drop, self._data, key)

    def sweep(self) -> int:
        """Delete what belongs to no row, and return how many; asks the database."""
        return captures.sweep(self._data) if self._data is not None else 0

    def stop(self) -> None:
        """Take no more work; what was asked for is still done."""
        self._thread.shutdown(wait=False)

    def _do(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)
