"""How many frames of calls come on time: phones and their clocks are those of `bench.lasting`."""

import time

from bench import processes, talking
from bench.formats import CODECS
from bench.lasting.phones import Address, End, Phones
from bench.lasting.streams import LATE_NS, NS, Tally
from bench.switches import Switch

CLEAN = 0.999
STEPS = (80, 110, 140, 160, 180)
FIRST = STEPS.index(160)
SETTLE_S, WATCHED_S = 4.0, 5.0
SILENT_S = 0.1
"After its last frame for so long, a stream is not over but lacks frames."


class _PreferredPhones(Phones):
    """Phones whose thread has real-time priority, if it may: how busy they are must not tell."""

    def _run(self) -> None:
        processes.prefer_this_thread()
        super()._run()


def share(switch: Switch, codec: str, port: int, calls: int) -> float:
    """Return the share of the frames due, both ways, that came in time.

    Raises RuntimeError if what came is not in the codec asked for.
    """
    ends = [End(name, marked=False) for name in ("PCMU", codec)]
    with (
        _PreferredPhones(ends),
        talking.standing(
            switch,
            codec=codec,
            callee_port=port,
            calls=calls,
            seconds=WATCHED_S,
            ends=(ends[0], ends[1]),
            settle_s=SETTLE_S,
        ),
    ):
        for end in ends:
            end.tally = Tally()
        before = [_so_far(end) for end in ends]
        time.sleep(WATCHED_S)
        after, tallies = [_so_far(end) for end in ends], [end.close() for end in ends]
        wrong = sum(
            stream.payload_type != CODECS[name].static_type
            for name, end in zip(("PCMU", codec), ends, strict=True)
            for stream in end.streams.copy().values()
        )
    if wrong:
        raise RuntimeError(f"{wrong} streams in another codec")
    late = sum(tally.late for tally in tallies)
    came, due = 0, 0
    for first, last in zip(before, after, strict=True):
        due += (calls - len(first)) * round(WATCHED_S * NS / LATE_NS)
        for source, (frames, at_ns) in first.items():
            gone, until_ns = last.get(source, (frames, at_ns))
            wanted = round(max(until_ns - at_ns, (WATCHED_S - SILENT_S) * NS) / LATE_NS)
            due, came = due + wanted, came + min(gone - frames, wanted)
    return (came - late) / due


def _so_far(end: End) -> dict[Address, tuple[int, int]]:
    """Return the frames of each stream, and when the last came."""
    return {at: (stream.frames, stream.last_ns) for at, stream in end.streams.copy().items()}
