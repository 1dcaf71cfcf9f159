"""Both directions between a caller's codec and an agent's formats: the least that has to be done.

The same G.711 on both sides passes untouched, every payload as it is. Mu-law and A-law are a table
of 256. Everything else is decoded, resampled if the rates differ, and encoded; OPUS decodes and
encodes at the agent's own rate.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agents.formats import FRAME_MS, AudioFormat
from agents.loudness import LAWS, is_loud
from agents.meaning import Direction
from audiocodecs import g711
from callengine.worker.audio.codecs import G711Codec, VoiceCodec
from callengine.worker.audio.pcm import PcmCodec
from callengine.worker.audio.resampler import Resampler
from callengine.worker.native.libraries import LibraryMissingError, WrongBuildError

_QUIET_FRAMES = 3
"After so many of silence a resampler holds nothing else, and need not be asked."


class PathError(Exception):
    """A codec or a rate this process cannot do; the text says which and why."""


class CallerFormat(Protocol):
    """What a caller speaks: a codec over RTP, or samples as they are."""

    @property
    def name(self) -> str:
        """As people read it; of a codec, its name in the catalogue."""

    @property
    def clock_hz(self) -> int:
        """In what its audio is timed."""

    @property
    def frame_ms(self) -> int:
        """How long the pieces are that it is sent."""

    def rate_hz(self, wanted_hz: int) -> int:
        """Return the rate to run it at, if this one were best."""

    def open(self, rate_hz: int) -> VoiceCodec:
        """Return its encoder and decoder. Raises WrongBuildError, or LibraryMissingError."""

    def how(self, audio: AudioFormat, direction: Direction) -> str:
        """Return what is done between it and a format, in a few words."""


class ToAgent:
    """Caller to agent: payloads in, bytes of the agent's input format out."""

    def __init__(self, caller: CallerFormat, codec: VoiceCodec, audio: AudioFormat) -> None:
        self.audio = audio
        self.how = caller.how(audio, "input")
        self.ticks_per_ms = caller.clock_hz / 1000
        "Of the caller's RTP clock."
        self._codec = codec
        law = LAWS.get(audio.encoding)
        self._law = law
        self._note: Callable[[bytes], None] | None = None
        "What takes a payload that is not decoded."
        self._table: bytes | None = None
        if isinstance(codec, G711Codec) and law is not None:
            self._note = codec.note
            self._table = g711.between(caller.name, law) if law != caller.name else None
        self._resampler = _resampler(codec.rate_hz, audio.sample_rate_hz)
        self._last = b""
        self._quiet = 0
        self._kept = b""

    def sound(self, payload: bytes) -> bytes:
        """Return what a payload sounds like; nothing while too little for a frame has come."""
        self._quiet = 0
        if self._note is None:
            made = self._written(self._codec.decode(payload))
        else:
            self._note(payload)
            made = payload if self._table is None else payload.translate(self._table)
        self._last = made
        return made

    def gap(self, ms: int, following: bytes = b"") -> bytes:
        """Return what to hear for a loss of `ms` milliseconds; the payload after it helps OPUS."""
        self._quiet = 0
        return self._written(self._codec.conceal(ms, following))

    def silence(self, ms: int) -> bytes:
        """Return silence of `ms` milliseconds, for a caller that sends nothing."""
        if self._resampler is None:
            return self.audio.silence * (self.audio.sample_rate_hz * ms // 1000)
        self._quiet += 1
        if self._quiet > _QUIET_FRAMES and ms == FRAME_MS:
            return self.audio.silence * (self.audio.sample_rate_hz * FRAME_MS // 1000)
        return self._written(bytes(self._codec.rate_hz * ms // 1000 * 2))

    @property
    def is_loud(self) -> bool:
        """Whether the last payload was more than silence and a quiet room."""
        return is_loud(self._last, self.audio)

    def _written(self, samples: bytes) -> bytes:
        if self._resampler is not None:
            samples = self._resampler.run(samples)
        return samples if self._law is None else _compressed(self._law, samples)

    def close(self) -> None:
        """Free what it holds; a second call does nothing."""
        if self._resampler is not None:
            self._resampler.close()
        self._codec.close()


class ToCaller:
    """Agent to caller: frames of the agent's output format in, one payload out for each."""

    def __init__(self, caller: CallerFormat, codec: VoiceCodec, audio: AudioFormat) -> None:
        self.audio = audio
        self.how = caller.how(audio, "output")
        self.frame_ms = caller.frame_ms
        self.frame_bytes = audio.bytes_of(self.frame_ms)
        "Of the agent's format."
        self._codec = codec
        law = LAWS.get(audio.encoding)
        self._law = law
        is_g711 = isinstance(codec, G711Codec)
        self._passes = is_g711 and law == caller.name
        self._table: bytes | None = None
        if is_g711 and law is not None and law != caller.name:
            self._table = g711.between(law, caller.name)
        self._resampler = _resampler(audio.sample_rate_hz, codec.rate_hz, self.frame_ms)
        self._quiet = 0
        self._silence: bytes | None = None
        "What silence always is, in a codec without memory."
        if isinstance(codec, G711Codec | PcmCodec):
            self._silence = codec.encode(bytes(codec.rate_hz // 1000 * self.frame_ms * 2))

    def payload(self, frame: bytes) -> bytes:
        """Return the payload of a frame of `frame_bytes`."""
        self._quiet = 0
        return self._made(frame)

    def silence(self) -> bytes:
        """Return a payload of the codec's own silence, for when the agent says nothing."""
        self._quiet += 1
        is_settled = self._resampler is None or self._quiet > _QUIET_FRAMES
        if self._silence is not None and is_settled:
            return self._silence
        return self._made(self.audio.silence * (self.frame_bytes // len(self.audio.silence)))

    def _made(self, frame: bytes) -> bytes:
        if self._passes:
            return frame
        if self._table is not None:
            return frame.translate(self._table)
        samples = frame if self._law is None else g711.linear(self._law, frame).tobytes()
        if self._resampler is not None:
            samples = self._resampler.run(samples)
        return self._codec.encode(samples)

    def close(self) -> None:
        """Free what it holds; a second call does nothing."""
        if self._resampler is not None:
            self._resampler.close()
        self._codec.close()


@dataclass(frozen=True, slots=True)
class Paths:
    """Both directions of one call."""

    to_agent: ToAgent
    to_caller: ToCaller

    def close(self) -> None:
        """Free what they hold; a second call does nothing."""
        self.to_agent.close()
        self.to_caller.close()


def open_paths(
    caller: CallerFormat, *, input_format: AudioFormat, output_format: AudioFormat
) -> Paths:
    """Return the ways between a caller and an agent with these formats. Raises PathError."""
    heard_hz = caller.rate_hz(input_format.sample_rate_hz)
    said_hz = caller.rate_hz(output_format.sample_rate_hz)
    try:
        decoder = caller.open(heard_hz)
        # One of both where it can be: what AMR-WB is asked for arrives with what it decodes.
        encoder = decoder if heard_hz == said_hz else caller.open(said_hz)
        to_agent = ToAgent(caller, decoder, input_format)
        to_caller = ToCaller(caller, encoder, output_format)
    except (WrongBuildError, LibraryMissingError) as error:
        raise PathError(f"{caller.name} cannot be used for an agent: {error}") from error
    return Paths(to_agent, to_caller)


def _resampler(rate_in_hz: int, rate_out_hz: int, frame_ms: int = 20) -> Resampler | None:
    return None if rate_in_hz == rate_out_hz else Resampler(rate_in_hz, rate_out_hz, frame_ms)


def _compressed(law: str, samples: bytes) -> bytes:
    return g711.compressed(law, array("h", samples))
