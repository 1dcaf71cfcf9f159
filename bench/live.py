"""What live pages cost: `python -m bench.live [--quick] [--parts pages,smooth,...]`.

Calls that change every second before 0, 1 and many browsers; the page in a real Chromium; and calls
set up with and without browsers that watch them. Loopback only; ends by itself.
"""

import argparse
import shutil
import statistics
import sys
import time
from collections.abc import Callable

from bench import processes, setting_up
from bench.browsers import Browsers
from bench.busy_site import BusySite
from bench.deployed import Deployed
from bench.latency import may_capture
from bench.setting_up import Step
from bench.signing_in import session_keys
from bench.switches import Product, free_port

PARTS = ("pages", "smooth", "embedded", "production")
WANTED = 1.10
LATENCY_RATE = 15
RATES = (30, 40, 50, 60, 70, 80)
QUICK_RATES = (20, 40)
ROUNDS = 4
SETTLE_S = 10.0
"After more than could be kept up with: calls time out, spares are forked, the record is written."


def main() -> int:
    """Run what was asked for; the exit status says whether it could be measured."""
    asked = _arguments()
    if {"embedded", "production"} & set(asked.parts) and not shutil.which("sipp"):
        print("missing: sipp (Debian: sip-tester)", file=sys.stderr)
        return 2
    started = time.monotonic()
    print(f"load average at the start: {processes.load():.2f}")
    if {"pages", "smooth"} & set(asked.parts):
        with BusySite(asked.calls) as site:
            if "pages" in asked.parts:
                _pages(site, asked)
            if "smooth" in asked.parts:
                _smooth(site, asked)
    shapes: dict[str, Callable[..., Product]] = {"embedded": Product, "production": Deployed}
    for name, shape in shapes.items():
        if name in asked.parts:
            _set_up(name, shape, asked)
    print(f"\nload average at the end: {processes.load():.2f}; {time.monotonic() - started:.0f} s")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 2 minutes, and rougher")
    parser.add_argument("--calls", type=int, default=200, help="calls that change every second")
    parser.add_argument("--browsers", type=int, default=50, help="how many are many")
    parser.add_argument("--parts", default=",".join(PARTS), help="what to measure")
    asked = parser.parse_args()
    asked.parts = asked.parts.split(",")
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"unknown part {unknown.pop()}; known: {', '.join(PARTS)}")
    return asked


def _pages(site: BusySite, asked: argparse.Namespace) -> None:
    seconds = 4.0 if asked.quick else 15.0
    keys = site.sign_in(asked.browsers)
    print(f"\n{asked.calls} calls, each changing every second; {seconds:.0f} s each")
    heads = ("browsers", "messages/s", "kB/s", "rows/s", "server CPU", "more than", "theirs")
    print("  ".join(f"{head:>10}" for head in heads))
    print(f"{'':>10}  {'of one browser':>34}  {'':>10}  {'with none':>10}  {'CPU':>10}")
    site.change(1.0)
    idle = 0.0
    for count in (0, 1, asked.browsers):
        with Browsers(f"ws://{site.host}/ws/calls/", keys[:count]) as browsers:
            time.sleep(1.5)
            before, spent, theirs = browsers.totals(), site.cpu_s(), browsers.cpu_s()
            began = time.monotonic()
            time.sleep(seconds)
            after, passed = browsers.totals(), time.monotonic() - began
            share = (site.cpu_s() - spent) / passed
            theirs = (browsers.cpu_s() - theirs) / passed
        idle = idle if count else share
        each = max(1, count) * passed
        messages = (after.messages - before.messages) / each
        cells = (
            f"{count}",
            f"{messages:.1f}",
            f"{(after.octets - before.octets) / each / 1000:.0f}",
            f"{(after.rows - before.rows) / each:.0f}",
            f"{100 * share:.1f} %",
            f"{100 * (share - idle):.1f} %",
            f"{100 * theirs:.1f} %",
        )
        print("  ".join(f"{cell:>10}" for cell in cells), flush=True)
    site.change(0.0)


