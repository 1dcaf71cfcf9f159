import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.worker.plugins.fmtp import (
    AMR_WB_FRAMINGS,
    OFFER_FMTP,
    OPUS_BIT_RATE_BPS,
    OPUS_RATES_HZ,
    amr_wb_formats_match,
    opus_offer_fmtp,
    opus_rate_hz,
    parse_fmtp,
    read_amr_wb,
    read_opus,
)
from callengine.worker.plugins.opus_packets import MalformedPacketError, shape


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
    read = read_amr_wb(
        parse_fmtp(" octet-align=1; mode-set=0,1,2; mode-change-period=2 ;MAX-RED=0")
    )
    assert (read.octet_align, read.mode_set, read.change_period) == (True, (0, 1, 2), 2)
    assert read.usable


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (AMR_WB_FRAMINGS[0], "", True),
        (AMR_WB_FRAMINGS[1], "", False),
        (AMR_WB_FRAMINGS[1], "octet-align=1", True),
        (AMR_WB_FRAMINGS[0], "mode-set=0,1,2;max-red=0", True),
        (AMR_WB_FRAMINGS[1], "octet-align=1;crc=1", False),
        (AMR_WB_FRAMINGS[1], "octet-align=1;robust-sorting=1", False),
        (AMR_WB_FRAMINGS[1], "octet-align=1;interleaving=30", False),
        (AMR_WB_FRAMINGS[1], "octet-align=1;channels=2", False),
    ],
)
def test_amr_wb_payload_types_match_by_framing(ours: str, theirs: str, same: bool) -> None:
    assert amr_wb_formats_match(ours, theirs) is same


@given(st.text(max_size=100))
def test_any_fmtp_text_is_read(value: str) -> None:
    parameters = parse_fmtp(value)
    assert 6000 <= read_opus(parameters).bit_rate_bps <= OPUS_BIT_RATE_BPS
    assert set(read_amr_wb(parameters).mode_set) <= set(range(9))


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
