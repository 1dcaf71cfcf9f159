"""What calls to voice agents cost, and what they add: `chrt -f 5 python -m bench.agents`.

Half of the calls are PCMU with an agent that takes and gives audio/pcmu, so that bytes pass
untouched; half G.722 with one at 24 kHz. First the same number of calls goes over a plain wire in
this run, UDP on one side and a websocket on the other (`bench.agentwire`): what remains is ours.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import processes, scenarios
from bench.agentphones import Phones
from bench.agentresults import Result, result
from bench.sipp import Sipp
from bench.switches import HOST, ROOT, Product, free_port

CALLS_PER_S = 10
SETTLE_S = 3.0
NUMBERS = {"PCMU": "+12025550101", "G722": "+12025550102"}
ENCODINGS = {"PCMU": "audio/pcmu", "G722": "audio/pcm"}
MOST_PERCENT = 3.0


class AgentProduct(Product):
    """The product, with an agent for each codec at one server."""

    def __init__(self, agent_url: str, *, max_calls: int) -> None:
        super().__init__({}, max_calls=max_calls)
        self._agent_url = agent_url

    def _configuration(self) -> dict[str, Any]:
        agents = [
            {
                "name": codec.lower(),
                "dialect": "assemblyai",
                "url": self._agent_url,
                "system_prompt": "Be measured.",
                "input": {"encoding": ENCODINGS[codec]},
                "output": {"encoding": ENCODINGS[codec]},
                "codecs": [codec],
                "headers": {"X-Caller": "caller"},
            }
            for codec in NUMBERS
        ]
        numbers = [
            {"number": number, "to": f"agent:{codec.lower()}"} for codec, number in NUMBERS.items()
        ]
        return {"external_sip": True, "agents": agents, "numbers": numbers}


def main() -> int:
    """Measure; the exit status says whether every line was held."""
    asked = _arguments()
    if not shutil.which("sipp"):
        print("missing: sipp (Debian: sip-tester)", file=sys.stderr)
        return 2
    print(f"load average at the start: {processes.load():.2f}; {asked.calls} calls, half of each")
    with _peer() as peer:
        wire = _wire(peer, asked)
        ours = _ours(peer, asked)
    return _tell(wire, ours, asked.calls)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.agents", description=__doc__)
    parser.add_argument("--calls", type=int, default=40, help="calls up at once, an even number")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they are measured")
    asked = parser.parse_args()
    if not 2 <= asked.calls <= 200 or asked.calls % 2:
        parser.error("--calls must be even, 2 to 200")
    return asked


class _Peer:
    """The agents' server as a process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process, self.pid = process, process.pid
        self.url = f"ws://{HOST}:{self._said()}/v1/ws"

    def tell(self, line: str) -> None:
        """Have a line of its input done."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        self._said()

    def marks(self) -> Mapping[str, Any]:
        """Return what came and went at the agents' end."""
        file = Path("/tmp") / f"bench-agents-{self._process.pid}.json"
        try:
            self.tell(str(file))
            marks: Mapping[str, Any] = json.loads(file.read_text())
            return marks
        finally:
            file.unlink(missing_ok=True)

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def _program(*words: str) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _peer() -> Iterator[_Peer]:
    with _program("bench.agentpeer") as process:
        yield _Peer(process)


def _wire(peer: _Peer, asked: argparse.Namespace) -> Result:
    """Measure the plain wire; its callers are numbered after the product's."""
    first = asked.calls
    words = ("bench.agentwire", peer.url, str(first), str(2 * first - 1))
    with _program(*words) as process, Phones(asked.calls, 0) as phones:
        assert process.stdout is not None
        for caller, port in zip(phones.callers, json.loads(process.stdout.readline()), strict=True):
            caller.number += first
            caller.remote = (HOST, port)
        time.sleep(SETTLE_S)
        return _measure(peer, phones, process.pid, asked.seconds)["PCMU"]


