"""Paths without a call: pjsua2 in a process of its own, and phones that are pjmedia's codecs.

Run as `python -m tests.callengine.worker.audio.offline`: each line of its input is a script, as
JSON; each line of its output is what the script called `result`, or how it failed.
"""

import json
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from agents.formats import AudioFormat, Encoding
from callengine.worker.audio.callercodecs import CallerCodec
from callengine.worker.audio.paths import PathError, Paths, open_paths
from callengine.worker.pjsua.library import keep_g722_levels, quieten
from callengine.worker.rtp.heard import StreamFormat
from tests.callengine.worker.plugins.driver import Codec, Samples, endpoint, strongest_hz, tone

ROOT = Path(__file__).resolve().parents[4]
CODEC_IDS = {
    "PCMU": ("PCMU/8000/1", 8000),
    "PCMA": ("PCMA/8000/1", 8000),
    "G722": ("G722/16000/1", 16_000),
    "OPUS": ("opus/48000/2", 48_000),
    "AMR-WB": ("AMR-WB/16000/1", 16_000),
}
LAWS = {Encoding.PCMU: "PCMU", Encoding.PCMA: "PCMA"}
TONE_HZ = 1000


class Offline:
    """The process, started once; it knows all that this module knows."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, body: str) -> Any:
        """Run a script; return its `result`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(body) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                assert "failed" not in answer, answer["failed"]
                return answer["result"]
        raise AssertionError(f"the process ended with {self._process.wait()}")


def paths_of(name: str, heard: str, said: str, fmtp: str = "", ptime_ms: int = 20) -> Paths:
    return open_paths(
        CallerCodec(name, 96, fmtp, ptime_ms),
        input_format=AudioFormat(Encoding(heard)),
        output_format=AudioFormat(Encoding(said)),
    )


def stream_of(name: str, ptime_ms: int = 20) -> StreamFormat:
    """Return what RTP is like of a caller in a codec."""
    return CallerCodec(name, 96, "", ptime_ms).stream()


class CallersPhone:
    """A phone on one codec: pjmedia's own encoder and decoder, at the codec's full rate."""

    def __init__(self, name: str, fmtp: str = "") -> None:
        codec_id, self.rate_hz = CODEC_IDS[name]
        self._codec = Codec(codec_id, self.rate_hz, fmtp)
        self._per_frame = self.rate_hz // 50

    def payloads(self, samples: Samples) -> list[bytes]:
        step = self._per_frame
        parts = [samples[at : at + step].copy() for at in range(0, len(samples) - step + 1, step)]
        return [self._codec.encode(part) for part in parts]

    def hear(self, payloads: list[bytes]) -> Samples:
        heard = [
            self._codec.decode(piece)
            for number, payload in enumerate(payloads)
            for piece, _, _ in self._codec.parse(payload, number * 960)
        ]
        return np.concatenate([part for part in heard if part is not None])


def written(samples: Samples, encoding: str) -> bytes:
    """Return samples as an agent writes them, by pjmedia's G.711 and not by ours."""
    law = LAWS.get(Encoding(encoding))
    return samples.tobytes() if law is None else b"".join(CallersPhone(law).payloads(samples))


def read(audio: bytes, encoding: str) -> Samples:
    law = LAWS.get(Encoding(encoding))
    if law is None:
        return np.frombuffer(audio, dtype=np.int16)
    return CallersPhone(law).hear([audio[at : at + 160] for at in range(0, len(audio), 160)])


def measured(samples: Samples, rate_hz: int) -> list[float]:
    """Return the pitch in Hz, and the level against the tone that was sent, in dB."""
    steady = samples[rate_hz // 4 :].astype(float)
    level = np.sqrt(np.mean(steady**2)) / (10_000 / np.sqrt(2))
    return [strongest_hz(steady, rate_hz), float(20 * np.log10(level))]


def tone_both_ways(name: str, heard: str, said: str, ptime_ms: int = 20) -> dict[str, list[float]]:
    """Send a tone from the phone to the agent, and from the agent to the phone."""
    paths, phone = paths_of(name, heard, said, ptime_ms=ptime_ms), CallersPhone(name)
    to_agent = b"".join(
        paths.to_agent.sound(payload) for payload in phone.payloads(tone(phone.rate_hz, TONE_HZ, 1))
    )
    rate_hz = AudioFormat(Encoding(said)).sample_rate_hz
    audio, size = written(tone(rate_hz, TONE_HZ, 1.2), said), paths.to_caller.frame_bytes
    sent = [
        paths.to_caller.payload(audio[at : at + size])
        for at in range(0, len(audio) - size + 1, size)
    ]
    found = {
        "agent": measured(read(to_agent, heard), paths.to_agent.audio.sample_rate_hz),
        "phone": measured(phone.hear(sent), phone.rate_hz),
    }
    paths.close()
    return found


def main() -> None:
    quieten()
    with endpoint(16_000):
        keep_g722_levels()
        for line in sys.stdin:
            known = {**globals(), "PathError": PathError}
            try:
                exec(json.loads(line), known)
                answer = {"result": known["result"]}
            except Exception:  # noqa: BLE001 - told to the test, whose script it is
                answer = {"failed": traceback.format_exc()}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
