"""Records of TLS that bring no messages: counted whatever pieces they come in."""

import asyncio

import pytest

from callengine.edge.transport.records import PIECE_BYTES, RecordMeter

KEY_UPDATE = b"\x17\x03\x03\x00\x16" + b"k" * 22


class Secured(asyncio.BufferedProtocol):
    """TLS, which takes everything."""

    def __init__(self) -> None:
        self.taken = b""
        self.heard_bytes = 0
        self.is_paused = False
        self.cuts = 0
        self._buffer = bytearray(PIECE_BYTES)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.taken += self._buffer[:nbytes]

    def cut(self) -> None:
        self.cuts += 1


@pytest.fixture
def secured() -> Secured:
    return Secured()


@pytest.fixture
def meter(secured: Secured) -> RecordMeter:
    return RecordMeter(secured, secured, secured.cut)


def arrives(meter: RecordMeter, data: bytes, size: int = PIECE_BYTES) -> None:
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        meter.get_buffer(-1)[: len(piece)] = piece
        meter.buffer_updated(len(piece))


@pytest.mark.parametrize("size", [1, 3, 5, 26, 27, 28, 1000, PIECE_BYTES])
def test_key_updates_are_cut_off_whatever_pieces_they_come_in(
    meter: RecordMeter, secured: Secured, size: int
) -> None:
    arrives(meter, KEY_UPDATE * 250, size)
    assert secured.taken == KEY_UPDATE * 250
    assert not secured.cuts
    arrives(meter, KEY_UPDATE * 2000, size)
    assert secured.cuts == 1
    assert len(secured.taken) < len(KEY_UPDATE) * 2000


def test_messages_earn_the_records_they_come_in(meter: RecordMeter, secured: Secured) -> None:
    record = b"\x17\x03\x03\x01\x90" + b"m" * 400
    for _ in range(3000):
        secured.heard_bytes += 378
        arrives(meter, record)
    assert not secured.cuts


def test_what_waits_unread_is_not_held_against_it(meter: RecordMeter, secured: Secured) -> None:
    secured.is_paused = True
    arrives(meter, KEY_UPDATE * 600)
    assert not secured.cuts
    secured.is_paused = False
    arrives(meter, KEY_UPDATE)
    assert secured.cuts == 1
