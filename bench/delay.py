"""Added one-way delay: `python -m bench.delay [--codecs G722,OPUS] [--jitter 60] ...`.

Noise in syllables goes both ways through calls that stand. What comes out is decoded and laid over
what went in. A switch that passes a payload on at once adds nothing; so what is printed is waiting,
resampling and the codecs' own look-ahead, the switch's encoder's and the listener's decoder's.
"""

import argparse
import heapq
import random
import struct
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from bench import processes, signals, talking
from bench.formats import CODECS
from bench.media import Address, arrived, open_socket
from bench.peers import able
from bench.signals import Samples
from bench.switches import Product, Switch, kept_port
from tests.peers.background import Background
from tests.peers.payloads import RATES_HZ, decode

PACKET_S = 0.02
COMPARED_HZ = 8000
SETTLE_S, SPOKEN_S = 1.5, 6.0
CHUNK_S = 0.2
"Of what came, this long a piece is looked for in what went."
LONGEST_S = 0.4
ALIKE = 0.4
Packet = tuple[float, int, int, bytes]
"When it came, sequence number, payload type and payload."


def noise(seconds: float, rate_hz: int) -> Samples:
    """Return noise of 300 to 3000 Hz, the same at every rate, in syllables."""
    count = round(seconds * COMPARED_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(5).normal(0, 1, count))
    hz = np.fft.rfftfreq(count, 1 / COMPARED_HZ)
    spectrum[(hz < 300) | (hz > 3000)] = 0
    spectrum *= np.exp(-hz / 1500)
    wide = np.zeros(round(seconds * rate_hz) // 2 + 1, complex)
    wide[: min(len(wide), len(spectrum))] = spectrum[: len(wide)]
    sound = np.fft.irfft(wide, round(seconds * rate_hz))
    at = np.arange(len(sound)) / rate_hz
    sound *= 0.3 + 0.7 * (np.sin(2 * np.pi * 4 * at) > 0)
    return (sound * (6000 / np.std(sound))).clip(-32000, 32000).astype(np.int16)


@dataclass
class End:
    """One UDP socket, the media address of one side of every call; notes when packets came."""

    codec: str
    payloads: list[bytes]
    targets: dict[Address, int] = field(default_factory=dict)
    "Where packets come from, and the payload type of these."
    came: dict[Address, list[Packet]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.socket = open_socket()
        self.port: int = self.socket.getsockname()[1]

    def greet(self, addresses: Iterable[Address]) -> None:
        """Send to these though nothing came from them yet."""
        number = CODECS[self.codec].static_type
        assert number is not None, "a dynamic payload type is learned from what comes"
        self.targets = dict.fromkeys(addresses, number) | self.targets

    def take(self) -> None:
        for data, source in arrived(self.socket):
            number, sequence = data[1] & 127, data[2] << 8 | data[3]
            self.targets.setdefault(source, number)
            kept = self.came.setdefault(source, [])
            kept.append((time.monotonic(), sequence, number, data[12:]))

    def send(self, tick: int) -> None:
        step = CODECS[self.codec].timestamp_step
        payload = self.payloads[tick % len(self.payloads)]
        for address, number in self.targets.items():
            at = tick * step & 0xFFFFFFFF
            header = struct.pack("!BBHII", 0x80, number, tick & 0xFFFF, at, self.port)
            try:
                self.socket.sendto(header + payload, address)
            except OSError:
                continue


class Ends(Background):
    """Both sides of all calls; the callee's packets go `phase_s` after the caller's."""

    def __init__(self, caller: End, callee: End, *, phase_s: float, jitter_s: float) -> None:
        super().__init__()
        self.sides = (caller, callee)
        self.starts: tuple[float, float] = (0.0, 0.0)
        self._phase_s, self._jitter_s = phase_s, jitter_s
        self._random = random.Random(3)

    def _close(self) -> None:
        for side in self.sides:
            side.socket.close()

    def _run(self) -> None:
        processes.prefer_this_thread()  # how busy the ends are must not tell
        began = time.monotonic() + 0.01
        self.starts = (began, began + self._phase_s)
        due = [(start, index, 0) for index, start in enumerate(self.starts)]
        while not self._over.is_set():
            now = time.monotonic()
            while due and due[0][0] <= now:
                _, index, tick = heapq.heappop(due)
                self.sides[index].send(tick)
                self._plan(due, index, tick)
            for side in self.sides:
                side.take()
            time.sleep(0.0005)

    def _plan(self, due: list[tuple[float, int, int]], index: int, tick: int) -> None:
        moment = self.starts[index] + (tick + 1) * PACKET_S
        heapq.heappush(due, (moment + self._random.random() * self._jitter_s, index, tick + 1))


def decoded(codec: str, packets: list[Packet]) -> tuple[Samples, float]:
    """Return the sound of one call's packets at COMPARED_HZ, and when its first sample was due."""
    first = packets[0][1]
    slots = {(sequence - first) & 0xFFFF: (at, data) for at, sequence, _, data in packets}
    count = max(slots) + 1
    begun = float(np.median([at - slot * PACKET_S for slot, (at, _) in slots.items()]))
    payloads = [slots[slot][1] for slot in range(count) if slot in slots]
    sound = decode(codec, payloads)
    step = RATES_HZ[codec] // COMPARED_HZ
    size = len(sound) // step * step
    return sound[:size].reshape(-1, step).mean(axis=1).astype(np.int16), begun


def lags(came: Samples, begun: float, went: Samples, start: float, since: float) -> list[float]:
    """Return by how many seconds each piece of what came is late; NaN for one that is not known."""
    late_s, size = [], round(CHUNK_S * COMPARED_HZ)
    first = max(0, round((since - begun) * COMPARED_HZ))
    room = round(LONGEST_S * COMPARED_HZ)
    for at in range(first, len(came) - size, size):
        piece = came[at : at + size].astype(float)
        position = round((begun - start) * COMPARED_HZ) + at
        index = np.arange(position - room, position + size) % len(went)
        source = went[index].astype(float)
        likeness = np.correlate(source, piece, "valid")
        energy = np.cumsum(np.concatenate(([0.0], source**2)))
        norms = np.sqrt((energy[size:] - energy[:-size]) * (piece**2).sum()) + 1e-9
        best = int(np.argmax(likeness / norms))
        alike = likeness[best] / norms[best] > ALIKE
        late_s.append((room - best) / COMPARED_HZ if alike else float("nan"))
    return late_s


def measure(
    switch: Switch,
    codec: str,
    port: int,
    *,
    calls: int,
    jitter_s: float,
    phase_s: float,
    spoken_s: float = SPOKEN_S,
) -> list[list[list[float]]]:
    """Return the lags of every call to the callee, and of every call to the caller."""
    sent = [noise(8.0, CODECS[name].audio_rate_hz) for name in ("PCMU", codec)]
    sides = [
        End(name, signals.payloads_of(name, sound))
        for name, sound in zip(("PCMU", codec), sent, strict=True)
    ]
    with (
        Ends(*sides, phase_s=phase_s, jitter_s=jitter_s) as ends,
        talking.standing(
            switch,
            codec=codec,
            callee_port=port,
            calls=calls,
            seconds=spoken_s,
            ends=(sides[0], sides[1]),
            settle_s=SETTLE_S,
        ),
    ):
        since = time.monotonic()
        time.sleep(spoken_s)
    went = noise(8.0, COMPARED_HZ)
    heard = []
    for side, other in ((1, 0), (0, 1)):
        of_calls = []
        for packets in sides[side].came.values():
            sound, begun = decoded(sides[side].codec, packets)
            of_calls.append(lags(sound, begun, went, ends.starts[other], since))
        heard.append(of_calls)
    return heard


def row(name: str, codec: str, heard: list[list[list[float]]]) -> str:
    """Return one line of the table: to the callee, to the caller, and what was not known again."""
    cells = []
    for of_calls in heard:
        means = [1000 * float(np.nanmean(call)) for call in of_calls if not np.isnan(call).all()]
        cells.append(f"{np.mean(means):>6.1f} {np.min(means):>6.1f} {np.max(means):>6.1f}")
    every = [lag for of_calls in heard for call in of_calls for lag in call]
    return (
        f"{name:>18}  {codec:>7}  {cells[0]}   {cells[1]}   {100 * np.isnan(every).mean():>5.1f} %"
    )


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.delay", description=__doc__)
    parser.add_argument("--codecs", default="G722,OPUS", help="of the callees; callers have PCMU")
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--jitter", type=float, default=0.0, help="ms; packets are late by 0 to it")
    parser.add_argument("--phase", type=float, default=7.0, help="ms from caller's to callee's")
    parser.add_argument("--no-baseline", action="store_true", help="leave the peers out")
    asked = parser.parse_args()
    codecs = asked.codecs.split(",")
    ports = {codec: kept_port() for codec in codecs}
    print(f"load average {processes.load():.2f}; jitter {asked.jitter:.0f} ms; {asked.calls} calls")
    print("ms added: mean, least and most of a call, to the callee; the same to the caller")
    with Product(ports, max_calls=asked.calls + 20) as product:
        for codec in codecs:
            words = {
                "calls": asked.calls,
                "jitter_s": asked.jitter / 1000,
                "phase_s": asked.phase / 1000,
            }
            print(row(product.name, codec, measure(product, codec, ports[codec], **words)))
            for kind in () if asked.no_baseline else able(codec):
                with kind(codec, ports[codec]) as peer:
                    print(row(peer.name, codec, measure(peer, codec, ports[codec], **words)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
