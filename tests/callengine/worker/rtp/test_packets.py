"""RTP packets: whatever a stranger writes is either a packet or nothing."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.worker.rtp.packets import SEQUENCES, TIMESTAMPS, RtpPacket, build, parse, signed

WORD = st.integers(0, 0xFFFFFFFF)
PACKETS = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127).filter(lambda number: number not in range(64, 96)),
    sequence=st.integers(0, 0xFFFF),
    timestamp=WORD,
    ssrc=WORD,
    payload=st.binary(max_size=400),
    marker=st.booleans(),
)
PACKET = RtpPacket(0, 7, 160, 0xABCD, bytes(range(160)))


def written(first: int, body: bytes) -> bytes:
    return bytes((first,)) + build(PACKET)[1:12] + body


@given(PACKETS)
def test_what_is_written_is_read_again(packet: RtpPacket) -> None:
    assert parse(build(packet)) == packet


@given(PACKETS, st.lists(WORD, max_size=15), st.binary(max_size=60), st.integers(0, 200))
def test_sources_extension_and_padding_are_taken_away(
    packet: RtpPacket, sources: list[int], extension: bytes, padding: int
) -> None:
    plain = build(packet)
    first = 0x80 | len(sources) | (0x10 if extension else 0) | (0x20 if padding else 0)
    head = b"".join(struct.pack("!I", source) for source in sources)
    if extension:
        extension += bytes(-len(extension) % 4)
        head += struct.pack("!HH", 0xBEDE, len(extension) // 4) + extension
    tail = bytes(padding - 1) + bytes((padding,)) if padding else b""
    assert parse(bytes((first,)) + plain[1:12] + head + plain[12:] + tail) == packet


@given(st.binary(max_size=80))
def test_no_bytes_do_any_harm(data: bytes) -> None:
    packet = parse(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


@pytest.mark.parametrize(
    ("first", "body"),
    [
        (0x40, b"x" * 20),  # version 1
        (0x8F, b"x" * 59),  # 15 sources that are not there
        (0x90, b"\0\0"),  # an extension without a length
        (0x90, b"\0\0\0\x05" + bytes(16)),  # longer than what there is
        (0xA0, b"abc\x00"),  # padding of nothing
        (0xA0, b"abc\x05"),  # of more than there is
        (0xA0, b""),
        (0xB0, b"\0\0\0\x01\0\0\0\x04"),  # padding that would be the extension
    ],
)
def test_a_header_that_promises_more_than_there_is_makes_no_packet(first: int, body: bytes) -> None:
    assert parse(written(first, body)) is None


@pytest.mark.parametrize("size", range(12))
def test_less_than_a_header_is_no_packet(size: int) -> None:
    assert parse(build(PACKET)[:size]) is None


def test_padding_alone_is_a_packet_without_payload() -> None:
    packet = parse(written(0xA0, b"\0\0\0\x04"))
    assert packet is not None
    assert packet.payload == b""


@pytest.mark.parametrize("kind", [200, 201, 202, 203])
def test_rtcp_is_no_rtp(kind: int) -> None:
    assert parse(bytes((0x80, kind)) + bytes(26)) is None


@pytest.mark.parametrize(
    ("later", "earlier", "modulus", "difference"),
    [
        (1, 0, SEQUENCES, 1),
        (0, 0xFFFF, SEQUENCES, 1),
        (0xFFFF, 0, SEQUENCES, -1),
        (160, 0xFFFFFFFF, TIMESTAMPS, 161),
        (0xFFFFFF00, 0, TIMESTAMPS, -256),
    ],
)
def test_numbers_that_wrap_differ_the_shorter_way(
    later: int, earlier: int, modulus: int, difference: int
) -> None:
    assert signed(later - earlier, modulus) == difference
