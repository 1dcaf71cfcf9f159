"""Whether it lasts: `python -m bench.lasting [--minutes 60] [--load 80] [--core N] [--ripen N]`.

Calls of some minutes come and go through a real engine, as many at once as keep the processors as
busy as asked for; printed is which frames came late, what grew, and what had to be ended. Loopback
only; ends by itself, or on SIGTERM with what it has.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from bench import processes
from bench.lasting import callers, findings, processor, sizes
from bench.lasting.callers import MOST_CALLS, RIPENING, Mix
from bench.lasting.findings import share
from bench.lasting.phones import Phones
from bench.lasting.processor import Look, Shares
from bench.lasting.streams import Tally
from bench.switches import Product, free_port

SWITCH_S = 0.0005
"How long the thread that prints may keep the one that speaks from the interpreter."
IDLE_S, SETTLE_S, LOOK_S = 5.0, 6.0, 6.0
FILL_S = 40.0
SIPP_S = 2.0
"Until a SIPp hears what it is told."
STEPS = 10
FIRST = 12
"Calls for each processor to begin with."
NEAR, KEPT_BACK = 0.02, 0.03
"Of the load: what is as good as reached; what set-ups and ends will take once calls are over."
RIPE = 25
"Calls, after which a call process hardly grows any more; `bench.ageing` shows it."
RIPENED_WITHIN_S = 600.0
TRIMMED_MINUTES = 4
"After these as many calls stand as stand then."
STOP_S = 60.0


@dataclass(frozen=True, slots=True)
class Minute:
    """What one minute brought, so far."""

    frames: int
    late: int
    with_us: int
    lost: int
    sent: int
    sent_late: int
    by_codec: dict[str, tuple[int, int]]
    "Frames of both ways, and those of them that were late."


class Run:
    """One hour: the product, its callers and the ends of their media."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._target = asked.load / 100
        self._over = threading.Event()
        self.sizes: list[sizes.Size] = []

    def stop(self, *_: object) -> None:
        """Have it come to its end."""
        self._over.set()

    def run(self) -> bool:
        """Measure, and say what was found; return whether it lasted."""
        port = free_port()
        targets = dict.fromkeys(callers.CALLEES, port)
        with ExitStack() as stack:
            self._product = stack.enter_context(Product(targets, max_calls=MOST_CALLS + 40))
            self._ends = callers.ends()
            self._phones = stack.enter_context(Phones(list(self._ends.values())))
            self._over.wait(SETTLE_S)
            self._idle = self._shares(IDLE_S)
            print(
                f"no calls: {100 * self._idle.own:.0f} % ours, {100 * self._idle.busy:.0f} % busy",
                flush=True,
            )
            self._callee = stack.enter_context(callers.callees(self._product, port, self._ends))
            # Who holds the interpreter and waits for the processor would hold up the phones.
            processor.come_first()
            first = self._asked.ripen
            with self._ripen(first) if first else contextlib.nullcontext():
                self._mix = stack.enter_context(Mix(self._product, self._ends))
                self._over.wait(SIPP_S)
                self._mix.hold(first)
            self._fill()
            for end in self._ends.values():
                end.tally = Tally()
            self._phones.reset()
            lasted = self._hold()
            return self._sum_up(lasted)

    # The load

    def _look(self) -> Look:
        return processor.look(self._product.process.pid)

    def _shares(self, seconds: float) -> Shares:
        before = self._look()
        self._over.wait(seconds)
        return self._look().since(before)

    @contextlib.contextmanager
    def _ripen(self, calls: int) -> Iterator[None]:
        """Let call processes have their first calls; in the context the last of these end."""
        began = time.monotonic()
        with Mix(self._product, self._ends, RIPENING) as early:
            self._over.wait(SIPP_S)
            early.hold(calls)
            while early.ended() < RIPE * calls and time.monotonic() < began + RIPENED_WITHIN_S:
                if self._over.wait(1.0):
                    break
            early.no_more()
            yield
            until = time.monotonic() + FILL_S
            while early.standing() and time.monotonic() < until and not self._over.wait(0.5):
                pass
            print(
                f"{early.ended()} calls of some seconds, {calls} at once, in "
                f"{time.monotonic() - began:.0f} s; failed: {early.failed().total()}",
                flush=True,
            )

    def _fill(self) -> None:
        """Raise the number of calls until product and callers use the share asked for."""
        calls = self._asked.calls or self._asked.ripen or FIRST * len(os.sched_getaffinity(0))
        target = self._target - KEPT_BACK
        own = 0.0
        for _ in range(STEPS):
            before, own = own, self._with(calls)
            if self._asked.calls or self._over.is_set() or abs(own - target) <= NEAR:
                return
            if own < before:
                print("no more is to be had: others use these processors as well", flush=True)
                return
            calls = self._towards(target, own, calls, 0.8)

    def _towards(self, target: float, own: float, calls: int, part: float) -> int:
        """Return how many calls to have next, to come this part of the way to the target."""
        each = max(own - self._idle.own, 0.01) / max(1, calls)
        wanted = calls + part * (target - own) / each
        return round(min(max(wanted, calls / 2, len(callers.KINDS)), calls * 2, MOST_CALLS))

    def _with(self, calls: int) -> float:
        """Have so many calls stand, and return the share that product and callers use then."""
        self._mix.hold(calls)
        deadline = time.monotonic() + FILL_S
        while self._mix.standing() < calls - 2 and time.monotonic() < deadline:
            if self._over.wait(0.5):
                break
        self._over.wait(SETTLE_S)
        shares = self._shares(LOOK_S)
        print(
            f"{calls} calls: {100 * shares.own:.0f} % ours, {100 * shares.busy:.0f} % busy",
            flush=True,
        )
        return shares.own

    def _trim(self, minute: int, own: float, calls: int) -> None:
        if self._asked.calls or minute > TRIMMED_MINUTES or abs(own - self._target) <= NEAR / 2:
            return
        self._mix.hold(self._towards(self._target, own, calls, 0.7))

    # The hour

    def _hold(self) -> float:
        """Print a line a minute; return for how many seconds it was held."""
        began, codecs = time.monotonic(), [kind.codec for kind in callers.KINDS]
        print(
            f"\n{'minute':>6} {'at':>8} {'busy':>7} {'product':>7} {'callers':>7} "
            f"{'stolen':>7} {'calls':>5} {'heard by':>9} {'frames':>8} {'late':>9} "
            f"{', '.join(codecs):>25} {'with ours':>9} {'lost':>6} "
            f"{'sent late':>9} {'engine':>9} {'all':>9} {'proc.':>5} {'desc.':>6} {'thr.':>5} "
            f"{'ended':>6} {'failed':>6}",
            flush=True,
        )
        last, before = self._so_far(), self._look()
        for minute in range(1, self._asked.minutes + 1):
            while (left := began + 60 * minute - time.monotonic()) > 0:
                if self._over.wait(min(left, 1.0)) or self._broken():
                    return time.monotonic() - began
            now, look = self._so_far(), self._look()
            shares = look.since(before)
            self._say(minute, last, now, shares, look.tree)
            self._trim(minute, shares.own, self._mix.standing())
            last, before = now, look
        return time.monotonic() - began

    def _broken(self) -> bool:
        """Tell whether the product or a SIPp has ended, which none of them should."""
        gone = self._gone()
        if gone:
            print(f"ended by themselves: {', '.join(gone)} (!)", flush=True)
        return bool(gone) or self._product.process.poll() is not None

    def _gone(self) -> list[str]:
        callee = [self._callee.name] if self._callee.process.poll() is not None else []
        return [*callee, *self._mix.gone()]

    def _so_far(self) -> Minute:
        tallies = [end.tally for end in self._ends.values()]
        return Minute(
            frames=sum(tally.frames for tally in tallies),
            late=sum(tally.late for tally in tallies),
            with_us=sum(tally.late_with_us for tally in tallies),
            lost=sum(tally.lost for tally in tallies),
            sent=self._phones.sent,
            sent_late=self._phones.sent_late,
            by_codec={kind.codec: self._of_codec(kind.codec) for kind in callers.KINDS},
        )

    def _of_codec(self, codec: str) -> tuple[int, int]:
        tallies = [self._ends[codec, hearer].tally for hearer in ("caller", "callee")]
        return sum(tally.frames for tally in tallies), sum(tally.late for tally in tallies)

    def _say(
        self, minute: int, last: Minute, now: Minute, shares: Shares, tree: tuple[int, ...]
    ) -> None:
        heard = [
            sum(end.heard() for (_, hearer), end in self._ends.items() if hearer == who)
            for who in ("caller", "callee")
        ]
        calls = self._mix.standing()
        size = sizes.measure(tree, minute=minute, calls=calls)
        self.sizes.append(size)
        frames, late = now.frames - last.frames, now.late - last.late
        by_codec = [
            f"{100 * share(late - last.by_codec[codec][1], frames - last.by_codec[codec][0]):.3f}"
            for codec, (frames, late) in now.by_codec.items()
        ]
        spent = (shares.busy, shares.product, shares.generators, shares.stolen)
        print(
            f"{minute:>6} {time.strftime('%H:%M:%S')} "
            f"{' '.join(f'{100 * part:>5.0f} %' for part in spent)} {calls:>5} "
            f"{heard[0]:>4}/{heard[1]:<4} {frames:>8} "
            f"{100 * share(late, frames):>7.3f} % "
            f"{', '.join(by_codec):>25} {now.with_us - last.with_us:>9} "
            f"{now.lost - last.lost:>6} "
            f"{100 * share(now.sent_late - last.sent_late, now.sent - last.sent):>7.3f} % "
            f"{size.engine_mb:>6.1f} MB {size.tree_mb:>6.1f} MB {size.processes:>5} "
            f"{size.descriptors:>6} {size.threads:>5} {self._mix.ended():>6} "
            f"{self._mix.failed().total():>6}",
            flush=True,
        )

    # Its end

    def _sum_up(self, lasted_s: float) -> bool:
        """Stop the product with the calls that stand, and say what was found."""
        self._mix.no_more()
        self._phones.finish()
        tallies = {key: end.close() for key, end in self._ends.items()}
        ended, failed, unexpected = self._mix.ended(), self._mix.failed(), self._mix.unexpected()
        standing = self._mix.standing()
        # Who stops us by Ctrl-C or `timeout` stops all that we started as well.
        told = self._over.is_set()
        gone = [] if told else self._gone()
        died = self._product.process.poll()
        stopping = time.monotonic()
        if died is None:
            self._product.process.send_signal(signal.SIGTERM)
        status = processes.wait_for(self._product.process, STOP_S)
        print(
            f"\nheld for {lasted_s / 60:.1f} min; {ended} calls ended as they should, "
            f"{standing} stood at the end"
        )
        good = findings.frames(tallies, self._phones)
        good &= findings.growth(self.sizes)
        stopped = (told or died is None) and status == 0
        good &= stopped and not gone
        print(
            f"\nthe product ended {'by itself' if died is not None else 'when told to'} with "
            f"{'SIGKILL' if status is None else status}, after {time.monotonic() - stopping:.1f} s"
            f"{findings.mark(stopped)}"
        )
        good &= findings.log(self._product.folder / "serve.log")
        good &= findings.record(self._product.database)
        reasons = ", ".join(f"{n} {reason}" for reason, n in (failed + unexpected).items())
        print(f"failed calls: {failed.total()}{findings.mark(not failed)} {reasons}")
        print(f"load average at the end: {processes.load():.2f}", flush=True)
        return good and not failed


