"""What to hear in place of lost G.711, by pjmedia's loss concealment."""

from typing import Any

from callengine.worker.audio.pjlib import MemoryPool
from callengine.worker.native.libraries import SUCCESS, WrongBuildError, ffi, pjmedia

FRAME_MS = 10


class Concealment:
    """Goes on with what was heard last, for a while, and fades.

    Nothing is made, nor costs anything, before the first loss.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._frame_bytes = rate_hz * 2 * FRAME_MS // 1000
        self._pool: MemoryPool | None = None
        self._plc: Any = None

    def fill(self, history: bytes, ms: int) -> bytes:
        """Return `ms` of samples, in tens, that follow on the samples heard last.

        Raises WrongBuildError if pjmedia does not conceal.
        """
        if self._plc is None:
            self._open()
        api, size = pjmedia(), self._frame_bytes
        frame = ffi.new("int16_t[]", size // 2)
        room = ffi.buffer(frame)
        for at in range(len(history) % size, len(history), size):
            room[:] = history[at : at + size]
            api.pjmedia_plc_save(self._plc, frame)
        made = []
        for _ in range(ms // FRAME_MS):
            api.pjmedia_plc_generate(self._plc, frame)
            made.append(room[:])
        return b"".join(made)

    def _open(self) -> None:
        self._pool = MemoryPool("concealment")
        slot = ffi.new("pjmedia_plc **")
        samples = self._frame_bytes // 2
        status = pjmedia().pjmedia_plc_create(self._pool.pool, self._rate_hz, samples, 0, slot)
        if status != SUCCESS:
            raise WrongBuildError("pjmedia conceals no loss")
        self._plc = slot[0]

    def close(self) -> None:
        """Give back its memory; a second call does nothing."""
        self._plc = None
        if self._pool is not None:
            self._pool.close()
            self._pool = None
