"""A codec's name, said by a voice, for call processes: they may start no program.

What is said follows from the codec alone, so no stranger's words are spoken, and it is kept.
"""

import asyncio
import logging
import tempfile
from functools import partial

from agents.builtin import voice
from audiocodecs.catalogue import CATALOGUE
from audiocodecs.spoken import spoken
from callengine.core.control.speech import SpeechReady, SpeechWanted
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import CallProcess
from callengine.loop.tasks import BackgroundTasks

logger = logging.getLogger(__name__)

MAX_SPEECHES = 50
"Of one call: its codec seldom changes."

NO_VOICE = f"{voice.PROGRAM} is not installed here: chimes are heard in place of the codec's name."


class CodecSpeaker:
    """Speaks for the calls of one engine."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._tasks = BackgroundTasks("the codec speaker")

    async def stop(self) -> None:
        """Say nothing any more."""
        await self._tasks.stop()

    def hear(self, call: LiveCall, wanted: SpeechWanted) -> None:
        """Have a codec's name said, and hand the sound over."""
        call.speeches += 1
        process = call.process
        if process is None or wanted.codec not in CATALOGUE or call.speeches > MAX_SPEECHES:
            return
        self._tasks.start(self._say(call, process, wanted))

    async def _say(self, call: LiveCall, process: CallProcess, wanted: SpeechWanted) -> None:
        speak = partial(voice.speech, spoken(wanted.codec), wanted.rate_hz)
        samples = await asyncio.get_running_loop().run_in_executor(None, speak)
        if call.ended or not process.has(call.plan.call):
            return
        lack = "" if voice.program() else NO_VOICE
        with tempfile.TemporaryFile() as file:
            file.write(samples.tobytes())
            file.flush()
            message = SpeechReady(call.plan.call, wanted.leg, lack)
            self._pool.send(process, message, descriptors=(file.fileno(),))
