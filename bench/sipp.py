"""One running SIPp with a scenario of ours."""

import csv
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import processes

LAST_OCTETS = 8192
"More than a line of its statistics has."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a SIPp that has ended says of its calls."""

    succeeded: int
    failed: int
    seconds: float


class Sipp:
    """A SIPp process on loopback; `server` is host:port, empty for a callee."""

    def __init__(
        self, folder: Path, name: str, scenario: str, *, port: int, server: str = "", **more: object
    ) -> None:
        self.name = name
        self._statistics = folder / f"{name}.csv"
        file = folder / f"{name}.xml"
        file.write_text(scenario)
        options = [f"-{key}={value}".split("=", 1) for key, value in more.items()]
        self.process: subprocess.Popen[bytes] = processes.start(
            [
                *("sipp", *([server] if server else []), "-sf", str(file), "-nostdin"),
                *("-i", "127.0.0.1", "-p", str(port), "-t", "u1", "-buff_size", "2000000"),
                *("-trace_logs", "-log_file", str(self._statistics.with_suffix(".log.txt"))),
                *("-trace_stat", "-stf", str(self._statistics), "-fd", "1"),
                *(word for pair in options for word in pair if word),
            ],
            folder=folder,
            name=name,
        )

    def media_ports(self) -> list[int]:
        """Return where its answered calls were told to send their audio, so far."""
        file = self._statistics.with_suffix(".log.txt")
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def last(self) -> dict[str, int]:
        """Return what it counted last, as it calls it; empty before its first second is over."""
        if not self._statistics.exists():
            return {}
        with self._statistics.open("rb") as file:
            head = file.readline().decode().rstrip("\n").split(";")
            file.seek(max(file.tell(), file.seek(0, 2) - LAST_OCTETS))
            rows = file.read().decode().split("\n")[:-1]
        cells = rows[-1].split(";") if rows else []
        if len(cells) != len(head):
            return {}
        pairs = zip(head, cells, strict=True)
        return {name: int(cell) for name, cell in pairs if cell.isdecimal()}

    def ended_by(self, moment: float) -> set[str]:
        """Return the Call-IDs of what a caller that notes it had ended by a Unix time."""
        lines = self._statistics.with_suffix(".log.txt").read_text().split("\n")[:-1]
        ends = (line.split() for line in lines if line)
        return {call_id for call_id, *_, at in ends if float(at) <= moment}

    def end(self, timeout_s: float = 0.0) -> Outcome:
        """Wait for its calls to end, at most so long, and return how they went."""
        if timeout_s:
            processes.wait_for(self.process, timeout_s)
        processes.end(self.process, timeout_s=3.0)
        with self._statistics.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        if not rows:
            return Outcome(0, 1, 0.0)
        last = rows[-1]
        return Outcome(
            int(last["SuccessfulCall(C)"]),
            int(last["FailedCall(C)"]) + int(last["CurrentCall"]),
            float(last["ElapsedTime(C)"].rpartition(":")[2] or 0),
        )
