"""By what a call process grows with the calls it has had: `python -m bench.ageing [--calls 90]`.

Four callers with PCMU call again and again, PCMU, OPUS, G722 and AMR-WB in turn, through a real
engine that has them answered by the same four call processes. Loopback only; ends by itself.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator

from bench import processes, talking
from bench.media import Media
from bench.switches import Product, free_port

CODECS = ("PCMU", "OPUS", "G722", "AMR-WB")
AT_ONCE = 4
SETTLE_S, TALK_S, AFTER_S = 0.6, 0.3, 0.5
LOOKED_AT = (1, 2, 3, 5, 7, 10, 15, 20, 25)
EACH_FURTHER = 10
MOST_CALLS = 99
"A call process is replaced after its hundredth call."


def sizes(product: Product) -> list[tuple[float, float]]:
    """Return the MB of each call process that has had calls: proportional (PSS), and its own.

    They are the largest of those that have no child.
    """
    everyone = processes.everyone()
    leaves = (pid for pid in everyone.below(product.process.pid) if pid not in everyone.children)
    return sorted((_size(pid) for pid in leaves), reverse=True)[:AT_ONCE]


def _size(pid: int) -> tuple[float, float]:
    try:
        size = processes.sizes_mb(pid)
    except OSError:
        return 0.0, 0.0
    return size["Pss"], size["Private_Dirty"] + size["Private_Clean"]


def rounds(product: Product, ports: dict[str, int], calls: int) -> Iterator[int]:
    """Have each call process do so many calls; yield how many it has had."""
    for number in range(1, calls + 1):
        codec = CODECS[(number - 1) % len(CODECS)]
        with (
            Media(*talking.sides(codec)) as ends,
            talking.standing(
                product,
                codec=codec,
                callee_port=ports[codec],
                calls=AT_ONCE,
                seconds=TALK_S,
                ends=(ends.caller, ends.callee),
                settle_s=SETTLE_S,
            ),
        ):
            time.sleep(TALK_S)
        time.sleep(AFTER_S)
        yield number


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.ageing", description=__doc__)
    parser.add_argument("--calls", type=int, default=90, help="that each call process has")
    calls = parser.parse_args().calls
    if not 1 <= calls <= MOST_CALLS:
        parser.error(f"--calls from 1 to {MOST_CALLS}")
    if not shutil.which("sipp"):
        print("missing: sipp (Debian: sip-tester)", file=sys.stderr)
        return 2
    ports = {codec: free_port() for codec in CODECS}
    print(f"{'calls each':>10} {'MB (PSS)':>24} {'MB of its own':>24}", flush=True)
    with Product(ports, max_calls=AT_ONCE) as product:
        for number in rounds(product, ports, calls):
            if number in LOOKED_AT or not number % EACH_FURTHER:
                parts = zip(*sizes(product), strict=True)
                shown = (" ".join(f"{mb:>5.2f}" for mb in part) for part in parts)
                print(f"{number:>10} {' '.join(f'{text:>24}' for text in shown)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
