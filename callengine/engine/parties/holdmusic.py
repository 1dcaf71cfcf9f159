"""Music on hold, for call processes: they read neither files nor the database."""

import tempfile
from typing import Literal

from audiocodecs.models import HoldMusic
from callengine.core.control.music import MusicReady
from callengine.directory.current import Read
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import CallProcess
from callengine.loop.tasks import BackgroundTasks


class HoldPlayer:
    """Hands calls what their parties hear on hold, once each: a process keeps it for its call."""

    def __init__(self, pool: Pool, read: Read) -> None:
        self._pool = pool
        self._read = read
        self._tasks = BackgroundTasks("music on hold")

    async def stop(self) -> None:
        """Play nothing any more."""
        await self._tasks.stop()

    def hear(self, call: LiveCall, leg: str) -> None:
        """Have a call process given what is heard on hold, if anything is set."""
        process = call.process
        if process is None or call.has_asked_for_music:
            return
        call.has_asked_for_music = True
        self._tasks.start(self._hand_over(call, process, leg))

    async def _hand_over(self, call: LiveCall, process: CallProcess, leg: str) -> None:
        music = await self._read(HoldMusic.load)
        if music is None or call.ended or not process.has(call.plan.call):
            return
        rate_hz: Literal[8000, 16000] = 8000 if music.rate_hz == 8000 else 16000
        with tempfile.TemporaryFile() as file:
            file.write(music.samples)
            file.flush()
            ready = MusicReady(call.plan.call, leg, rate_hz)
            self._pool.send(process, ready, descriptors=(file.fileno(),))
