"""What the relay does with each packet of a party: one stream out of one stream, or the bridge."""

import ctypes
import struct
from typing import Any

import pjsua2.pjsua2 as bindings
import pytest

from callengine.worker.native.libraries import ffi

FORWARDED, LEFT, NOT_RTP, OTHER_SOURCE, OTHER_PAYLOAD, OTHER_TIME, TOO_MANY, OLD_KEY = range(8)
MU_TO_A, A_TO_MU = 1, 2
SPEECH, OTHERS_SPEECH, EVENT, OTHERS_EVENT = 0, 8, 96, 101
SOURCE, OURS = 0x01020304, 0x0A0B0C0D
MS = 1_000_000


class Way:
    """One way; what comes out of it begins at number 5000 and time 80000."""

    def __init__(self, extension: Any, **changed: int) -> None:
        self._extension = extension
        self.way = ffi.new("struct vn_way *")
        self.state = ffi.new("struct vn_forwarding *")
        agreed = {
            "payload": SPEECH, "payload_to": OTHERS_SPEECH, "events": EVENT,
            "events_to": OTHERS_EVENT, "bytes": 160, "units": 160,
        }  # fmt: skip
        for name, value in {**agreed, **changed}.items():
            setattr(self.way, name, value)
        self.now_ms = 0
        self.is_possible = bool(extension.vn_forwarding_begin(self.state, self.way, 0))
        extension.vn_forwarding_follow(self.state, OURS, 5000, 80000)
        self._room = ffi.new("uint8_t[]", 12 + 480)
        self._length = ffi.new("size_t *")

    def take(self, packet: bytes) -> int:
        """Return the verdict; `out` is what came of it."""
        self._length[0] = 0
        copy = ffi.from_buffer("uint8_t[]", packet)
        verdict: int = self._extension.vn_forwarding_take(
            self.state, copy, len(packet), self.now_ms * MS, self._room, self._length
        )
        self.out = bytes(ffi.buffer(self._room, self._length[0]))
        return verdict

    def speaks(self, number: int, *, time: int | None = None, **parts: Any) -> int:
        self.now_ms += 20
        return self.take(rtp(number, 160 * number if time is None else time, **parts))

    @property
    def header(self) -> tuple[int, ...]:
        first, second, number, time, source = struct.unpack("!BBHII", self.out[:12])
        assert first == 0x80
        return second & 0x7F, number, time, source


def rtp(
    number: int,
    time: int,
    *,
    payload: bytes = bytes(160),
    payload_type: int = SPEECH,
    source: int = SOURCE,
    marker: bool = False,
    first: int = 0x80,
) -> bytes:
    second = payload_type | (0x80 if marker else 0)
    numbers = number & 0xFFFF, time & 0xFFFFFFFF
    return struct.pack("!BBHII", first, second, *numbers, source) + payload


def event(duration: int, *, end: bool = False) -> bytes:
    return struct.pack("!BBH", 7, 0x8A if end else 10, duration)


@pytest.fixture
def way(extension: Any) -> Way:
    return Way(extension)


@pytest.mark.parametrize("first", [0, 100, 65530, 65535])
def test_numbers_and_times_go_on_from_ours_across_the_wrap(way: Way, first: int) -> None:
    for index in range(20):
        assert way.speaks(first + index, time=(1 << 32) - 320 + 160 * index) == FORWARDED
        assert way.header == (OTHERS_SPEECH, 5000 + index, 80000 + 160 * index, OURS)
        assert way.out[12:] == bytes(160)


def test_what_is_lost_stays_lost_and_what_is_late_keeps_its_place(way: Way) -> None:
    verdicts = {number: way.speaks(number) for number in (10, 11, 15, 13, 16)}
    assert set(verdicts.values()) == {FORWARDED}
    assert way.speaks(12) == FORWARDED
    assert way.header[1:3] == (5002, 80320)
    assert way.speaks(17) == FORWARDED
    assert way.header[1:3] == (5007, 81120)


def test_what_the_bridge_had_already_and_what_comes_again_is_left(way: Way) -> None:
    way.speaks(10)
    assert way.speaks(9) == LEFT
    assert way.speaks(10) == LEFT
    assert way.speaks(11) == FORWARDED


