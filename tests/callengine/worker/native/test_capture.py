"""Packets copied by the extension and written by the call's own thread: bounds, and what is cut."""

import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callengine.core.control.capture import PacketsRecorded, RecordPackets
from callengine.core.pcapng import opening
from callengine.worker.call import capturing
from callengine.worker.call.capturing import Capturing
from callengine.worker.native.libraries import ffi
from callengine.worker.rtp import tapped
from callengine.worker.rtp.heard import StreamFormat
from callengine.worker.rtp.session import RtpSession
from tests.callengine.fulldisk import files_end_at

IN, OUT = 0, 1
SIP_PORT = 6
RTP = struct.pack("!BBHII", 0x80, 0, 7, 8, 9) + bytes(range(160))
RTCP = struct.pack("!BBHI", 0x80, 201, 1, 9) + bytes(24)
MARKED_72 = struct.pack("!BBHII", 0x80, 0x80 | 72, 700, 8, 9) + b"a key pressed"
"The first packet of a key, from a peer whose number for keys is 72: as if of RTCP (200, SR)."


class Rig:
    """A capture into a file, and a socket whose packets it sees."""

    def __init__(self, library: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # The library of this test, which is loaded beside no pjsua2.
        monkeypatch.setattr(capturing, "media", lambda: library)
        self.library = library
        self.said: list[PacketsRecorded] = []
        self.file = folder / "packets.pcapng"
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.capturing = Capturing(self.said.append, sip_port=SIP_PORT)

    def begin(self, *, whole: bool = False, max_bytes: int = 1_000_000, for_s: float = 60) -> None:
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, opening(application="voipnumber", comment=""))
        self.empty = os.fstat(descriptor).st_size
        self.capturing.begin(RecordPackets("call", "key", whole, max_bytes, for_s), descriptor)

    def passes(self, data: bytes, direction: int = IN, peer: str = "127.0.0.9") -> None:
        packed = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(4000), socket.inet_aton(peer))
        given = ffi.from_buffer(packed)
        self.library.vn_capture_packet(self.sock.fileno(), direction, data, len(data), given, 0)

    def size(self) -> int:
        return self.file.stat().st_size

    def step(self) -> None:
        self.capturing.step(time.monotonic() + 1)


@pytest.fixture
def rig(extension: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    made = Rig(extension, tmp_path, monkeypatch)
    yield made
    made.capturing.end()
    made.sock.close()
    assert not extension.vn_capture_is_on()


def test_rtp_is_cut_behind_its_header_and_rtcp_is_whole(rig: Rig) -> None:
    rig.begin()
    rig.passes(RTP)
    rig.passes(RTCP, OUT)
    rig.step()
    data = rig.file.read_bytes()[rig.empty :]
    assert RTP[:12] in data
    assert RTP[12:20] not in data
    assert RTCP in data
    rig.capturing.end()
    assert rig.said == [PacketsRecorded("key", "", 2, 0)]


def test_rtp_that_is_numbered_like_rtcp_is_cut(rig: Rig) -> None:
    rig.begin()
    rig.passes(MARKED_72)
    rig.step()
    data = rig.file.read_bytes()[rig.empty :]
    assert MARKED_72[:12] in data
    assert MARKED_72[12:] not in data


def test_extensions_and_sources_belong_to_the_header(rig: Rig) -> None:
    sources, extension = bytes([1, 1, 1, 1] * 2), struct.pack("!HH", 0xBEDE, 1) + b"abcd"
    rig.begin()
    rig.passes(bytes([0x92]) + RTP[1:12] + sources + extension + b"payload")
    # An extension that says it is longer than the packet is none that could be read.
    rig.passes(bytes([0x90]) + RTP[1:12] + struct.pack("!HH", 0xBEDE, 0xFFFF) + b"rest")
    rig.step()
    data = rig.file.read_bytes()
    assert sources + extension in data
    assert b"payload" not in data


def test_a_whole_packet_is_there_when_that_is_asked_for(rig: Rig) -> None:
    rig.begin(whole=True)
    rig.passes(RTP)
    rig.step()
    assert RTP in rig.file.read_bytes()


def test_a_file_never_has_more_than_its_size(rig: Rig) -> None:
    rig.begin(whole=True, max_bytes=2000)
    for _ in range(20):
        rig.passes(RTP)
    rig.step()
    assert 1600 < rig.size() <= 2000
    (told,) = rig.said
    assert (told.why, told.packets > 3) == ("size", True)
    before = rig.size()
    rig.passes(RTP)
    rig.step()
    assert rig.size() == before
    assert len(rig.said) == 1


def test_it_ends_with_a_disk_that_has_no_room_for_all_there_is(rig: Rig) -> None:
    rig.begin(whole=True)
    for _ in range(3):
        rig.passes(RTP)
    with files_end_at(rig.size() + 300):
        rig.step()
    assert rig.said == [PacketsRecorded("key", "failed", 0, 0)]
    rig.passes(RTP)
    rig.step()
    assert rig.size() == rig.empty + 300


def test_it_ends_when_its_time_is_over_and_keeps_what_had_come(rig: Rig) -> None:
    rig.begin(for_s=0.5)
    rig.passes(RTP)
    rig.step()
    assert rig.said == [PacketsRecorded("key", "time", 1, 0)]
    assert not rig.library.vn_capture_is_on()


def test_what_has_no_room_in_memory_is_counted(rig: Rig) -> None:
    rig.begin(whole=True, max_bytes=10_000_000)
    most = bytes([0x80]) + bytes(59_999)
    for _ in range(12):
        rig.passes(most)
    rig.capturing.end()
    (told,) = rig.said
    assert (told.packets, told.lost) == (8, 4)


def test_what_is_not_for_it_is_left_alone(rig: Rig) -> None:
    rig.begin()
    rig.capturing.stop("another")
    rig.library.vn_capture_packet(rig.sock.fileno(), IN, RTP, len(RTP), ffi.NULL, 0)
    rig.library.vn_capture_packet(-1, IN, RTP, len(RTP), ffi.from_buffer(bytes(16)), 0)
    rig.step()
    assert rig.size() == rig.empty
    rig.capturing.stop("key")
    assert rig.said == [PacketsRecorded("key", "", 0, 0)]


def test_without_the_extension_it_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "media", lambda: None)
    rig.begin()
    assert rig.said == [PacketsRecorded("key", "no-extension", 0, 0)]
    monkeypatch.setattr(capturing, "media", lambda: rig.library)


def test_what_an_agents_leg_reads_and_sends_is_there_too(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tapped, "media", lambda: rig.library)
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    leg = RtpSession(
        rig.sock.dup().detach(), None, StreamFormat(0, 8000, len), remote=peer.getsockname(), now=0
    )
    rig.begin(whole=True)
    peer.sendto(RTP, rig.sock.getsockname())
    select.select([leg.rtp], [], [], 10)
    leg.receive(0.0)
    leg.send(b"what the agent says", 0.02)
    tapped.show(rig.sock, tapped.OUT, RTCP, ("::ffff:127.0.0.1", 9))
    rig.capturing.end()
    leg.close(0.1, goodbye=False)
    peer.close()
    assert rig.said == [PacketsRecorded("key", "", 3, 0)]
    data = rig.file.read_bytes()
    assert RTP in data
    assert b"what the agent says" in data
