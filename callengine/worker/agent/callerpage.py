"""A browser at the caller's end of a call with an agent: its sound over a line of this process."""

import os
from collections.abc import Mapping

from callengine.core.sounds import FRAME_MS, SOUND_RATE_HZ
from callengine.worker.agent.calleraudio import CallerAudio, Formats
from callengine.worker.agent.polled import Ready
from callengine.worker.audio.paths import open_paths
from callengine.worker.audio.pcm import PcmCaller
from callengine.worker.legs.soundline import SoundLine
from callengine.worker.rtp.heard import Sound

_FRAME_TICKS = SOUND_RATE_HZ * FRAME_MS // 1000


class CallerPage(CallerAudio):
    """The caller of one page. Nothing of it is lost, but it may come late, and all at once."""

    def __init__(self, line: SoundLine, descriptor: int, *, formats: Formats, now: float) -> None:
        """Take the descriptor, which tells of sound, as its own. Raises PathError."""
        paths = open_paths(PcmCaller(), input_format=formats[0], output_format=formats[1])
        super().__init__(paths, now)
        self._line, self._descriptor = line, descriptor

    def readers(self, heard: Ready) -> Mapping[int, Ready]:
        """Return what tells of sound."""
        return {self._descriptor: heard}

    def heard(self, now: float) -> list[bytes]:
        """Take what the page has said; return audio for the agent."""
        self.pace.arrived(now)
        pieces: list[bytes] = []
        for frame in self._line.take():
            pieces += self._stream.heard(Sound(frame, _FRAME_TICKS), now)
        return pieces

    def _send(self, payload: bytes, now: float) -> None:
        self._line.play(payload)

    def close(self, now: float) -> None:
        """Close the descriptor."""
        super().close(now)
        os.close(self._descriptor)
