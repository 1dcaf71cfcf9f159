"""How firm the engine stands: `python -m bench.standing [NAMES] [--root CHECKOUT]`.

Attacks an engine of its own, on loopback, as a stranger would, and prints one figure a line.
`--root` is the checkout the engine runs from, so that two versions are measured by one script.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import processes
from bench.standing import amplifying, dead_phones, flooding, freezing, strangers_media, torture
from bench.standing.figures import Figure, table
from tests.peers.engine import ROOT

PARTS: dict[str, Callable[[Path], Awaitable[list[Figure]]]] = {
    "freeze": freezing.measure,
    "dead": dead_phones.measure,
    "flood": flooding.measure,
    "media": strangers_media.measure,
    "amplification": amplifying.measure,
    "torture": torture.measure,
}


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.standing", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to run")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in PARTS]:
        parser.error(f"unknown {unknown[0]}; known: {', '.join(PARTS)}")
    # Late answers after a flood upset the phones' stack, which says so at length.
    logging.disable()
    started = time.monotonic()
    print(f"the engine of {asked.root.resolve()}; load {processes.load():.1f}", flush=True)
    for name in asked.names or PARTS:
        figures = asyncio.run(PARTS[name](asked.root.resolve()))
        if figures:
            print(f"\n{name}\n{table(figures)}", flush=True)
    print(f"\n{time.monotonic() - started:.0f} s; load {processes.load():.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
