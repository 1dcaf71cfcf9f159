"""The file of a capture: its signalling, its bounds; and what is swept."""

import datetime as dt
import os
import time
import uuid
from pathlib import Path

import pytest
from django.utils import timezone

from callengine.models import PacketCapture
from callengine.record import captures
from callengine.record.capturefile import CaptureFile, NoRoomError
from callengine.record.ladder import SeenMessage
from tests.callengine.core.test_pcapng import read
from tests.callengine.fulldisk import files_end_at

OURS, OURS_6 = ("192.0.2.1", 5060), ("2001:db8::1", 5061)
INVITE = (
    b"INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n"
    b'Authorization: Digest username="a", response="0123456789abcdef"\r\n'
    b"Call-ID: 1@192.0.2.7\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
)


def seen(flow: str, direction: str = "in") -> SeenMessage:
    return SeenMessage(1_700_000_000.25, direction, flow, INVITE)


def made(
    folder: Path,
    *others: CaptureFile,
    max_bytes: int = 100_000,
    folder_bytes: int = 1_000_000,
) -> CaptureFile:
    file = CaptureFile(captures.path(folder, uuid.uuid4()), max_bytes=max_bytes)
    file.open("a test", folder_bytes=folder_bytes, others=others)
    return file


def test_signalling_has_its_addresses_over_udp_and_streams(tmp_path: Path) -> None:
    file = made(tmp_path)
    assert file.append(seen("udp:192.0.2.7:5062"), "A", OURS)
    assert file.append(seen("tls:[2001:db8::7]:40000/carrier.example", "out"), "B", OURS_6)
    assert file.append(seen("udp:[2001:db8::7]:5064"), "B2", OURS_6)
    past = {"leg": "A", "at": "2023-11-14T22:13:19+00:00", "direction": "out", "text": "BYE x"}
    assert file.append_past([({**past, "peer": "udp:192.0.2.7:5062"}, OURS)])  # type: ignore[typeddict-item, list-item]
    size = file.close()
    (path,) = (tmp_path / "captures").iterdir()
    assert path.stat().st_size == size
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"0123456789abcdef" not in path.read_bytes()
    rows = read(
        path, "sip.Method", "udp.srcport", "udp.dstport", "exported_pdu.ipv6_dst",
        "exported_pdu.dst_port", "ipv6.src", "frame.packet_flags_direction", "frame.comment",
    )  # fmt: skip
    assert [row[:6] for row in rows] == [
        ["INVITE", "5062", "5060", "", "", ""],
        ["INVITE", "", "", "2001:db8::7", "40000", "2001:db8::1"],
        ["INVITE", "5064", "5061", "", "", "2001:db8::7"],
        ["", "5060", "5062", "", "", ""],
    ]
    assert [row[6][-1] for row in rows] == ["1", "2", "1", "2"]
    assert [row[7].partition(",")[0] for row in rows] == ["leg A", "leg B", "leg B2", "leg A"]


def test_no_message_goes_beyond_the_size(tmp_path: Path) -> None:
    file = made(tmp_path, max_bytes=1500)
    told = [file.append(seen("udp:192.0.2.7:5062"), "A", OURS) for _ in range(10)]
    assert told[0]
    assert not told[-1]
    assert 1000 < file.close() <= 1500
    assert file.append(seen("udp:192.0.2.7:5062"), "A", OURS)  # closed: nothing to write to
    assert file.close() == 0


def test_a_message_of_which_a_part_alone_has_room_is_a_failure(tmp_path: Path) -> None:
    file = made(tmp_path)
    (path,) = (tmp_path / "captures").iterdir()
    size = path.stat().st_size
    with files_end_at(size + 100), pytest.raises(OSError, match="a part of a message"):
        file.append(seen("udp:192.0.2.7:5062"), "A", OURS)
    assert file.close() == size + 100
    assert file.messages == 0


def test_a_folder_that_is_full_takes_no_other(tmp_path: Path) -> None:
    made(tmp_path, folder_bytes=100_000).close()
    with pytest.raises(NoRoomError):
        made(tmp_path, folder_bytes=100_000)
    assert len(list((tmp_path / "captures").iterdir())) == 1


def test_those_that_go_on_count_as_large_as_they_may_become(tmp_path: Path) -> None:
    """Else as many as are asked for begin in a folder that is empty yet, and fill the disk."""
    first = made(tmp_path, folder_bytes=250_000)
    second = made(tmp_path, first, folder_bytes=250_000)
    with pytest.raises(NoRoomError):
        made(tmp_path, first, second, folder_bytes=250_000)
    first.close()
    made(tmp_path, first, second, folder_bytes=250_000).close()
    second.close()


@pytest.mark.django_db
def test_files_without_a_row_are_swept_once_they_are_old(tmp_path: Path) -> None:
    now = timezone.now()
    common = {"by": "ada", "asked": now, "max_s": 60, "max_bytes": 1000}
    kept = PacketCapture.objects.create(**common)
    PacketCapture.objects.create(**common, party="connection:a", until=now - dt.timedelta(days=2))
    waits = PacketCapture.objects.create(
        **common, party="connection:b", until=now + dt.timedelta(hours=1)
    )
    folder = tmp_path / "captures"
    folder.mkdir()
    orphan, young = (captures.path(tmp_path, uuid.uuid4()) for _ in range(2))
    for file in (captures.path(tmp_path, kept.pk), orphan, young, folder / "notes.txt"):
        file.write_bytes(b"x")
        old = time.time() - 2 * captures.YOUNG_S
        os.utime(file, (old, old) if file != young else None)
    assert captures.sweep(tmp_path) == 1
    assert not orphan.exists()
    assert len(list(folder.iterdir())) == 3
    assert set(PacketCapture.objects.all()) == {kept, waits}
    assert captures.sweep(tmp_path / "nowhere") == 0


@pytest.mark.django_db
def test_one_engine_alone_has_a_capture() -> None:
    now = timezone.now()
    row = PacketCapture.objects.create(
        by="ada", asked=now, max_s=60, max_bytes=1000, party="connection:a", until=now
    )
    claims = [captures.claim(str(row.pk), node=node, at=now) for node in ("one", "two")]
    assert claims == [True, False]
    assert captures.order(str(row.pk)) is None
