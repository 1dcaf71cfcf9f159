"""The caller's end of a call with an agent: RTP on borrowed sockets, a format each way."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agents.formats import AudioFormat
from callengine.worker.agent.pace import Pace
from callengine.worker.audio.callercodecs import CallerCodec
from callengine.worker.audio.callerstream import CallerStream
from callengine.worker.audio.paths import open_paths
from callengine.worker.lending import LentMedia
from callengine.worker.party import Counters
from callengine.worker.rtp.heard import Heard, Key
from callengine.worker.rtp.session import RtpSession
from callengine.worker.rtpguard.rules import Seen
from callengine.worker.rtpguard.sending import Hold


@dataclass(slots=True)
class Terms:
    """On which a leg's media is used now; written on the call's thread, read on the agent's."""

    held: Hold | None = None
    "Why nothing is to be sent, if so."
    is_paused: bool = False
    "Whether there is no agreed media."


class CallerMedia:
    """What one agreement on media leads to; another agreement is another object. Times in seconds.

    Made and used on the agent's thread; `counters` and `seen` may be asked on any.
    """

    def __init__(
        self,
        media: LentMedia,
        descriptors: tuple[int, int],
        terms: Terms,
        *,
        formats: tuple[AudioFormat, AudioFormat],
        digit: Callable[[str], None],
        now: float,
    ) -> None:
        """Take the descriptors as its own; `formats` are the agent's input and output.

        `digit` takes a key that is pressed. Raises PathError, ValueError.
        """
        caller = CallerCodec(
            name=media.codec,
            payload_type=media.payload_type,
            fmtp=media.fmtp,
            ptime_ms=media.ptime_ms,
            events=dict(media.events),
            sent_as=media.sent_as,
        )
        self._paths = open_paths(caller, input_format=formats[0], output_format=formats[1])
        self._digit = digit
        stream = self._paths.stream
        self.session = RtpSession(*descriptors, stream, remote=media.remote, now=now)
        self.session.remote_reports = media.remote_reports
        self._stream = CallerStream(self._paths.to_agent, now)
        self._terms, self._sends = terms, media.sends
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
        return self._terms.is_paused or not self._sends

    @property
    def waits_for_ack(self) -> bool:
        """Whether nothing may be played yet: it is kept until it may."""
        return self._terms.held is Hold.UNACKNOWLEDGED

    def heard(self, now: float) -> list[bytes]:
        """Read RTP; return audio for the agent."""
        self.pace.arrived(now)
        return self._chunks(self.session.receive(now), now)

    def ticked(self, now: float) -> list[bytes]:
        """Take that a frame's time has passed; return audio for the agent, silence if need be."""
        self.missed_ms += self.pace.step(now) * 1000
        self.session.is_held = self._terms.held is not None or self.is_on_hold
        late = self.session.tick(now)
        chunks = self._chunks(late, now) if late else []
        return [*chunks, *self._stream.tick(now)]

    def play(self, frame: bytes | None, now: float) -> None:
        """Send a frame in the agent's output format; None is silence."""
        to_caller = self._paths.to_caller
        payload = to_caller.silence() if frame is None else to_caller.payload(frame)
        self.session.send(payload, now)

    def _chunks(self, heard: Iterable[Heard], now: float) -> list[bytes]:
        chunks: list[bytes] = []
        is_on_hold = self.is_on_hold
        for item in heard:
            if type(item) is Key:
                self._digit(item.digit)
            elif not is_on_hold:
                chunks += self._stream.heard(item, now)
        return chunks

    def close(self, now: float) -> None:
        """Close the descriptors; the stream may go on in other hands."""
        self.session.close(now, goodbye=False)
        self._paths.close()

    # For the leg that lent it

    def counters(self) -> Counters:
        """Return the counters of its RTP."""
        return self.session.counters()

    def seen(self) -> Seen:
        """Return what its guard wants to know."""
        return self.session.seen()
