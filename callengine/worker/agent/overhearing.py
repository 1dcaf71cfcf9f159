"""What is said in a conversation with an agent, for those who listen. On the agent's thread."""

from collections.abc import Iterable, Sequence

from agents.formats import AudioFormat
from callengine.core.sounds import FRAME_BYTES
from callengine.worker.audio.paths import ToCaller
from callengine.worker.audio.pcm import PcmCaller, PcmCodec
from callengine.worker.legs.party import Ear


class _Side:
    """One side of it, in frames as `core.sounds` has them; nothing is made while nobody listens."""

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._ears: Sequence[Ear] = ()
        self._way: ToCaller | None = None

    def tell(self, ears: Sequence[Ear]) -> None:
        self._ears = ears
        if ears and self._way is None:
            self._way = ToCaller(PcmCaller(), PcmCodec(), self._audio)
        elif not ears and self._way is not None:
            self._way.close()
            self._way = None

    def took(self, audio: bytes) -> None:
        if self._way is None:
            return
        samples = self._way.payload(audio)  # whole frames: what makes none waits for more
        for at in range(0, len(samples), FRAME_BYTES):
            for ear in self._ears:
                ear(samples[at : at + FRAME_BYTES])


class Overhearing:
    """Both sides of one conversation."""

    def __init__(self, heard: AudioFormat, said: AudioFormat) -> None:
        """Take the agent's input and output format."""
        self._silence = said.silence
        self._heard, self._said = _Side(heard), _Side(said)
        self.is_on = False
        "Whether anybody listens."

    def tell(self, *, says: Sequence[Ear], hears: Sequence[Ear]) -> None:
        """Have these hear the agent, and these its caller; no others any more."""
        self.is_on = bool(says or hears)
        self._said.tell(says)
        self._heard.tell(hears)

    def heard(self, pieces: Iterable[bytes]) -> None:
        """Take what the agent hears."""
        for piece in pieces:
            self._heard.took(piece)

    def said(self, frame: bytes | None, size: int) -> None:
        """Take a frame of what its caller hears, of so many bytes; None is silence."""
        self._said.took(frame or self._silence * (size // len(self._silence)))
