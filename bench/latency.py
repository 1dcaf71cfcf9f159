"""How long answers took, read from packets captured on loopback: SIPp's own clock is too coarse."""

import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import processes

SNAPSHOT_BYTES = 1500
ETHERNET_BYTES = 14
PCAP_NANOSECONDS = 0xA1B23C4D


class Capture:
    """tcpdump of one UDP port on loopback; a context manager."""

    def __init__(self, file: Path, port: int) -> None:
        self.file, self._port = file, port

    def __enter__(self) -> Self:
        self._process = processes.start(
            [
                *("tcpdump", "-i", "lo", "-U", "-s", str(SNAPSHOT_BYTES), "-B", "8192"),
                *("--time-stamp-precision=nano", "-w", str(self.file), f"udp port {self._port}"),
            ],
            folder=self.file.parent,
            name="tcpdump",
        )
        log, deadline = self.file.parent / "tcpdump.log", time.monotonic() + 5
        while "listening on" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        time.sleep(0.3)
        processes.end(self._process)

    def answers(self, code: int) -> list[float]:
        """Return the seconds from each call's first INVITE to its first answer of this code."""
        asked: dict[str, float] = {}
        answered: dict[str, float] = {}
        for at, text in _messages(self.file):
            call = _header(text, "call-id")
            if text.startswith("INVITE "):
                asked.setdefault(call, at)
            elif text.startswith(f"SIP/2.0 {code} ") and "INVITE" in _header(text, "cseq"):
                answered.setdefault(call, at)
        return [answered[call] - asked[call] for call in answered if call in asked]


def percentile(values: list[float], share: float) -> float:
    """Return the value below which this share of them lies; not a number if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def may_capture() -> bool:
    """Tell whether tcpdump is here and may be used by us."""
    try:
        done = subprocess.run(
            ["tcpdump", "-i", "lo", "-c", "1", "--list-data-link-types"],
            capture_output=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _messages(file: Path) -> Iterator[tuple[float, str]]:
    data = file.read_bytes()
    nanoseconds = len(data) >= 24 and struct.unpack_from("<I", data)[0] == PCAP_NANOSECONDS
    position, unit = 24, 1e-9 if nanoseconds else 1e-6
    while position + 16 <= len(data):
        seconds, parts, kept, _ = struct.unpack_from("<IIII", data, position)
        packet = data[position + 16 : position + 16 + kept]
        position += 16 + kept
        header = (packet[ETHERNET_BYTES] & 15) * 4 if len(packet) > ETHERNET_BYTES else 0
        payload = packet[ETHERNET_BYTES + header + 8 :]
        yield seconds + parts * unit, payload.decode("ascii", "replace")


def _header(text: str, name: str) -> str:
    for line in text.split("\r\n"):
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return ""
