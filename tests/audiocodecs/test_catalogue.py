"""What the catalogue says of each codec, against the RFCs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiocodecs.catalogue import (
    CATALOGUE,
    PLATFORM_CODECS,
    by_static_payload_type,
    find,
    highest_audio_rate_hz,
)
from audiocodecs.lists import CodecListError, parse_codec_list


@pytest.mark.parametrize(
    ("name", "rtpmap", "static", "audio_rate_hz", "hd", "wire_bit_rate_bps"),
    [
        ("OPUS", "opus/48000/2", None, 48000, True, 40000),
        ("G722", "G722/8000", 9, 16000, True, 80000),
        ("AMR-WB", "AMR-WB/16000", None, 16000, True, 40400),
        ("PCMU", "PCMU/8000", 0, 8000, False, 80000),
        ("PCMA", "PCMA/8000", 8, 8000, False, 80000),
        ("AMR", "AMR/8000", None, 8000, False, 28800),
        ("G729", "G729/8000", 18, 8000, False, 24000),
        ("GSM", "GSM/8000", 3, 8000, False, 29200),
    ],
)
def test_each_codec_on_the_wire(name, rtpmap, static, audio_rate_hz, hd, wire_bit_rate_bps):
    codec = CATALOGUE[name]
    assert codec.rtpmap == rtpmap
    assert codec.static_payload_type == static
    assert (codec.audio_rate_hz, codec.hd) == (audio_rate_hz, hd)
    assert codec.wire_bit_rate_bps == wire_bit_rate_bps


def test_platform_list_is_the_documented_one():
    assert PLATFORM_CODECS == ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
    assert set(PLATFORM_CODECS) <= set(CATALOGUE)


@pytest.mark.parametrize("spelling", ["opus", "OPUS", "Opus"])
def test_codecs_are_found_by_encoding_name_in_any_case(spelling):
    assert find(spelling, 48000) is CATALOGUE["OPUS"]


def test_the_clock_rate_is_part_of_the_name():
    assert find("opus", 16000) is None
    assert find("G722", 16000) is None  # RFC 3551 section 4.5.2: its RTP clock is 8000
    assert find("speex", 8000) is CATALOGUE["SPEEX"]
    assert find("speex", 16000) is CATALOGUE["SPEEX-WB"]


def test_static_payload_types():
    assert by_static_payload_type(0) is CATALOGUE["PCMU"]
    assert by_static_payload_type(4) is None


def test_highest_audio_rate():
    assert highest_audio_rate_hz(["PCMU", "G722"]) == 16000
    assert highest_audio_rate_hz([]) == 8000


@given(st.lists(st.sampled_from(sorted(CATALOGUE)), unique=True, min_size=1))
def test_a_valid_list_comes_back_as_it_is_whatever_its_case(names):
    assert parse_codec_list([name.lower() for name in names]) == tuple(names)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "cannot be empty"),
        (["G723"], "'G723' is not a codec known here; allowed: OPUS, G722"),
        (["PCMU", "pcmu"], "PCMU is in the list twice"),
        ("PCMU", "not 'PCMU'"),
        ([1], "1 is not a codec"),
        ([["PCMU"]], "is not a codec"),
        (None, "not None"),
        (7, "not 7"),
    ],
)
def test_a_wrong_list_is_refused_with_the_value_and_what_is_allowed(value, said):
    with pytest.raises(CodecListError, match=said.replace("[", r"\[")):
        parse_codec_list(value)
