"""A file for what the database cannot take now: lines appended at its end, taken from its front.

It outlives the engine. Its first line tells how far it has been taken; a line that was torn by a
crash is cut off. Bounded in size, mode 0600.
"""

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

MODE = 0o600
_HEADER = b"voipnumber-unwritten 1 %020d\n"
_HEADER_BYTES = len(_HEADER % 0)
_PIECE = 65536


class Spill:
    """Lines of bytes in order. Not for several threads, nor for several processes."""

    def __init__(self, path: Path | None, *, max_bytes: int) -> None:
        """Open what an earlier engine left; without a path nothing fits."""
        self._path, self._max_bytes = path, max_bytes
        self._file: int | None = None
        self._end = self._position = _HEADER_BYTES
        try:
            if path is not None and os.path.lexists(path):
                self._open_existing(path)
        except OSError:
            # For want of a descriptor, it may be: what is in there must not be written over.
            logger.exception("%s cannot be opened now; what waits in it stays there", path)

    @property
    def is_empty(self) -> bool:
        """Whether everything has been taken."""
        return self._position >= self._end

    @property
    def is_half_full(self) -> bool:
        """Whether only what matters most should be added."""
        return self._end >= self._max_bytes / 2

    def append(self, lines: Sequence[bytes]) -> int:
        """Add lines, without line ends, as far as they fit; return how many did.

        What was added is on the disk when this returns. Raises OSError if it cannot be written.
        """
        if self._path is None:
            return 0
        fitting, size = [], self._end
        for line in lines:
            size += len(line) + 1
            if size > self._max_bytes:
                break
            fitting.append(line + b"\n")
        if fitting:
            self._write(b"".join(fitting))
        return len(fitting)

    def peek(self, count: int) -> list[bytes]:
        """Return the next lines, with their line ends, and leave them where they are."""
        if self._file is None:
            return []
        # Without another descriptor: for want of those the database may be away.
        data = b""
        while data.count(b"\n") < count and (start := self._position + len(data)) < self._end:
            piece = os.pread(self._file, min(_PIECE, self._end - start), start)
            if not piece:
                raise OSError("somebody else has shortened it")
            data += piece
        return [text + b"\n" for text in data.split(b"\n")[:-1]][:count]

    def take(self, lines: Sequence[bytes]) -> None:
        """Forget lines that were peeked at; once all are gone the file is."""
        self._position += sum(map(len, lines))
        if self.is_empty:
            self._remove()
        elif self._file is not None:
            os.pwrite(self._file, _HEADER % self._position, 0)

    def set_aside(self, lines: Sequence[bytes]) -> None:
        """Keep lines that cannot be written in a file beside, for a person; bounded as well."""
        if self._path is None:
            return
        aside = self._path.with_name(f"{self._path.name}.unreadable")
        file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
        try:
            if os.fstat(file).st_size < self._max_bytes / 2:
                os.write(file, b"".join(lines))
        finally:
            os.close(file)

    def close(self) -> None:
        """Leave the file to the next engine."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, data: bytes) -> None:
        assert self._path is not None
        if self._file is None and os.path.lexists(self._path):
            self._open_existing(self._path)
        if self._file is None:
            self._file = _opened(self._path, os.O_CREAT | os.O_EXCL)
            self._end = self._position = _HEADER_BYTES
        try:
            if self._end == _HEADER_BYTES:  # each time, until there has been room for it
                os.pwrite(self._file, _HEADER % _HEADER_BYTES, 0)
            if os.pwrite(self._file, data, self._end) < len(data):
                raise OSError("the disk is full")
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise
        self._end += len(data)

    def _open_existing(self, path: Path) -> None:
        file = _opened(path)
        position = _position(os.pread(file, _HEADER_BYTES, 0))
        if position is None:
            os.close(file)
            aside = path.with_name(f"{path.name}.unreadable")
            while aside.exists():  # what is in there was set aside for a person, too
                aside = aside.with_name(f"{aside.name}.unreadable")
            path.replace(aside)
            logger.error("%s is not a file of ours; it was set aside", path)
            return
        self._file, self._position = file, position
        self._end = _whole_lines_end(file)
        os.ftruncate(file, self._end)
        if self.is_empty:
            self._remove()

    def _remove(self) -> None:
        self.close()
        self._end = self._position = _HEADER_BYTES
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _opened(path: Path, flags: int = 0) -> int:
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, MODE)
    os.fchmod(file, MODE)
    return file


def _position(header: bytes) -> int | None:
    prefix = _HEADER.partition(b"%")[0]
    digits = header[len(prefix) : -1]
    if not header.startswith(prefix) or not digits.isdigit() or len(header) != _HEADER_BYTES:
        return None
    return max(int(digits), _HEADER_BYTES)


def _whole_lines_end(file: int) -> int:
    """Return where the last whole line ends."""
    end = os.fstat(file).st_size
    while end > _HEADER_BYTES:
        start = max(_HEADER_BYTES, end - _PIECE)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return _HEADER_BYTES
