"""Paths without a call: pjsua2 in a process of its own, and phones that are pjmedia's codecs."""

from typing import Any

import numpy as np

from agents.formats import AudioFormat, Encoding
from callengine.worker.audio.callercodecs import CallerCodec
from callengine.worker.audio.paths import Paths, open_paths
from tests.callengine.worker.plugins.driver import Codec, Samples, strongest_hz, tone
from tests.callengine.worker.plugins.processes import run_python

PREAMBLE = """
import json
import numpy as np
from agents.formats import AudioFormat, Encoding
from callengine.worker.audio.callercodecs import CallerCodec
from callengine.worker.audio.paths import PathError, open_paths
from callengine.worker.endpoint import keep_g722_levels
from tests.callengine.worker.audio.offline import *
"""
CODEC_IDS = {
    "PCMU": ("PCMU/8000/1", 8000),
    "PCMA": ("PCMA/8000/1", 8000),
    "G722": ("G722/16000/1", 16_000),
    "OPUS": ("opus/48000/2", 48_000),
    "AMR-WB": ("AMR-WB/16000/1", 16_000),
}
LAWS = {Encoding.PCMU: "PCMU", Encoding.PCMA: "PCMA"}
TONE_HZ = 1000


def run(body: str) -> Any:
    """Run a script with pjsua2 and the codecs; return its `result`."""
    indented = "\n".join("    " + line for line in body.strip().splitlines())
    source = (
        f"{PREAMBLE}\nfrom tests.callengine.worker.plugins.driver import endpoint\n"
        f"with endpoint(16000):\n    keep_g722_levels()\n{indented}\n"
        "print(json.dumps({'result': result}))"
    )
    return run_python(source)["result"]


def paths_of(name: str, heard: str, said: str, fmtp: str = "", ptime_ms: int = 20) -> Paths:
    return open_paths(
        CallerCodec(name, 96, fmtp, ptime_ms),
        input_format=AudioFormat(Encoding(heard)),
        output_format=AudioFormat(Encoding(said)),
    )


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