def _ours(peer: _Peer, asked: argparse.Namespace) -> dict[str, Result]:
    half = asked.calls // 2
    talk_s = half / CALLS_PER_S + 2 * SETTLE_S + asked.seconds + 2
    with (
        AgentProduct(peer.url, max_calls=asked.calls + 10) as product,
        Phones(half, half) as phones,
    ):
        callers = [_sipp(product, phones, codec, half, talk_s) for codec in NUMBERS]
        try:
            time.sleep(half / CALLS_PER_S + SETTLE_S)
            results = _measure(peer, phones, product.process.pid, asked.seconds)
        finally:
            for sipp in callers:
                outcome = sipp.end(timeout_s=2 * SETTLE_S + 6)
                if outcome.failed:
                    print(f"{outcome.failed} of {half} calls failed\n{product.log()}")
        return results


def _sipp(product: Product, phones: Phones, codec: str, calls: int, talk_s: float) -> Sipp:
    mine = [caller for caller in phones.callers if caller.codec == codec]
    values = product.folder / f"callers-{codec}.csv"
    rows = (f"{caller.port};{caller.number}" for caller in mine)
    values.write_text("\n".join(("SEQUENTIAL", *rows, "")))
    return Sipp(
        product.folder,
        f"caller-{codec}",
        scenarios.caller(
            server=product.server,
            to=NUMBERS[codec],
            media_port="[field0]",
            talk_ms=round(talk_s * 1000),
            codec=codec,
            headers="X-Caller: [field1]\n",
        ),
        port=free_port(),
        server=product.server,
        m=calls,
        l=calls,
        r=CALLS_PER_S,
        inf=values,
    )


def _measure(peer: _Peer, phones: Phones, pid: int, seconds: float) -> dict[str, Result]:
    """Return what was seen in so many seconds, by codec; CPU is that of the whole tree below."""
    # The agents begin once all calls are up: what a set-up does to others is another question.
    peer.tell("speak")
    time.sleep(1.0)
    phones.reset()
    began, before, started = time.time_ns(), processes.cpu_s(pid), time.monotonic()
    threads, ends_s = processes.thread_s(pid), time.process_time() + processes.cpu_s(peer.pid)
    time.sleep(seconds)
    ends_s = time.process_time() + processes.cpu_s(peer.pid) - ends_s
    cpu_s, lasted_s = processes.cpu_s(pid) - before, time.monotonic() - started
    ended, spent = time.time_ns(), processes.thread_s(pid)
    per_call = 100 / lasted_s / len(phones.callers)
    percent = cpu_s * per_call
    shares = {name: (s - threads.get(name, 0.0)) * per_call for name, s in spent.items()}
    print(f"phones and agents beside it: {100 * ends_s / lasted_s:.0f} % of a core in all")
    print(f"by thread: {', '.join(f'{n} {p:.2f}' for n, p in shares.items() if p > 0.02)}")
    peer.tell("hush")
    agents = peer.marks()
    return {
        codec: result(
            [(caller.marks(), agents.get(str(caller.number))) for caller in mine],
            is_counted=codec == "PCMU",
            span=(began, ended),
            percent=percent,
        )
        for codec in NUMBERS
        if (mine := [caller for caller in phones.callers if caller.codec == codec])
    }


def _tell(wire: Result, ours: dict[str, Result], calls: int) -> int:
    print(f"\n{'':>22}  {'% of a core':>11}  {'to agent ms':>14}  {'back ms':>14}  longest gap ms")
    print(f"{'':>22}  {'a call':>11}  {'p50/p99':>14}  {'p50/p99':>14}  to/back, lost to/back")
    print(f"{'plain wire':>22}  {wire.row()}")
    for codec, one in ours.items():
        print(f"{f'{codec}, {ENCODINGS[codec]}':>22}  {one.row()}")
    percent = next(iter(ours.values())).percent
    print(f"\nratio of CPU to the plain wire's: {percent / wire.percent:.1f}")
    failed = []
    for codec, one in ours.items():
        to_ms, back_ms = one.to.p99_ms - wire.to.p99_ms, one.back.p99_ms - wire.back.p99_ms
        print(f"{codec}: added to the plain wire, p99: {to_ms:.1f} ms to, {back_ms:.1f} ms back")
        failed += [f"{codec} {what}" for what in one.missed(wire)]
    if percent > MOST_PERCENT:
        failed.append(f"{percent:.1f} % of a core a call")
    for what in failed:
        print(f"(!) {what}")
    print(f"load average at the end: {processes.load():.2f}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
