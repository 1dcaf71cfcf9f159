"""What calls cost: `python -m bench.calls [--quick] [--calls N] [--skip-baseline] ...`.

Starts the product and, beside it in the same run, baresip's b2bua as the baseline; SIPp calls and
answers; both ends of every call send and receive speech. Loopback only; ends by itself.
"""

import argparse
import shutil
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from bench import processes, setting_up, talking
from bench.formats import CODECS, PEERS
from bench.latency import may_capture
from bench.peers import Baresip
from bench.setting_up import Step
from bench.switches import Product, Switch, free_port, kept_port
from bench.talking import Talk

MAX_CALLS = 200
CALLEES = ("PCMU", "PCMA", "G722", "OPUS", "AMR-WB")
LATENCY_RATE = 10
ROUNDS = 3
RATES = (20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 130, 160, 200)
BASELINE_RATES = (50, 100, 150, 200)
REGISTER_RATES = (200, 400, 600, 800, 1000, 1200, 1500)
STEP_S, QUICK_STEP_S = 15.0, 2.0
"A queue that grows is not seen in less; the quick ones find the cost alone."
QUICK_RATES, QUICK_BASELINE_RATES, QUICK_REGISTER_RATES = (30, 50, 80), (100,), (200, 400)


def main() -> int:
    """Run what was asked for; the exit status says whether all of it could be measured."""
    asked = _arguments()
    missing = [name for name in ("sipp",) if not shutil.which(name)]
    if missing:
        print(f"missing: {', '.join(missing)} (Debian: sip-tester)", file=sys.stderr)
        return 2
    ports = {codec: kept_port() for codec in CALLEES}
    started = time.monotonic()
    print(f"load average at the start: {processes.load():.2f}")
    with ExitStack() as stack:
        product = stack.enter_context(Product(ports, max_calls=max(100, asked.calls + 20)))
        sound = True
        if "talk" in asked.parts:
            sound = _talk(product, ports, asked)
        if "setup" in asked.parts:
            _set_up(product, ports["PCMU"], asked)
        if "register" in asked.parts:
            _register(product, asked)
    print(f"\nload average at the end: {processes.load():.2f}; {time.monotonic() - started:.0f} s")
    return 0 if sound else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.calls", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 90 s, and rougher")
    parser.add_argument("--calls", type=int, default=10, help="calls up at once (at most 200)")
    parser.add_argument("--rounds", type=int, default=0, help="of talk; 3, or 1 if --quick")
    parser.add_argument("--codecs", default="", help="of the callees; all five, or four if --quick")
    parser.add_argument("--parts", default="talk,setup,register", help="what to measure")
    parser.add_argument("--no-baseline", action="store_true", help="leave baresip out")
    parser.add_argument("--threads", action="store_true", help="CPU by thread as well")
    asked = parser.parse_args()
    codecs = asked.codecs or ",".join(CALLEES[1:] if asked.quick else CALLEES)
    asked.codecs = [name.strip().upper() for name in codecs.split(",")]
    asked.parts = asked.parts.split(",")
    asked.rounds = max(asked.rounds, 1) if asked.rounds or asked.quick else ROUNDS
    if unknown := [name for name in asked.codecs if name not in CODECS]:
        parser.error(f"unknown codec {unknown[0]}; known: {', '.join(CODECS)}")
    if not 1 <= asked.calls <= MAX_CALLS:
        parser.error(f"--calls must be 1 to {MAX_CALLS}")
    asked.baseline = not asked.no_baseline and Baresip.available()
    return asked


def _talk(product: Product, ports: dict[str, int], asked: argparse.Namespace) -> bool:
    seconds = 3.0 if asked.quick else 10.0
    print(f"\nCPU-seconds per call-minute of the whole process tree; {asked.calls} calls up,")
    print(f"caller PCMU, speech both ways, {seconds:.0f} s each; idle spares are in it")
    if asked.rounds > 1:
        print(f"the median of {asked.rounds} rounds, product and baresip in turns")
    peers = ("Asterisk 22", "FreeSWITCH 1.10", "rtpengine", "baresip")
    heads = ("callee", "voipnumber", "baresip now", "ratio", "packets", "MB", *peers)
    print("  ".join(f"{head:>11}" for head in heads) + "   (last four: an earlier run of theirs)")
    sound = True
    for codec in asked.codecs:
        rounds: list[Talk] = []
        others: list[Talk] = []
        words = {"codec": codec, "calls": asked.calls, "seconds": seconds}
        for _ in range(asked.rounds):  # in turns: what else runs here comes and goes
            rounds.append(talking.talk(product, callee_port=ports[codec], **words))
            if asked.baseline:
                with Baresip(codec, ports[codec]) as baresip:
                    others.append(talking.talk(baresip, callee_port=ports[codec], **words))
        sound = sound and all(talk.sound for talk in rounds)
        ours, baseline = _middle(rounds), _middle(others) if others else None
        print("  ".join(f"{cell:>11}" for cell in _talk_row(codec, ours, baseline, peers)))
        if asked.threads:
            print(f"{'':>11}  {_by_thread(ours.threads)}")
    return sound


