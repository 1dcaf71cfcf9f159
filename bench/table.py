"""All the figures that have a goal: `python -m bench.table [--rounds 5] [--calls 20] ...`.

The product and the peers that are here, in turns, in one run. A figure is printed as soon as it is
there, the whole table at the end or when it is stopped. `(!)` marks a goal that is missed; the exit
status tells.
"""

import argparse
import shutil
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

from bench import processes
from bench.clean import STEPS
from bench.goals import COSTS, PARTS
from bench.peers import PEERS
from bench.switches import Product, kept_port
from bench.turns import Row, Run, heading

NOTES = """\
kamailio+rtpengine: OPUS of two channels at complexity 10 (ours and baresip's: one, 5), which cannot
be set there; no encoder of AMR-WB. baresip: answers 180 before it calls, and registers nobody."""


def main() -> int:
    """Run what was asked for; the exit status says whether all goals are kept."""
    asked = _arguments()
    if not shutil.which("sipp"):
        print("missing: sipp (Debian: sip-tester)", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    absent = [peer.name for peer in PEERS if not peer.available()]
    print(_machine() + (f"; absent: {', '.join(absent)}" if absent else ""))
    ports = {codec: kept_port() for codec in COSTS}
    rows: list[Row] = []
    few = asked.few or (asked.rounds + 1) // 2
    with Product(ports, max_calls=max(STEPS[-1], asked.calls) + 20) as product:
        run = Run(product, ports, asked.rounds, few, asked.calls, asked.seconds)
        with suppress(KeyboardInterrupt):
            for name, part in ((of, part) for of in asked.parts for part in PARTS[of]):
                print(f"\n{name}: load average {processes.load():.2f}", flush=True)
                done = part(run)
                rows += done
                print(heading(), *(row.line() for row in done), sep="\n", flush=True)
        minutes = (time.monotonic() - run.began) / 60
    print(f"\n{_machine()}; {asked.calls} calls; {minutes:.1f} minutes")
    print(heading(), *(row.line() for row in rows), NOTES, sep="\n")
    return 1 if not rows or any(row.missed for row in rows) else 0


def _machine() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{now}, load average {processes.load():.2f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.table", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts")
    parser.add_argument(
        "--few", type=int, default=0, help="rounds of rates, registrations and delay; half"
    )
    parser.add_argument("--calls", type=int, default=20, help="up at once (at most 200)")
    parser.add_argument("--seconds", type=float, default=4.0, help="that calls talk")
    parser.add_argument("--parts", default=",".join(PARTS), help="what to measure, in this order")
    asked = parser.parse_args()
    asked.parts = asked.parts.split(",")
    if unknown := [name for name in asked.parts if name not in PARTS]:
        parser.error(f"unknown part {unknown[0]}; known: {', '.join(PARTS)}")
    if not 1 <= asked.calls <= min(peer.calls for peer in PEERS):
        parser.error("--calls must be 1 to 200")
    if asked.rounds < 1:
        parser.error("--rounds must be at least 1")
    return asked


if __name__ == "__main__":
    sys.exit(main())
