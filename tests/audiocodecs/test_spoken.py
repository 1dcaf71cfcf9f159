"""What a voice says of each codec: a sentence of its own, never a name as it is written."""

import pytest

from audiocodecs.catalogue import CATALOGUE
from audiocodecs.spoken import spoken


def test_each_codec_has_a_sentence_of_its_own() -> None:
    sentences = [spoken(codec) for codec in CATALOGUE]
    assert len(set(sentences)) == len(CATALOGUE)


@pytest.mark.parametrize(
    ("codec", "sentence"),
    [
        ("OPUS", "This call uses Opus: full band voice."),
        ("G722", "This call uses G 7 22: H D voice."),
        ("AMR-WB", "This call uses A M R, wide band: H D voice."),
        ("PCMU", "This call uses G 7 11, mew law: telephone quality."),
        ("PCMA", "This call uses G 7 11, A law: telephone quality."),
    ],
)
def test_the_platforms_codecs(codec: str, sentence: str) -> None:
    assert spoken(codec) == sentence
