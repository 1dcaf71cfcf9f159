"""What a voice says of a codec."""

from audiocodecs.catalogue import CATALOGUE

_NAMES = {
    "OPUS": "Opus",
    "G722": "G 7 22",
    "AMR-WB": "A M R, wide band",
    "PCMU": "G 7 11, mew law",
    "PCMA": "G 7 11, A law",
}
"Where the name as it is written would be read as a word, or as another number."
_BANDS = {8000: "telephone quality", 16000: "H D voice"}


def spoken(codec: str) -> str:
    """Return the sentence for a codec of the catalogue. Raises KeyError for any other."""
    facts = CATALOGUE[codec]
    name = _NAMES.get(codec) or " ".join(codec.replace("-", " "))
    return f"This call uses {name}: {_BANDS.get(facts.audio_rate_hz, 'full band voice')}."
