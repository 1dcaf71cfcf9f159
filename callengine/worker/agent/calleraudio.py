"""The caller's end of a call with an agent, whatever its audio comes and goes by."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from agents.formats import AudioFormat
from callengine.worker.agent.pace import Pace
from callengine.worker.agent.polled import Ready
from callengine.worker.audio.callerstream import CallerStream
from callengine.worker.audio.paths import Paths
from callengine.worker.legs.party import Counters
from callengine.worker.rtpguard.rules import Seen

Formats = tuple[AudioFormat, AudioFormat]
"An agent's input and output."


class CallerAudio(ABC):
    """A format each way, and the pace at which a caller is sent its frames. Times in seconds.

    Made and used on the agent's thread; `counters` and `seen` may be asked on any.
    """

    def __init__(self, paths: Paths, now: float) -> None:
        self._paths = paths
        self._stream = CallerStream(paths.to_agent, now)
        self.pace = Pace(self.frame_ms / 1000, now)
        self.missed_ms = 0.0
        "Time that has passed without a frame, and is not made up for; whoever heeds it clears it."

    @property
    def frame_ms(self) -> int:
        """How long what is sent at a time lasts."""
        return self._paths.to_caller.frame_ms

    @property
    def frame_bytes(self) -> int:
        """The size of that in the agent's output format."""
        return self._paths.to_caller.frame_bytes

    @property
    def how(self) -> tuple[str, str]:
        """What is done to the caller's audio, and to the agent's."""
        return self._paths.to_agent.how, self._paths.to_caller.how

    @property
    def is_loud(self) -> bool:
        """Whether what the caller said last is more than silence."""
        return self._paths.to_agent.is_loud

    @property
    def is_on_hold(self) -> bool:
        """Whether the caller holds the call: it hears nothing, and neither does the agent."""
        return False

    @property
    def waits_for_ack(self) -> bool:
        """Whether nothing may be played yet: it is kept until it may."""
        return False

    @abstractmethod
    def readers(self, heard: Ready) -> Mapping[int, Ready]:
        """Return what is to be waited for, and what is called then: `heard` for its audio."""

    @abstractmethod
    def heard(self, now: float) -> list[bytes]:
        """Read what has come; return audio for the agent."""

    def ticked(self, now: float) -> list[bytes]:
        """Take that a frame's time has passed; return audio for the agent, silence if need be."""
        missed_s = self.pace.step(now)
        if missed_s:
            self.missed_ms += missed_s * 1000
            self._left_out(missed_s)
        return self._stream.tick(now)

    def play(self, frame: bytes | None, now: float) -> None:
        """Send a frame in the agent's output format; None is silence."""
        to_caller = self._paths.to_caller
        self._send(to_caller.silence() if frame is None else to_caller.payload(frame), now)

    def _left_out(self, seconds: float) -> None:  # noqa: B027 (a page needs no timestamps)
        """Take that for so long nothing was sent."""

    @abstractmethod
    def _send(self, payload: bytes, now: float) -> None:
        """Send what a frame became."""

    def close(self, now: float) -> None:
        """Close the descriptors; whose they were may go on in other hands."""
        self._paths.close()

    # For the leg that lent it

    def counters(self) -> Counters | None:
        """Return the counters of its RTP, if it has RTP."""
        return None

    def seen(self) -> Seen | None:
        """Return what its guard wants to know, if it has one."""
        return None