def _middle(talks: Sequence[Talk]) -> Talk:
    """Return the one of median cost."""
    return sorted(talks, key=lambda talk: talk.cpu_s_per_call_minute)[len(talks) // 2]


def _talk_row(codec: str, ours: Talk, baseline: Talk | None, peers: Sequence[str]) -> Sequence[str]:
    cost = ours.cpu_s_per_call_minute
    beside = baseline.cpu_s_per_call_minute if baseline and baseline.sound else None
    costs = PEERS.get(codec, {})
    return (
        codec,
        f"{cost:.2f}" + ("" if ours.sound else " (!)"),
        f"{beside:.2f}" if beside else "-",
        f"{cost / beside:.2f}" if beside else "-",
        f"{100 * ours.packets_share:.0f} %",
        f"{ours.memory_mb:.0f}",
        *(f"{costs[peer]:.2f}" if peer in costs else "-" for peer in peers),
    )


def _set_up(product: Product, port: int, asked: argparse.Namespace) -> None:
    seconds = QUICK_STEP_S if asked.quick else STEP_S
    print(f"\nSet-ups, PCMU to PCMU, {setting_up.TALK_MS} ms long, UDP; times in ms, p50/p99")
    print(f"{'':>11}  {'per s':>6}  {'failed':>9}  {'CPU each':>8}  INVITE->180  INVITE->200")
    capture = may_capture()
    if not capture:
        print("no INVITE->180 and ->200: tcpdump is missing or may not capture")
    quick = asked.quick
    switches: list[tuple[Switch, Sequence[int]]] = [(product, QUICK_RATES if quick else RATES)]
    with ExitStack() as stack:
        baseline_port = free_port()
        if asked.baseline:
            baresip = stack.enter_context(Baresip("PCMU", baseline_port))
            switches.append((baresip, QUICK_BASELINE_RATES if quick else BASELINE_RATES))
        for switch, rates in switches:
            to = port if switch is product else baseline_port
            best, costs = 0.0, []
            for rate in (LATENCY_RATE, *rates):
                step = setting_up.calls(
                    switch,
                    codec="PCMU",
                    callee_port=to,
                    rate=rate,
                    seconds=seconds,
                    capture=capture,
                )
                print(f"{switch.name:>11}  {_step_row(step)}", flush=True)
                if asked.threads and switch is product:
                    print(f"{'':>11}  {_by_thread(step.threads)}")
                costs.append(step.cpu_ms_each)
                if not step.passed:
                    break
                best = step.rate
            print(
                f"{switch.name}: {best:.0f} set-ups a second with at most 1 % failed, "
                f"{statistics.median(costs):.1f} ms CPU each"
            )
            if switch is product and best:
                rate = 2 * round(best)
                accepted = setting_up.overload(
                    switch, codec="PCMU", callee_port=to, rate=rate, seconds=seconds
                )
                print(f"{switch.name}: {accepted:.0f} a second accepted of {rate} offered")


def _register(product: Product, asked: argparse.Namespace) -> None:
    seconds = QUICK_STEP_S if asked.quick else STEP_S
    best, costs = 0.0, []
    for rate in QUICK_REGISTER_RATES if asked.quick else REGISTER_RATES:
        step = setting_up.registrations(product, rate=rate, seconds=seconds)
        costs.append(step.cpu_ms_each)
        if not step.passed:
            break
        best = step.rate
    print(
        f"\nREGISTER with digest: {best:.0f} a second with at most 1 % failed or late, "
        f"{statistics.median(costs):.1f} ms CPU each"
    )


def _by_thread(threads: Mapping[str, float]) -> str:
    parts = (f"{name} {spent:.2f}" for name, spent in threads.items() if spent > 0.004)
    return f"by thread: {', '.join(parts)}"


def _step_row(step: Step) -> str:
    early, answered = step.ms_to_180, step.ms_to_200
    return (
        f"{step.rate:>6.0f}  {step.failed:>4}/{step.requests:<4}  {step.cpu_ms_each:>5.1f} ms  "
        f"{early[0]:>5.1f}/{early[1]:<5.1f}  {answered[0]:>5.1f}/{answered[1]:<5.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
