"""What an agent's formats mean for its callers, in words."""

import pytest

from agents.formats import AudioFormat, Encoding
from agents.meaning import Direction, conversion, format_meaning

PCM, PCMU, PCMA = (AudioFormat(encoding) for encoding in Encoding)
UNTOUCHED = "matches G.711 on the phone leg: bytes pass untouched"


@pytest.mark.parametrize(
    ("codec", "audio", "into_agent", "out_of_agent"),
    [
        ("PCMU", PCMU, "bytes pass untouched", "bytes pass untouched"),
        ("PCMA", PCMA, "bytes pass untouched", "bytes pass untouched"),
        ("PCMU", PCMA, "translated mu-law → A-law", "translated A-law → mu-law"),
        ("PCMA", PCMU, "translated A-law → mu-law", "translated mu-law → A-law"),
        ("PCMU", PCM, "resampled 8 → 24 kHz", "resampled 24 → 8 kHz"),
        ("G722", PCM, "resampled 16 → 24 kHz", "resampled 24 → 16 kHz"),
        ("G722", PCMU, "resampled 16 → 8 kHz", "resampled 8 → 16 kHz"),
        ("OPUS", PCM, "resampled 48 → 24 kHz", "resampled 24 → 48 kHz"),
        ("L16", PCMA, "resampled 44.1 → 8 kHz", "resampled 8 → 44.1 kHz"),
        ("GSM", PCMU, "decoded and encoded at 8 kHz", "decoded and encoded at 8 kHz"),
    ],
)
def test_what_is_done_between_the_leg_and_the_agent(
    codec: str, audio: AudioFormat, into_agent: str, out_of_agent: str
) -> None:
    assert conversion(codec, audio, "input") == into_agent
    assert conversion(codec, audio, "output") == out_of_agent


@pytest.mark.parametrize(
    ("codecs", "audio", "direction", "lines"),
    [
        (
            ["G722", "PCMU", "PCMA"],
            PCMU,
            "input",
            [
                (("G722",), "resampled 16 → 8 kHz"),
                (("PCMU",), UNTOUCHED),
                (("PCMA",), "translated A-law → mu-law"),
            ],
        ),
        (
            ["OPUS", "G722", "AMR-WB", "PCMU", "PCMA"],
            PCM,
            "output",
            [
                (("OPUS",), "resampled 24 → 48 kHz"),
                (("G722", "AMR-WB"), "resampled 24 → 16 kHz"),
                (("PCMU", "PCMA"), "resampled 24 → 8 kHz"),
            ],
        ),
        ([], PCM, "input", []),
    ],
)
def test_codecs_that_fare_alike_stand_together_in_the_order_of_the_list(
    codecs: list[str],
    audio: AudioFormat,
    direction: Direction,
    lines: list[tuple[tuple[str, ...], str]],
) -> None:
    told = format_meaning(codecs, audio, direction).lines
    assert [(line.codecs, line.text) for line in told] == lines
    assert [line.is_untouched for line in told] == [text == UNTOUCHED for _, text in lines]


@pytest.mark.parametrize(
    ("codecs", "audio", "direction", "remark"),
    [
        (["PCMU"], PCMU, "input", ""),
        (["G722"], PCM, "input", ""),
        (
            ["G722", "PCMU"],
            PCMU,
            "output",
            "PCMU is below G722: put it first, and its bytes pass untouched.",
        ),
        (
            ["PCMU", "G722"],
            PCMU,
            "input",
            "A caller on G722 is heard by the agent in telephone quality (3.4 kHz); audio/pcm "
            "keeps more.",
        ),
        (
            ["OPUS", "AMR-WB"],
            PCMA,
            "output",
            "A caller on OPUS or AMR-WB hears the agent in telephone quality (3.4 kHz); audio/pcm "
            "keeps more.",
        ),
        (
            ["PCMA", "PCMU"],
            PCM,
            "input",
            "Every codec of the list is telephone quality: a wider format gains nothing; with "
            "audio/pcma its bytes pass untouched.",
        ),
        (
            ["GSM"],
            PCM,
            "output",
            "Every codec of the list is telephone quality: a wider format gains nothing.",
        ),
        (["PCMA"], PCMU, "input", "Put PCMU on the list of codecs, and its bytes pass untouched."),
        ([], PCMU, "input", ""),
    ],
)
def test_a_remark_says_what_another_choice_would_gain(
    codecs: list[str], audio: AudioFormat, direction: Direction, remark: str
) -> None:
    assert format_meaning(codecs, audio, direction).remark == remark