def main() -> int:
    """Measure; the exit status says whether it lasted."""
    asked = _arguments()
    if not shutil.which("sipp"):
        print("missing: sipp (Debian: sip-tester)", file=sys.stderr)
        return 2
    if asked.core is not None:
        processor.keep_to(asked.core)
    sys.setswitchinterval(SWITCH_S)
    where = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
    print(
        f"{asked.minutes} min, {asked.load} % of processor {where}; "
        f"load average at the start: {processes.load():.2f}",
        flush=True,
    )
    run = Run(asked)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, run.stop)
    with contextlib.suppress(BrokenPipeError):
        return 0 if run.run() else 1
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.lasting", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60, help="how long, once it is filled")
    parser.add_argument("--load", type=int, default=80, help="share of the processors, per cent")
    parser.add_argument("--core", type=int, help="the one processor for all of it")
    parser.add_argument("--calls", type=int, default=0, help="so many, however busy that makes it")
    parser.add_argument("--ripen", type=int, default=0, help="call processes first, so many")
    asked = parser.parse_args()
    if asked.minutes < 1 or not 5 <= asked.load <= 100:
        parser.error("--minutes from 1, --load 5 to 100")
    if not 0 <= asked.calls <= MOST_CALLS or not 0 <= asked.ripen <= MOST_CALLS:
        parser.error(f"--calls and --ripen to {MOST_CALLS}")
    if asked.core is not None and asked.core not in os.sched_getaffinity(0):
        parser.error(f"--core must be one of {sorted(os.sched_getaffinity(0))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
