import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.core.fmtp import parse_fmtp
from callengine.worker.plugins.fmtp import (
    AMR_FRAMINGS,
    OFFER_FMTP,
    OPUS_BIT_RATE_BPS,
    OPUS_RATES_HZ,
    amr_formats_match,
    answered_amr,
    ilbc_mode_ms,
    opus_offer_fmtp,
    opus_rate_hz,
    read_amr,
    read_opus,
)
from callengine.worker.plugins.g729 import frame_sizes
from callengine.worker.plugins.opus_packets import MalformedPacketError, shape
from callengine.worker.plugins.rfc4867 import AMR


@pytest.mark.parametrize(
    ("bridge", "rate"), [(8000, 8000), (16000, 16000), (32000, 48000), (48000, 48000)]
)
def test_opus_runs_at_the_lowest_rate_that_loses_nothing(bridge: int, rate: int) -> None:
    assert opus_rate_hz(bridge) == rate


def test_an_opus_offer_names_the_rate_only_below_full_band() -> None:
    assert "rate" not in opus_offer_fmtp(48000)
    narrow = parse_fmtp(opus_offer_fmtp(16000))
    assert narrow["maxplaybackrate"] == narrow["sprop-maxcapturerate"] == "16000"
    assert narrow["sprop-stereo"] == narrow["stereo"] == narrow["usedtx"] == "0"


def test_offers_fit_the_line_pjmedia_writes() -> None:
    assert all(len(value) < 150 for value in (*OFFER_FMTP.values(), opus_offer_fmtp(8000)))


def test_the_peers_bit_rate_limit_is_kept() -> None:
    assert read_opus({"maxaveragebitrate": "12000"}).bit_rate_bps == 12000
    assert read_opus({"maxaveragebitrate": "1"}).bit_rate_bps == 6000
    assert read_opus({"maxaveragebitrate": "400000"}).bit_rate_bps == 24000


def test_fec_is_sent_only_to_a_peer_that_uses_it() -> None:
    assert read_opus({"useinbandfec": "1"}).inband_fec
    assert not read_opus({}).inband_fec


def test_amr_wb_parameters_are_read() -> None:
    read = read_amr(parse_fmtp(" octet-align=1; mode-set=0,1,2; mode-change-period=2 ;MAX-RED=0"))
    assert (read.octet_align, read.mode_set, read.change_period) == (True, (0, 1, 2), 2)
    assert read.usable


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (AMR_FRAMINGS[0], "", True),
        (AMR_FRAMINGS[1], "", False),
        (AMR_FRAMINGS[1], "octet-align=1", True),
        (AMR_FRAMINGS[0], "mode-set=0,1,2;max-red=0", True),
        (AMR_FRAMINGS[1], "octet-align=1;crc=1", False),
        (AMR_FRAMINGS[1], "octet-align=1;robust-sorting=1", False),
        (AMR_FRAMINGS[1], "octet-align=1;interleaving=30", False),
        (AMR_FRAMINGS[1], "octet-align=1;channels=2", False),
    ],
)
def test_amr_wb_payload_types_match_by_framing(ours: str, theirs: str, same: bool) -> None:
    assert amr_formats_match(ours, theirs) is same


@pytest.mark.parametrize(
    ("theirs", "written"),
    [
        ("", "octet-align=1"),
        ("octet-align=1;mode-set=0,2,4,7", "octet-align=1;mode-set=0,2,4,7"),
        ("mode-set=8,9,-1,x", "octet-align=1"),  # none of AMR's
    ],
)
def test_an_answer_names_the_mode_set_it_was_offered(theirs: str, written: str) -> None:
    assert answered_amr("octet-align=1", theirs, AMR) == written
    assert answered_amr(written, theirs, AMR) == written


@pytest.mark.parametrize(
    ("value", "ms"), [("mode=20", 20), ("mode=30", 30), ("", 30), ("mode=7", 30)]
)
def test_ilbc_frames_are_20_ms_or_30(value: str, ms: int) -> None:
    assert ilbc_mode_ms(value) == ms


@given(st.text(max_size=100))
def test_any_fmtp_text_is_read(value: str) -> None:
    parameters = parse_fmtp(value)
    assert 6000 <= read_opus(parameters).bit_rate_bps <= OPUS_BIT_RATE_BPS
    assert set(read_amr(parameters).mode_set) <= set(range(9))


@given(st.binary(min_size=1, max_size=8), st.integers(1, 16))
def test_any_opus_packet_is_cut_alike_or_refused(data: bytes, room: int) -> None:
    try:
        made = shape(data[0], data[1] if len(data) > 1 else 0, len(data))
        per_piece = made.frames_per_piece(room)
    except MalformedPacketError:
        return
    assert made.frames % per_piece == 0
    assert made.frames // per_piece <= room
    assert 120 <= made.samples <= 5760
    assert all(made.frame_samples * per_piece * rate % 48000 == 0 for rate in OPUS_RATES_HZ)


@pytest.mark.parametrize(
    ("toc", "count", "per_piece"),
    [
        (1 << 3, 0, 1),  # one SILK frame of 20 ms
        (1 << 3 | 3, 6, 1),  # six of 20 ms: 120 ms
        (0 << 3 | 1, 0, 2),  # two of 10 ms stay together
        (3 << 3 | 1, 0, 1),  # two of 60 ms
        (16 << 3 | 3, 48, 8),  # forty-eight of 2.5 ms in pieces of 20 ms
        (0 << 3 | 3, 3, 1),  # three of 10 ms
    ],
)
def test_packets_are_cut_into_pieces_of_at_most_20_ms(toc: int, count: int, per_piece: int) -> None:
    assert shape(toc, count, 100).frames_per_piece(16) == per_piece


@pytest.mark.parametrize(
    ("size", "frames"),
    [
        (10, (10,)),
        (20, (10, 10)),
        (22, (10, 10, 2)),
        (2, (2,)),
        (320, (10,) * 32),
        *((size, ()) for size in (0, 1, 9, 11, 14, 322, 330, 1400)),
    ],
)
def test_a_g729_payload_is_whole_frames_and_at_most_one_sid(
    size: int, frames: tuple[int, ...]
) -> None:
    assert frame_sizes(size) == frames
