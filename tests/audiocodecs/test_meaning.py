"""The sentence under the codec picker, and the figures it is made of."""

import pytest

from audiocodecs.arranging import Arrangement, StoredList
from audiocodecs.catalogue import CATALOGUE, PLATFORM_CODECS
from audiocodecs.chips import bandwidth_text, bit_rate_text, chip
from audiocodecs.meaning import meaning
from audiocodecs.picker import present

AMR_MISSING = {"AMR-WB": "a library is not installed"}


@pytest.mark.parametrize(
    ("codecs", "sentence"),
    [
        (
            ["G722", "PCMU"],
            "Best 7 kHz audio, worst 3.4 kHz; 80 kbit/s each way, headers included.",
        ),
        (
            ["PCMA", "OPUS"],
            "Best 20 kHz audio, worst 3.4 kHz; 40 to 80 kbit/s each way, headers included.",
        ),
        (["PCMA", "PCMU"], "Always 3.4 kHz audio; 80 kbit/s each way, headers included."),
        (
            ["G722", "AMR-WB"],
            "Always 7 kHz audio; 80 kbit/s each way, headers included. Not counted: AMR-WB.",
        ),
        (
            ["AMR-WB"],
            "The engine can do none of these now: every call on this list would be declined.",
        ),
        ([], "Nothing is selected: no call could use this list."),
    ],
)
def test_the_sentence_tells_best_worst_and_bit_rate(codecs: list[str], sentence: str) -> None:
    assert meaning(codecs, AMR_MISSING) == sentence


def test_the_bit_rate_counts_20_ms_packets_with_ip_udp_and_rtp_headers() -> None:
    assert CATALOGUE["PCMU"].wire_bit_rate_bps == 64_000 + 50 * 40 * 8
    assert bit_rate_text(CATALOGUE["PCMU"]) == chip("PCMU").bit_rate == "80 kbit/s"
    assert bandwidth_text(CATALOGUE["PCMU"]) == "3.4 kHz"


def test_a_picker_shows_each_codec_once_and_keeps_what_cannot_be_used_in_its_place() -> None:
    stored = StoredList(("G722", "AMR-WB", "GSM"))
    picker = present(
        Arrangement(("AMR-WB", "G722")),
        base=stored,
        fallback=PLATFORM_CODECS,
        unavailable=AMR_MISSING,
    )
    assert [row.name for row in picker.selected] == ["AMR-WB", "G722"]
    assert [row.name for row in picker.available] == [
        *("OPUS", "PCMU", "PCMA"),
        *("AMR", "G729", "ILBC", "GSM"),
    ]
    assert [row.reason for row in picker.selected] == ["a library is not installed", ""]
    assert picker.unsaved
