"""Starting the helper processes of these tests, and listening to what they recorded."""

import json
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np

from tests.peers.ports import free_port_range

ROOT = Path(__file__).resolve().parents[4]


class PeerProcess:
    """tests/callengine/worker/plugins/peer.py in a process of its own."""

    def __init__(self, **options: Any) -> None:
        # pjmedia follows whoever sends to its port, so two tests must never share one.
        options = {"rtp_port": free_port_range(10)[0]} | options
        command = [
            sys.executable,
            "-m",
            "tests.callengine.worker.plugins.peer",
            json.dumps(options),
        ]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.hello = self._read()

    def __enter__(self) -> "PeerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    @property
    def uri(self) -> str:
        return f"sip:peer@{self.hello['address']}"

    def report(self) -> dict[str, Any]:
        report = self._read()
        assert self._process.wait(timeout=20) == 0
        return report

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise AssertionError(f"peer ended with {self._process.wait()}")


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