@pytest.mark.parametrize(
    ("packet", "verdict"),
    [
        (rtp(11, 1760, source=SOURCE + 1), OTHER_SOURCE),
        (rtp(11, 1760, payload=bytes(240)), OTHER_PAYLOAD),
        (rtp(11, 1760, payload=bytes(80)), OTHER_PAYLOAD),
        (rtp(11, 1760, payload_type=13), OTHER_PAYLOAD),
        (rtp(11, 1760, payload_type=EVENT), OTHER_PAYLOAD),
        (rtp(300, 48000), OTHER_TIME),
        (rtp(11, 1601), OTHER_TIME),
        (rtp(11, 1600 + 320), OTHER_TIME),
        (rtp(11, 0), OTHER_TIME),
        (rtp(11, 1600 + 16000, marker=True), OTHER_TIME),
        (b"", NOT_RTP),
        (b"\r\n", NOT_RTP),
        (bytes(172), NOT_RTP),
        (rtp(11, 1760, payload=b""), NOT_RTP),
        (rtp(11, 1760, first=0x8F, payload=bytes(40)), NOT_RTP),
        (rtp(11, 1760, first=0x90, payload=b"\0\0\xff\xff"), NOT_RTP),
        (rtp(11, 1760, first=0xA0, payload=bytes(160)), NOT_RTP),
    ],
)  # fmt: skip
def test_anything_else_goes_to_nobody(way: Way, packet: bytes, verdict: int) -> None:
    way.speaks(10)
    assert way.take(packet) == verdict


def test_a_marker_is_kept_and_begins_after_a_pause(way: Way) -> None:
    way.speaks(10)
    assert way.speaks(11, time=1600 + 640, marker=True) == FORWARDED
    assert way.out[1] == 0x80 | OTHERS_SPEECH
    assert way.header[2] == 80640


def test_contributors_extension_and_padding_stay_here(way: Way) -> None:
    way.speaks(10)
    inside = bytes(8) + b"\xbe\xde\0\1abcd" + b"\x55" * 160 + b"\0\0\3"
    assert way.take(rtp(11, 1760, first=0x80 | 0x20 | 0x10 | 2, payload=inside)) == FORWARDED
    assert way.out[0] == 0x80
    assert way.out[12:] == b"\x55" * 160


def test_a_key_has_the_others_number_and_keeps_its_time(way: Way) -> None:
    for number in (10, 11):
        way.speaks(number)
    for index in range(1, 6):
        key = rtp(11 + index, 1920, payload=event(160 * index), payload_type=EVENT)
        assert way.take(key) == FORWARDED
        assert way.header == (OTHERS_EVENT, 5001 + index, 80320, OURS)
        assert way.state.has_event
    assert way.speaks(17, time=1920 + 5 * 160) == FORWARDED
    assert way.header[1:3] == (5007, 80320 + 5 * 160)
    assert not way.state.has_event


def test_a_key_pressed_before_is_not_told_twice(way: Way) -> None:
    assert way.take(rtp(10, 1600, payload=event(160), payload_type=EVENT)) == OLD_KEY
    way.speaks(10)
    assert way.take(rtp(11, 1440, payload=event(160), payload_type=EVENT)) == OLD_KEY


@pytest.mark.parametrize("nobodys", [{"events": 255}, {"events_to": 255}])
def test_a_key_that_one_of_them_does_not_know_is_the_bridges(
    extension: Any, nobodys: dict[str, int]
) -> None:
    way = Way(extension, **nobodys)
    way.speaks(10)
    assert way.take(rtp(11, 1760, payload=event(160), payload_type=EVENT)) == OTHER_PAYLOAD


def test_a_flood_is_not_passed_on(way: Way) -> None:
    verdicts = [way.take(rtp(number, 160 * number)) for number in range(10, 40)]
    assert verdicts.count(FORWARDED) == 17
    assert verdicts[-1] == TOO_MANY


@pytest.mark.parametrize("wrong", [{"bytes": 0}, {"bytes": 481}, {"units": 0}, {"payload": 200}])
def test_what_cannot_be_does_not_begin(extension: Any, wrong: dict[str, int]) -> None:
    assert not Way(extension, **wrong).is_possible


@pytest.mark.parametrize(("law", "decoded", "encoded"), [(MU_TO_A, "u", "a"), (A_TO_MU, "a", "u")])
def test_each_law_becomes_the_other_as_by_decoding_and_encoding(
    extension: Any, law: int, decoded: str, encoded: str
) -> None:
    """pjmedia's own tables say what the bridge would make of it."""
    library = ctypes.CDLL(bindings._pjsua2.__file__)
    decode = (ctypes.c_int16 * 256).in_dll(library, f"pjmedia_{decoded}law2linear_tab")
    encode = (ctypes.c_uint8 * 16384).in_dll(library, f"pjmedia_linear2{encoded}law_tab")
    way = Way(extension, law=law, bytes=256)
    assert way.take(rtp(10, 1600, payload=bytes(range(256)))) == FORWARDED
    assert way.out[12:] == bytes(encode[sample >> 2 & 0x3FFF] for sample in decode)
