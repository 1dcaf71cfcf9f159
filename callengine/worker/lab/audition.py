"""A process that encodes and decodes a sound as calls do, for people to hear what becomes of it.

Run as `python -m callengine.worker.lab.audition`. On its input, for each sound a line of JSON
`{"codecs": [...], "rate_hz": ..., "lost": [...], "relayed": ..., "bytes": ...}` and the samples: 16
bits, mono, SOURCE_RATE_HZ. Back come a line `{"rate_hz": ..., "payload_bytes": [...], "bytes":
...}` and the samples heard, or a line `{"error": ...}`. It ends with its input.
"""

import json
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any, BinaryIO

from audiocodecs import g711
from callengine.core.audition import PACKET_MS, SOURCE_RATE_HZ
from callengine.worker.audio.callercodecs import CallerCodec
from callengine.worker.audio.codecs import VoiceCodec
from callengine.worker.audio.resampler import Resampler
from callengine.worker.native import loading
from callengine.worker.plugins import fmtp

PAYLOAD_TYPE = 96
"None of it is sent."
NICE = 10
"Calls come first, and a person who listens can wait."


class HeardLeg:
    """One codec, from samples of some rate to what is heard at the codec's own."""

    def __init__(self, name: str, rate_in_hz: int, wanted_hz: int) -> None:
        """OPUS runs at `wanted_hz`. Raises WrongBuildError or LibraryMissingError."""
        codec = CallerCodec(name, PAYLOAD_TYPE, _format(name, wanted_hz))
        self.rate_hz = codec.rate_hz(wanted_hz)
        self.payload_bytes = 0
        # Two instances: what one device encodes another decodes.
        self._encoder, self._decoder = codec.open(self.rate_hz), codec.open(self.rate_hz)
        self._resampler = _resampler(rate_in_hz, self.rate_hz)

    def heard(self, payloads: Sequence[bytes], lost: Collection[int] = ()) -> Iterator[bytes]:
        """Yield what is heard of each payload; those `lost` are concealed."""
        for index, payload in enumerate(payloads):
            if index not in lost:
                yield self._decoder.decode(payload)
                continue
            # A jitter buffer holds the packet after a lost one, unless that is lost as well.
            held = index + 1 < len(payloads) and index + 1 not in lost
            following = payloads[index + 1] if held else b""
            yield self._decoder.conceal(PACKET_MS, following)

    def payloads(self, frames: Iterator[bytes]) -> list[bytes]:
        """Return the payload of each frame."""
        made = []
        for frame in frames:
            samples = frame if self._resampler is None else self._resampler.run(frame)
            made.append(self._encoder.encode(samples))
        self.payload_bytes = sum(map(len, made))
        return made

    def close(self) -> None:
        """Free what it holds."""
        closing: list[VoiceCodec | Resampler | None] = [self._encoder, self._decoder]
        for part in (*closing, self._resampler):
            if part is not None:
                part.close()


def run(
    samples: bytes,
    codecs: Sequence[str],
    *,
    rate_hz: int,
    lost: Collection[int],
    is_relayed: bool,
) -> tuple[int, list[int], bytes]:
    """Return rate, bytes of payload of each leg, and samples, of what is heard through codecs."""
    if is_relayed:
        return _relayed(samples, codecs[0], codecs[1], lost)
    legs: list[HeardLeg] = []
    sound, rate = _frames(samples, SOURCE_RATE_HZ), SOURCE_RATE_HZ
    try:
        for name in codecs:
            leg = HeardLeg(name, rate, rate_hz)
            legs.append(leg)
            # Only what the talker's device sends is lost.
            missing = lost if len(legs) == 1 else ()
            sound, rate = leg.heard(leg.payloads(sound), missing), leg.rate_hz
        heard = b"".join(sound)
    finally:
        for leg in legs:
            leg.close()
    return rate, [leg.payload_bytes for leg in legs], heard


def _relayed(
    samples: bytes, talker: str, listener: str, lost: Collection[int]
) -> tuple[int, list[int], bytes]:
    """Return the same where packets are passed on: the listener's device conceals what is lost."""
    one = HeardLeg(talker, SOURCE_RATE_HZ, SOURCE_RATE_HZ)
    other = HeardLeg(listener, one.rate_hz, SOURCE_RATE_HZ)
    try:
        payloads = one.payloads(_frames(samples, SOURCE_RATE_HZ))
        if one.rate_hz != other.rate_hz:
            arrived = [payload for index, payload in enumerate(payloads) if index not in lost]
            coded = iter(other.payloads(one.heard(arrived)))
            payloads = [b"" if index in lost else next(coded) for index in range(len(payloads))]
        elif talker != listener:
            table = g711.between(talker, listener)
            payloads = [payload.translate(table) for payload in payloads]
        heard = b"".join(other.heard(payloads, lost))
    finally:
        one.close()
        other.close()
    return other.rate_hz, [one.payload_bytes] * 2, heard


def _frames(samples: bytes, rate_hz: int) -> Iterator[bytes]:
    """Yield packets' worth of samples; the last is filled up with silence."""
    size = rate_hz * PACKET_MS // 1000 * 2
    for at in range(0, len(samples), size):
        yield samples[at : at + size].ljust(size, b"\0")


def _format(name: str, rate_hz: int) -> str:
    """Return the format parameters that we agree on with devices."""
    if name == "ILBC":
        return f"mode={PACKET_MS}"
    return fmtp.opus_offer_fmtp(rate_hz) if name == "OPUS" else fmtp.OFFER_FMTP.get(name, "")


def _resampler(rate_in_hz: int, rate_out_hz: int) -> Resampler | None:
    return None if rate_in_hz == rate_out_hz else Resampler(rate_in_hz, rate_out_hz, PACKET_MS)


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends."""
    while line := asked.readline():
        order = json.loads(line)
        samples = asked.read(order["bytes"])
        answer: dict[str, Any]
        try:
            rate, payload_bytes, heard = run(
                samples,
                order["codecs"],
                rate_hz=order["rate_hz"],
                lost=frozenset(order["lost"]),
                is_relayed=order["relayed"],
            )
            answer = {"rate_hz": rate, "payload_bytes": payload_bytes, "bytes": len(heard)}
        except Exception as error:  # noqa: BLE001 (told to the engine, which says it)
            answer, heard = {"error": f"{type(error).__name__}: {error}"}, b""
        answers.write(json.dumps(answer).encode() + b"\n" + heard)
        answers.flush()


def main() -> None:
    """Start what is needed of pjsua2, and no more; then serve."""
    os.nice(NICE)
    loading.load()  # before pjsua2: calls use its filters
    import pjsua2 as pj

    from callengine.worker import plugins
    from callengine.worker.pjsua.library import keep_g722_levels, quieten

    quieten()
    library = pj.Endpoint()
    library.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.medConfig.clockRate = SOURCE_RATE_HZ
    library.libInit(config)
    keep_g722_levels()
    plugins.install([codec.codecId for codec in library.codecEnum2()])
    serve(sys.stdin.buffer, sys.stdout.buffer)
    # Past `libDestroy` pjsua2's destructors assert; nothing is left to clean up.
    os._exit(0)


if __name__ == "__main__":
    main()
