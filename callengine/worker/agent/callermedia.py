"""A phone at the caller's end of a call with an agent: RTP on borrowed sockets."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from callengine.worker.agent.calleraudio import CallerAudio, Formats
from callengine.worker.agent.polled import Ready
from callengine.worker.audio.callercodecs import CallerCodec
from callengine.worker.audio.paths import open_paths
from callengine.worker.legs.lending import LentMedia
from callengine.worker.legs.party import Counters
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


class CallerMedia(CallerAudio):
    """What one agreement on media leads to; another agreement is another object."""

    def __init__(
        self,
        media: LentMedia,
        descriptors: tuple[int, ...],
        terms: Terms,
        *,
        formats: Formats,
        digit: Callable[[str], None],
        now: float,
    ) -> None:
        """Take the descriptors, of RTP and RTCP, as its own.

        `digit` takes a key that is pressed. Raises PathError, ValueError.
        """
        rtp, rtcp = descriptors
        caller = CallerCodec(
            name=media.codec,
            payload_type=media.payload_type,
            fmtp=media.fmtp,
            ptime_ms=media.ptime_ms,
            events=dict(media.events),
            sent_as=media.sent_as,
        )
        paths = open_paths(caller, input_format=formats[0], output_format=formats[1])
        self._digit = digit
        self.session = RtpSession(rtp, rtcp, caller.stream(), remote=media.remote, now=now)
        self.session.remote_reports = media.remote_reports
        super().__init__(paths, now)
        self._terms, self._sends = terms, media.sends

    @property
    def is_on_hold(self) -> bool:
        """Whether the caller holds the call: it hears nothing, and neither does the agent."""
        return self._terms.is_paused or not self._sends

    @property
    def waits_for_ack(self) -> bool:
        """Whether nothing may be played yet: it is kept until it may."""
        return self._terms.held is Hold.UNACKNOWLEDGED

    def readers(self, heard: Ready) -> Mapping[int, Ready]:
        """Return the sockets."""
        session = self.session
        readers = {session.rtp.fileno(): heard}
        if session.rtcp is not None:
            readers[session.rtcp.fileno()] = lambda _, now: session.receive_reports(now)
        return readers

    def heard(self, now: float) -> list[bytes]:
        """Read RTP; return audio for the agent."""
        self.pace.arrived(now)
        return self._chunks(self.session.receive(now), now)

    def ticked(self, now: float) -> list[bytes]:
        """Take that a frame's time has passed; return audio for the agent, silence if need be."""
        self.session.is_held = self._terms.held is not None or self.is_on_hold
        late = self.session.tick(now)
        chunks = self._chunks(late, now) if late else []
        return [*chunks, *super().ticked(now)]

    def _send(self, payload: bytes, now: float) -> None:
        self.session.send(payload, now)

    def _left_out(self, seconds: float) -> None:
        self.session.left_out(seconds)

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
        """Close the sockets' descriptors."""
        self.session.close(now, goodbye=False)
        super().close(now)

    # For the leg that lent it

    def counters(self) -> Counters:
        """Return the counters of its RTP."""
        return self.session.counters()

    def seen(self) -> Seen:
        """Return what its guard wants to know."""
        return self.session.seen()
