"""What an audio format of an agent means for its callers, codec by codec. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agents.formats import AudioFormat, Encoding
from audiocodecs.catalogue import CATALOGUE, Codec

Direction = Literal["input", "output"]
"Caller to agent, and agent to caller."
UNTOUCHED = "bytes pass untouched"
G711 = {"PCMU": Encoding.PCMU, "PCMA": Encoding.PCMA}
"Codecs whose payload an agent may be given as it is."
_LAWS = {Encoding.PCMU: "mu-law", Encoding.PCMA: "A-law"}
TELEPHONE_RATE_HZ = 8000


@dataclass(frozen=True, slots=True)
class FormatLine:
    """Codecs of the phone leg that fare alike, and how."""

    codecs: tuple[str, ...]
    text: str

    @property
    def is_untouched(self) -> bool:
        """Whether nothing is converted for them."""
        return self.text.endswith(UNTOUCHED)


@dataclass(frozen=True, slots=True)
class FormatMeaning:
    """What one direction's format means for a list of codecs."""

    lines: tuple[FormatLine, ...]
    "In the order of the list: the codec that is tried first is in the first one."
    remark: str = ""
    "What another choice would gain, if it would."


def conversion(codec: str, audio: AudioFormat, direction: Direction) -> str:
    """Return what is done between a phone leg's codec and the agent's format, in a few words.

    Such as `resampled 16 → 24 kHz`. Raises KeyError for a codec that the catalogue lacks.
    """
    spoken = G711.get(codec)
    if spoken is audio.encoding:
        return UNTOUCHED
    if resampled := resampling(CATALOGUE[codec].audio_rate_hz, audio, direction):
        return resampled
    if spoken is None or audio.encoding not in _LAWS:
        return f"decoded and encoded at {audio.sample_rate_hz / 1000:g} kHz"
    laws = (_LAWS[spoken], _LAWS[audio.encoding])
    return "translated {} → {}".format(*(laws if direction == "input" else laws[::-1]))


def resampling(rate_hz: int, audio: AudioFormat, direction: Direction) -> str:
    """Return what is done between audio of a caller's at this rate and the agent's format.

    Empty if both have the same.
    """
    ends = (rate_hz, audio.sample_rate_hz)
    before, after = ends if direction == "input" else ends[::-1]
    return "" if before == after else f"resampled {before / 1000:g} → {after / 1000:g} kHz"


def format_meaning(
    codecs: Sequence[str], audio: AudioFormat, direction: Direction
) -> FormatMeaning:
    """Return what a format means for calls on this list, of catalogue names, best first."""
    ways: dict[str, list[str]] = {}
    for name in codecs:
        ways.setdefault(conversion(name, audio, direction), []).append(name)
    lines = tuple(FormatLine(tuple(names), _spoken(text)) for text, names in ways.items())
    return FormatMeaning(lines, _remark(codecs, audio, direction))


def _spoken(text: str) -> str:
    return f"matches G.711 on the phone leg: {text}" if text == UNTOUCHED else text


def _remark(codecs: Sequence[str], audio: AudioFormat, direction: Direction) -> str:
    entries = [CATALOGUE[name] for name in codecs]
    wide = [codec.name for codec in entries if codec.audio_rate_hz > TELEPHONE_RATE_HZ]
    if not entries:
        return ""
    if audio.sample_rate_hz > TELEPHONE_RATE_HZ:
        return "" if wide else _wasted(entries)
    same = next(name for name, encoding in G711.items() if encoding is audio.encoding)
    if same in codecs[1:]:
        return f"{same} is below {codecs[0]}: put it first, and its bytes pass untouched."
    if wide:
        heard = "is heard by the agent" if direction == "input" else "hears the agent"
        who = f"A caller on {' or '.join(wide)} {heard}"
        return f"{who} in telephone quality (3.4 kHz); {Encoding.PCM} keeps more."
    if same not in codecs:
        return f"Put {same} on the list of codecs, and its bytes pass untouched."
    return ""


def _wasted(entries: Sequence[Codec]) -> str:
    """Say what a wide format costs where every caller speaks narrowband."""
    same = next((str(G711[codec.name]) for codec in entries if codec.name in G711), "")
    advice = f"; with {same} its bytes pass untouched" if same else ""
    return f"Every codec of the list is telephone quality: a wider format gains nothing{advice}."