def _smooth(site: BusySite, asked: argparse.Namespace) -> None:
    from bench.smoothness import Window

    seconds = 4.0 if asked.quick else 15.0
    print("\nThe page in Chromium: frames, and tasks of 50 ms or more")
    heads = ("", "rows", "changes/s", "frames/s", "gap p99", "long tasks", "longest")
    print("  ".join(f"{head:>10}" for head in heads))
    frames = []
    with Window(site.host, site.sign_in(1)[0]) as window:
        for name, times_a_second in (("at rest", 0.0), ("changing", 1.0)):
            site.change(times_a_second)
            time.sleep(1.5)
            seen = window.watch(seconds)
            frames.append(seen.frames_per_s)
            cells = (
                name,
                f"{seen.rows}",
                f"{seen.changes / seconds:.0f}",
                f"{seen.frames_per_s:.1f}",
                f"{seen.gap_p99_ms:.0f} ms",
                f"{seen.long_tasks}",
                f"{seen.longest_task_ms:.0f} ms",
            )
            print("  ".join(f"{cell:>10}" for cell in cells), flush=True)
    site.change(0.0)
    print(f"frames changing / at rest: {frames[1] / frames[0]:.2f}")


def _set_up(name: str, shape: Callable[..., Product], asked: argparse.Namespace) -> None:
    port, count = free_port(), asked.browsers
    print(f"\nSet-ups, {name}, PCMU to PCMU, {setting_up.TALK_MS} ms long; ms, p50/p99")
    print("browsers   per s     failed  CPU each  INVITE->180  INVITE->200")
    with shape({"PCMU": port}, max_calls=200) as product:
        keys = session_keys(count, product.environment)
        url = f"ws://{product.web}/ws/calls/"
        steady: dict[int, list[Step]] = {0: [], count: []}
        _step(product, port, LATENCY_RATE, asked, 0)  # The first calls are cheaper: not counted.
        # There and back again, so that what ages or happens meanwhile falls on both alike.
        for watching in (0, count, count, 0) * (1 if asked.quick else ROUNDS):
            with Browsers(url, keys[:watching]):
                steady[watching].append(_step(product, port, LATENCY_RATE, asked, watching))
        best = {
            watching: _best(product, port, url, keys[:watching], asked) for watching in (0, count)
        }
    _compare(steady, best, count)


def _step(product: Product, port: int, rate: int, asked: argparse.Namespace, watching: int) -> Step:
    step = setting_up.calls(
        product,
        codec="PCMU",
        callee_port=port,
        rate=rate,
        seconds=3.0 if asked.quick else 8.0,
        capture=may_capture(),
    )
    early, answered = step.ms_to_180, step.ms_to_200
    print(
        f"{watching:>8}  {step.rate:>6.0f}  {step.failed:>4}/{step.requests:<4}  "
        f"{step.cpu_ms_each:>5.1f} ms  {early[0]:>5.1f}/{early[1]:<5.1f}  "
        f"{answered[0]:>5.1f}/{answered[1]:<5.1f}",
        flush=True,
    )
    return step


def _best(
    product: Product, port: int, url: str, keys: list[str], asked: argparse.Namespace
) -> float:
    """Return the set-ups a second that are kept up with."""
    best = 0.0
    with Browsers(url, keys):
        for rate in QUICK_RATES if asked.quick else RATES:
            step = _step(product, port, rate, asked, len(keys))
            if not step.passed:
                time.sleep(SETTLE_S)
                break
            best = step.rate
    return best


def _compare(steady: dict[int, list[Step]], best: dict[int, float], count: int) -> None:
    def median(watching: int, of: Callable[[Step], float]) -> float:
        return statistics.median(of(step) for step in steady[watching])

    def ratio(of: Callable[[Step], float]) -> float:
        return median(count, of) / median(0, of)

    print(
        f"{count} browsers / none: INVITE->200 p50 {ratio(lambda step: step.ms_to_200[0]):.2f}, "
        f"p99 {ratio(lambda step: step.ms_to_200[1]):.2f}, "
        f"CPU each {ratio(lambda step: step.cpu_ms_each):.2f}; "
        f"kept up with {best[count]:.0f} / {best[0]:.0f} a second; at most {WANTED:.2f} is wanted"
    )


if __name__ == "__main__":
    sys.exit(main())
