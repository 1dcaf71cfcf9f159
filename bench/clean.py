"""How many frames of calls come on time: every call's stream against its own beat."""

import time
from collections.abc import Iterable

import numpy as np

from bench import talking
from bench.delay import PACKET_S, End, Ends, Packet, noise
from bench.formats import CODECS
from bench.signals import payloads_of
from bench.switches import Switch

CLEAN = 0.999
LATE_S = 0.020
"After its stream's median beat: a listener who waits one frame longer than for most lacks it."
STEPS = (80, 110, 140, 160, 180)
FIRST = STEPS.index(160)
SETTLE_S, WATCHED_S = 3.0, 5.0
PHASE_S = 0.007


def on_time(packets: Iterable[Packet], since: float, until: float) -> int:
    """Return how many of one stream's packets that came between two moments kept its beat."""
    came = [(at, sequence) for at, sequence, _, _ in packets if since <= at < until]
    if not came:
        return 0
    first = came[0][1]
    # The distance from the first, which need not be the least: -32768 to 32767.
    slots = {((sequence - first + 0x8000) & 0xFFFF) - 0x8000: at for at, sequence in came}
    beats = np.array([at - slot * PACKET_S for slot, at in slots.items()])
    return int((beats - np.median(beats) <= LATE_S).sum())


def share(switch: Switch, codec: str, port: int, calls: int) -> float:
    """Return the share of the frames due, both ways, that came on time in the codec asked for."""
    names = ("PCMU", codec)
    sides = [End(name, payloads_of(name, noise(2.0, CODECS[name].audio_rate_hz))) for name in names]
    with (
        Ends(*sides, phase_s=PHASE_S, jitter_s=0.0),
        talking.standing(
            switch,
            codec=codec,
            callee_port=port,
            calls=calls,
            seconds=WATCHED_S,
            ends=(sides[0], sides[1]),
            settle_s=SETTLE_S,
        ),
    ):
        since = time.monotonic()
        time.sleep(WATCHED_S)
        until = time.monotonic()
    good = 0
    for side in sides:
        wanted = CODECS[side.codec].static_type
        for packets in side.came.values():
            good += on_time((packet for packet in packets if packet[2] == wanted), since, until)
    return good / (2 * calls * (until - since) / PACKET_S)
