"""How loud audio of an agent's websocket is: more than a quiet room, and by how much. Pure."""

from array import array

from agents.formats import AudioFormat, Encoding
from audiocodecs import g711

LAWS = {Encoding.PCMU: "PCMU", Encoding.PCMA: "PCMA"}
LOUD = 256
"A sample above this, of 32768, is no silence: -42 dBFS."
LOUD_SHARE = 8
"One of so many samples has to be loud."


def is_loud(audio: bytes, written_in: AudioFormat) -> bool:
    """Tell whether audio is more than silence and a quiet room."""
    if written_in.encoding is Encoding.PCM:
        flags, count = audio[1::2].translate(_LOUD_HIGH_BYTES), len(audio) // 2
    else:
        flags, count = audio.translate(_LOUD_CODES[written_in.encoding]), len(audio)
    return flags.count(1) * LOUD_SHARE > count


def mean_magnitude(audio: bytes, written_in: AudioFormat) -> float:
    """Return the mean of the samples' magnitudes, 0 to 1 of full scale."""
    if written_in.encoding is Encoding.PCM:
        samples = array("h", audio[: len(audio) // 2 * 2])
    else:
        samples = g711.linear(LAWS[written_in.encoding], audio)
    return sum(map(abs, samples)) / len(samples) / 32768 if samples else 0.0


_LOUD_HIGH_BYTES = bytes(high not in (0x00, 0xFF) for high in range(256))
"By the high byte of a sample: 0x00 and 0xFF are those within 256 of zero."
_LOUD_CODES = {
    encoding: bytes(abs(sample) >= LOUD for sample in g711.linear(law, bytes(range(256))))
    for encoding, law in LAWS.items()
}
