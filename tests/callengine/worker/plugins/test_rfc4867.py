import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callengine.worker.plugins.rfc4867 import (
    AMR,
    AMR_WB,
    MAX_FRAMES,
    NO_DATA,
    Frame,
    FrameTable,
    FrameType,
    MalformedPayloadError,
    ModeControl,
    Payload,
    frame_from_storage,
    pack,
    pack_stored,
    unpack,
    unpack_single,
)


def bits(text: str) -> bytes:
    """Return written-out bits as bytes, the last one padded with zeros."""
    plain = "".join(text.split())
    plain += "0" * (-len(plain) % 8)
    return int(plain, 2).to_bytes(len(plain) // 8)


def speech(mode: int, pattern: str = "1") -> tuple[str, bytes]:
    count = AMR_WB.frame_bits[mode]
    written = (pattern * count)[:count]
    return written, bits(written)


def test_bandwidth_efficient_single_frame_as_drawn_in_section_4_3_5_1() -> None:
    # CMR=6 | F=0 | FT=7 (23.05 kbit/s) | Q=1 | 461 speech bits | padding.
    written, data = speech(7, "101")
    drawn = bits("0110001111" + written)
    payload = Payload((Frame(7, data),), mode_request=6)
    assert len(drawn) == (4 + 6 + 461 + 1) // 8 == 59
    assert pack(payload, octet_align=False) == drawn
    assert unpack(drawn, octet_align=False) == payload


def test_bandwidth_efficient_frames_of_one_channel_follow_the_whole_table_of_contents() -> None:
    # Section 4.3.5.2 in kind: a lost frame, speech at 6.60 and at 8.85, a missing one.
    slow, slow_data = speech(0, "10")
    faster, faster_data = speech(1, "1100")
    drawn = bits(
        "1111"  # no request
        "1"
        "1110"
        "0"  # F=1, SPEECH_LOST, damaged
        "1"
        "0000"
        "1"  # F=1, 6.60 kbit/s
        "1"
        "0001"
        "1"  # F=1, 8.85 kbit/s
        "0"
        "1111"
        "1" + slow + faster  # F=0, NO_DATA
    )
    payload = Payload(
        (
            Frame(FrameType.SPEECH_LOST, good=False),
            Frame(0, slow_data),
            Frame(1, faster_data),
            Frame(FrameType.NO_DATA),
        )
    )
    assert pack(payload, octet_align=False) == drawn
    assert unpack(drawn, octet_align=False) == payload


def test_octet_aligned_single_frame_as_drawn_in_section_4_4_5_1() -> None:
    # CMR=6, four reserved bits | F=0 FT=7 Q=1, two padding bits | 461 bits, three padding bits.
    written, data = speech(7, "110")
    drawn = bits("0110 00000 0111 1 00" + written)
    payload = Payload((Frame(7, data),), mode_request=6)
    assert len(drawn) == 60
    assert pack(payload, octet_align=True) == drawn
    assert unpack(drawn, octet_align=True) == payload


def test_octet_aligned_frames_each_start_on_a_byte() -> None:
    written, data = speech(8, "10")
    sid, sid_data = speech(FrameType.SID, "01")
    drawn = bits(
        "1111 0000"
        "1 1000 1 00"  # F=1, 23.85 kbit/s
        "0 1001 1 00" + written + "000" + sid  # F=0, SID
    )
    payload = Payload((Frame(8, data), Frame(FrameType.SID, sid_data)))
    assert pack(payload, octet_align=True) == drawn
    assert unpack(drawn, octet_align=True) == payload


def test_the_widest_mode_takes_61_bytes_bandwidth_efficient_and_62_octet_aligned() -> None:
    payload = Payload((Frame(8, speech(8)[1]),))
    assert len(pack(payload, octet_align=False)) == 61
    assert len(pack(payload, octet_align=True)) == 62


def test_reserved_and_padding_bits_are_ignored_when_octet_aligned() -> None:
    data = speech(0)[1]
    sent = bytes((0xFF, 0b0_0000_1_11)) + data
    assert unpack(sent, octet_align=True) == Payload((Frame(0, data),), mode_request=15)


def test_storage_format_starts_with_the_table_of_contents_byte() -> None:
    data = speech(8)[1]
    assert Frame(8, data).storage == b"\x44" + data
    assert frame_from_storage(b"\x44" + data) == Frame(8, data)


@st.composite
def frames(draw: st.DrawFn, table: FrameTable) -> Frame:
    kind = draw(st.sampled_from(sorted(table.frame_bits)))
    count = table.frame_bits[kind]
    value = draw(st.integers(0, (1 << count) - 1)) << (-count % 8)
    return Frame(kind, value.to_bytes((count + 7) // 8), draw(st.booleans()))


@st.composite
def payloads(draw: st.DrawFn) -> tuple[Payload, FrameTable]:
    table = draw(st.sampled_from((AMR, AMR_WB)))
    held = draw(st.lists(frames(table), min_size=1, max_size=MAX_FRAMES))
    return Payload(tuple(held), draw(st.integers(0, 15))), table


@given(payloads(), st.booleans())
def test_what_is_packed_is_read_back(sent: tuple[Payload, FrameTable], octet_align: bool) -> None:
    payload, table = sent
    packed = pack(payload, octet_align=octet_align, table=table)
    assert unpack(packed, octet_align=octet_align, table=table) == payload


@given(st.sampled_from((AMR, AMR_WB)), st.booleans(), st.data())
def test_one_frame_is_written_and_read_alike_the_quick_way(
    table: FrameTable, octet_align: bool, data: st.DataObject
) -> None:
    drawn = data.draw(frames(table))
    frame = Frame(drawn.type, drawn.data)
    packed = pack(Payload((frame,)), octet_align=octet_align, table=table)
    storage = frame_from_storage(frame.storage, table).storage
    assert pack_stored(storage, octet_align=octet_align, table=table) == packed
    assert unpack_single(packed, octet_align=octet_align, table=table) == (15, storage)


@settings(max_examples=500)
@given(st.binary(max_size=200), st.booleans(), st.sampled_from((AMR, AMR_WB)))
def test_any_bytes_are_read_or_refused(data: bytes, octet_align: bool, table: FrameTable) -> None:
    single = unpack_single(data, octet_align=octet_align, table=table)
    try:
        payload = unpack(data, octet_align=octet_align, table=table)
    except MalformedPayloadError:
        assert single is None
        return
    assert 1 <= len(payload.frames) <= MAX_FRAMES
    again = pack(payload, octet_align=octet_align, table=table)
    assert unpack(again, octet_align=octet_align, table=table).mode_request == payload.mode_request


@given(payloads(), st.booleans(), st.data())
def test_a_truncated_payload_is_refused(
    sent: tuple[Payload, FrameTable], aligned: bool, data: st.DataObject
) -> None:
    payload, table = sent
    whole = pack(payload, octet_align=aligned, table=table)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(MalformedPayloadError):
        unpack(whole[:cut], octet_align=aligned, table=table)


def test_the_frames_of_amr_are_those_of_table_1() -> None:
    assert [AMR.frame_bits[mode] for mode in range(8)] == [95, 103, 118, 134, 148, 159, 204, 244]
    assert AMR.frame_bits[8] == 39
    assert AMR.frame_bits[NO_DATA] == 0
    # GSM-EFR, TDMA-EFR and PDC-EFR silence, then those for future use.
    assert not {9, 10, 11, 12, 13, 14} & set(AMR.frame_bits)


def test_amr_at_12_2_takes_32_bytes_either_way() -> None:
    # 4 + 6 + 244 bits, or CMR and table of contents in an octet each and 31 of speech.
    sizes = {
        aligned: len(pack(Payload((Frame(7, bytes(31)),)), octet_align=aligned, table=AMR))
        for aligned in (False, True)
    }
    assert sizes == {False: 32, True: 33}


@pytest.mark.parametrize("octet_align", [False, True])
@pytest.mark.parametrize("data", [b"", b"\xf0", b"\xff" * 40, b"\xff" * 1400, b"\xf2\x80" * 30])
def test_malformed_payloads_are_refused(data: bytes, octet_align: bool) -> None:
    with pytest.raises(MalformedPayloadError):
        unpack(data, octet_align=octet_align)


@pytest.mark.parametrize(
    "payload",
    [
        Payload(()),
        Payload((Frame(10),)),
        Payload((Frame(8, b"short"),)),
        Payload((Frame(15),), mode_request=16),
        Payload((Frame(15),) * (MAX_FRAMES + 1)),
    ],
)
def test_what_cannot_be_sent_is_refused(payload: Payload) -> None:
    with pytest.raises(MalformedPayloadError):
        pack(payload, octet_align=False)


def test_the_default_mode_is_the_widest() -> None:
    assert ModeControl().next_mode() == 8


def test_a_mode_request_is_obeyed_at_once() -> None:
    control = ModeControl()
    control.request(2)
    assert [control.next_mode(), control.next_mode()] == [2, 2]
    control.request(15)
    assert control.next_mode() == 2


@pytest.mark.parametrize("ignored", [9, 12, 14, 15, 3])
def test_a_request_outside_the_mode_set_is_ignored(ignored: int) -> None:
    control = ModeControl((0, 1, 2))
    control.request(ignored)
    assert control.next_mode() == 2


def test_changes_wait_for_the_period_and_go_to_neighbours_when_the_peer_says_so() -> None:
    control = ModeControl((0, 2, 4, 8), change_period=2, neighbours_only=True)
    sent = [control.next_mode()]
    control.request(0)
    sent += [control.next_mode() for _ in range(6)]
    assert sent == [8, 8, 4, 4, 2, 2, 0]
