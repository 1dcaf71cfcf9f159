"""Starting the helper processes of these tests, and listening to what they recorded."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np

from tests.peers.nursery import ROOT, nursery
from tests.peers.ports import free_port_range

PEER = "tests.callengine.worker.plugins.peer"


class PeerProcess:
    """tests/callengine/worker/plugins/peer.py in a process of its own."""

    def __init__(self, **options: Any) -> None:
        # pjmedia follows whoever sends to its port, so two tests must never share one.
        options = {"rtp_port": free_port_range(10)[0]} | options
        command = ["-m", PEER, json.dumps(options)]
        self._peer = nursery(ROOT, PEER).converse(command, os.environ)
        self.hello = self._read()

    def __enter__(self) -> "PeerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._peer.process.kill()
        self._peer.stop()

    @property
    def uri(self) -> str:
        return f"sip:peer@{self.hello['address']}"

    def report(self) -> dict[str, Any]:
        report = self._read()
        assert self._peer.process.wait(20) == 0
        return report

    def _read(self) -> dict[str, Any]:
        for line in self._peer.said:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise AssertionError(f"peer ended with {self._peer.process.wait()}")


def run_python(source: str, *arguments: str, timeout_s: float = 60) -> dict[str, Any]:
    """Run a script in a process of its own; return the last JSON line it printed."""
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def heard_hz(path: Path, skip_s: float = 0.5) -> tuple[float, float]:
    """Return the strongest frequency in a recording and the share of power within 3 % of it."""
    with wave.open(str(path)) as recording:
        rate, channels = recording.getframerate(), recording.getnchannels()
        raw = recording.readframes(recording.getnframes())
    samples = np.frombuffer(raw, dtype="<i2").astype(float)[::channels]
    samples = samples[int(rate * skip_s) : -int(rate * 0.2)]
    assert len(samples) > rate / 2, f"{len(samples)} samples recorded"
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    power[frequencies < 50] = 0
    peak = float(frequencies[int(power.argmax())])
    near = np.abs(frequencies - peak) < peak * 0.03
    return peak, float(power[near].sum() / power.sum())


def sdp_of(messages: list[str]) -> str:
    """Return the body of the first message that carries SDP."""
    return next(m.partition("\r\n\r\n")[2] for m in messages if "application/sdp" in m)
