"""What the caller hears of an agent: its audio in due time, and ringing where it says nothing."""

from agents.dialects.interface import Play
from agents.formats import AudioFormat
from callengine.core.playout import Playout
from callengine.worker.agent.ringback import Ringback


class Speech:
    """One agent's, over all of its websockets. Pure: a frame is the clock."""

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self.playout = Playout(audio)
        self.is_replying = False
        "Whether more of a reply is to come."
        self._ringback: Ringback | None = None

    def ring(self, *, is_on: bool) -> None:
        """Have the caller hear ringing while the agent says nothing, or no more."""
        if is_on and self._ringback is None:
            self._ringback = Ringback(self._audio)
        elif not is_on:
            self._ringback = None

    def play(self, play: Play) -> None:
        """Queue audio of a reply."""
        self.is_replying = True
        self.playout.add(play.audio, play.item)

    def reply_done(self) -> None:
        """Take that a reply is whole."""
        self.is_replying = False
        self.playout.reply_done()

    def flush(self) -> dict[str, float]:
        """Throw away what waits; return how many ms were played of each item of it."""
        self.is_replying = False
        return self.playout.flush()

    def frame(self, size: int) -> tuple[bytes | None, bool]:
        """Return what is heard next, None for silence, and whether it is the agent's.

        `size` is that of a frame, in bytes.
        """
        frame = self.playout.take()
        if frame is None and self._ringback is not None:
            return self._ringback.take(size), False
        return frame, frame is not None
