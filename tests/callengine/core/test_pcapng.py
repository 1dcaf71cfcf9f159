"""Files of packets, block by block, as tshark reads them."""

import ipaddress
import subprocess
from pathlib import Path

import pytest

from callengine.core import pcapng

FOUR = ipaddress.ip_address("192.0.2.7"), 4000
OURS = ipaddress.ip_address("198.51.100.1"), 5060
SIX = ipaddress.ip_address("2001:db8::7"), 4002
OURS_6 = ipaddress.ip_address("2001:db8::1"), 5060
RTP = bytes.fromhex("8000000100000002000000030102030405")
AT_NS = 1_700_000_000_123_456_789
CHECKED = ("-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")


def read(file: Path, *names: str) -> list[list[str]]:
    wanted = [word for name in names for word in ("-e", name)]
    command = ["tshark", "-r", str(file), *CHECKED, "-T", "fields", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("ends", [(FOUR, OURS), (SIX, OURS_6)], ids=["IPv4", "IPv6"])
def test_tshark_finds_addresses_lengths_and_sums_as_they_were(
    tmp_path: Path, ends: tuple[pcapng.Place, pcapng.Place]
) -> None:
    whole, length = pcapng.datagram(*ends, RTP)
    cut, same = pcapng.datagram(*ends, RTP[:12], size=len(RTP), total=pcapng.ones_sum(RTP))
    assert (length, whole[: len(cut)]) == (same, cut)
    file = tmp_path / "packets.pcapng"
    file.write_bytes(
        pcapng.opening(application="voipnumber", comment="two packets")
        + pcapng.packet(whole, at_ns=AT_NS, is_inbound=True, size=length, comment="leg A")
        + pcapng.packet(cut, at_ns=AT_NS + 1, is_inbound=False, size=length)
    )
    version = ends[0][0].version
    ip = "ip" if version == 4 else "ipv6"
    rows = read(
        file, f"{ip}.src", "udp.srcport", f"{ip}.dst", "udp.dstport", "udp.length",
        "udp.checksum.status", "frame.time_epoch", "frame.len", "frame.cap_len",
        "frame.packet_flags_direction",
    )  # fmt: skip
    near, far = ends
    places = [str(near[0]), str(near[1]), str(far[0]), str(far[1]), str(8 + len(RTP))]
    good, unknown = "1", "2"
    assert [row[:5] for row in rows] == [places, places]
    assert [row[5] for row in rows] == [good, unknown]
    assert [row[6] for row in rows] == ["1700000000.123456789", "1700000000.123456790"]
    assert [row[7:9] for row in rows] == [[str(length)] * 2, [str(length), str(len(cut))]]
    assert [row[9][-1] for row in rows] == ["1", "2"]


def test_what_stands_before_a_block_that_is_cut_off_can_be_read(tmp_path: Path) -> None:
    block = pcapng.packet(pcapng.datagram(FOUR, OURS, RTP)[0], at_ns=AT_NS, is_inbound=True)
    file = tmp_path / "packets.pcapng"
    file.write_bytes(pcapng.opening(application="voipnumber", comment="") + block + block[:-7])
    wanted = ["tshark", "-r", str(file), "-T", "fields", "-e", "udp.srcport"]
    done = subprocess.run(wanted, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == ["4000"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.7:4000", FOUR),
        ("[2001:db8::7]:4002", SIX),
        ("198.51.100.1", OURS),
        ("[2001:db8::1]", OURS_6),
        ("carrier.example.com:5060", None),
        ("", None),
    ],
)
def test_a_place_is_an_address_or_nothing(text: str, place: pcapng.Place | None) -> None:
    assert pcapng.place(text) == place
