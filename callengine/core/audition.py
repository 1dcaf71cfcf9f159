"""What the codec lab lets people hear: one sound through one codec, or through two. Pure.

One codec is one leg: the talker's device encodes, packets are lost, the engine decodes. Two are a
call: the engine encodes what it decoded anew, for the listener's leg, which loses none; or passes
the packets on, where calls have that, and the listener's device conceals. So whatever is compared
has lost the same packets.
"""

import hashlib
from dataclasses import dataclass

from audiocodecs.catalogue import CATALOGUE
from callengine.core.plan import bridge_rate_hz

SOUNDS = ("speech", "tone")
SOURCE_RATE_HZ = 48_000
"Of the sound before any codec."
LOSSES_PERCENT = (0, 1, 3, 5, 10)
MAX_LEGS = 2
PACKET_MS = 20
PHRASE = (
    "Sixty fresh fish for Sophie. This chef whispers: the sixth cheese is soft, and my own "
    "number is nine one four."
)
"""Said slowly enough to compare. Its s, f and sh are what the telephone band leaves out, its m and
n what a coarse codec blurs."""
CONCEALMENT = {
    "OPUS": "taken from a copy in the next packet, or guessed by the decoder",
    "AMR-WB": "guessed by the decoder, which fades",
    "AMR": "guessed by the decoder, which fades",
    "G729": "guessed by the decoder, which fades",
    "ILBC": "guessed by the decoder, which fades",
}
"What is heard in place of lost packets, by codec."
GOES_ON = "filled with the last sound, which goes on and fades"
"The same for codecs whose decoder has nothing of its own."
G711 = {"PCMU", "PCMA"}
_SPARED = 10
"Packets at the beginning that are never lost: nothing could conceal them."


@dataclass(frozen=True, slots=True)
class Audition:
    """What is to be heard."""

    sound: str
    codecs: tuple[str, ...]
    "None: the sound as it is; one: a leg; two: the talker's leg and the listener's."
    loss_percent: int

    def __post_init__(self) -> None:
        """Raises ValueError that names what is wrong and what is allowed."""
        if self.sound not in SOUNDS:
            raise ValueError(f"sound: {self.sound!r} is none of {', '.join(SOUNDS)}.")
        if self.loss_percent not in LOSSES_PERCENT:
            allowed = ", ".join(map(str, LOSSES_PERCENT))
            raise ValueError(f"loss: {self.loss_percent!r} % is none of {allowed}.")
        if len(self.codecs) > MAX_LEGS:
            raise ValueError(
                f"codec: {len(self.codecs)} are given, and a call has {MAX_LEGS} legs."
            )
        for name in self.codecs:
            if name not in CATALOGUE:
                raise ValueError(f"codec: {name!r} is none of {', '.join(CATALOGUE)}.")

    @property
    def rate_hz(self) -> int:
        """The rate of the engine's bridge between these codecs, at which OPUS is run."""
        if not self.codecs:
            return SOURCE_RATE_HZ
        return bridge_rate_hz(self.codecs[:1], self.codecs[:1], self.codecs[-1:])

    @property
    def is_relayed(self) -> bool:
        """Whether the engine passes packets on in such a call, unless its sound is needed."""
        return len(self.codecs) == MAX_LEGS and set(self.codecs) <= G711 | {"G722"}

    def lost(self, packets: int) -> tuple[int, ...]:
        """Return which of so many packets are lost on the talker's leg: the same for any codec.

        What is lost at 1 % is lost at 3 % too.
        """
        indices = sorted(range(_SPARED, packets), key=_shuffled)
        return tuple(sorted(indices[: round(packets * self.loss_percent / 100)]))

    def key(self, *, source: bytes, build: str) -> str:
        """Return the digest of all that the result follows from.

        `build` stands for what encodes and decodes.
        """
        digest = hashlib.sha256(hashlib.sha256(source).digest())
        digest.update(repr((build, self.codecs, self.rate_hz, self.loss_percent)).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class AuditionFacts:
    """What was measured of it as it was made."""

    rate_hz: int
    "Of the samples."
    packets: int
    lost: int
    wire_bps: tuple[int, ...]
    "Of each leg, with IPv4, UDP and RTP headers."


def _shuffled(index: int) -> bytes:
    return hashlib.sha256(b"lost %d" % index).digest()
