"""One reply of the built-in agent: what it is, its sound, and how its audio is cut and paced."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from agents.builtin import sounds, voice
from agents.builtin.script import KeyTool, Misdeed
from agents.formats import SAMPLE_RATES_HZ, AudioFormat, Encoding

CHUNK_MS = 100
LEAD_MS = 1000
"How far ahead of being heard audio is sent, as real agents do."
FLOOD_S = 120
ROUNDING_S = 1e-6
"A moment that was asked for as the next deadline has come, whatever floats make of it."
TINY_MS = 500
"So much of a reply comes byte by byte when told to; the rest in frames of 20 ms."


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text, said."""

    text: str


@dataclass(frozen=True, slots=True)
class Beep:
    """A tone."""

    hz: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Repetition:
    """What the caller said, in the input encoding."""

    audio: bytes
    encoding: Encoding


Sound = Spoken | Beep | Repetition


def rendered(sound: Sound, output: Encoding, volume: int) -> bytes:
    """Return a sound in the output encoding. It may take a second: call it in a thread."""
    rate_hz = SAMPLE_RATES_HZ[output]
    match sound:
        case Spoken(text):
            samples = voice.speech(text, rate_hz)
        case Beep(hz, seconds):
            # A long one is one second again and again.
            once = sounds.tone(hz, min(1.0, seconds), rate_hz)
            samples = once * max(1, round(seconds))
        case Repetition(audio, encoding):
            samples = sounds.converted(audio, encoding, output)
    if volume != 100:
        samples = sounds.louder(samples, volume / 100)
    return sounds.encoded(output, samples)


@dataclass(slots=True)
class Reply:
    """A reply on its way: asked for, given its audio, sent ahead of being heard, heard."""

    reply_id: str
    text: str
    sound: Sound
    tool: KeyTool | None = None
    "Called once all of it is sent."
    began: float | None = None
    "When its first audio was sent."
    lasts_s: float = 0.0
    _format: AudioFormat = field(default_factory=AudioFormat)
    _chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    _next: bytes = b""
    _sent_bytes: int = 0

    def begin(self, audio: bytes, now: float, output: Encoding, how: Collection[Misdeed]) -> None:
        """Take the audio; it is heard from now on."""
        self._format = AudioFormat(output)
        self.began, self.lasts_s = now, self._format.ms_of(len(audio)) / 1000
        self._chunks = _cut(audio, self._format, how)
        self._next = next(self._chunks, b"")

    @property
    def is_sent(self) -> bool:
        """Whether all of it is sent."""
        return not self._next

    @property
    def sent_s(self) -> float:
        """How much of it is sent."""
        return self._format.ms_of(self._sent_bytes) / 1000

    def chunks_until(self, moment_s: float) -> Iterator[bytes]:
        """Yield the chunks not yet sent that begin at or before a moment of the reply."""
        while self._next and self.sent_s <= moment_s + ROUNDING_S:
            yield self._next
            self._sent_bytes += len(self._next)
            self._next = next(self._chunks, b"")


def _cut(audio: bytes, form: AudioFormat, how: Collection[Misdeed]) -> Iterator[bytes]:
    size = form.bytes_of(CHUNK_MS)
    if Misdeed.CHUNKS_300 in how:
        size = 300
    elif Misdeed.CHUNKS_5S in how:
        size = form.bytes_of(5000)
    elif Misdeed.CHUNKS_1 in how:
        size, tiny = form.frame_bytes, form.bytes_of(TINY_MS)
        yield from (audio[n : n + 1] for n in range(len(audio[:tiny])))
        audio = audio[tiny:]
    yield from (audio[n : n + size] for n in range(0, len(audio), size))
