"""Calls set up per second until 1 % fail, what one costs and how long it takes; REGISTER too."""

import time
from dataclasses import dataclass

from bench import processes, scenarios
from bench.latency import Capture, percentile
from bench.sipp import Sipp
from bench.switches import PASSWORD, Switch, free_port

TALK_MS = 100
FAILED_SHARE = 0.01
DONE_SHARE = 0.98
"Of the rate that is offered: less was not kept, though nothing failed."
LATE_MS = 2000.0
"INVITE->200 at p99 beyond which the queue only grows: a rate that is not kept."
OWN_TIME_S = 0.4
"Of SIPp's life, what is not its calls' rate: its start, and the last call."
DISCARD_PORT = 9
"Where callers want their RTP: nobody sends any, nobody listens."


@dataclass(frozen=True, slots=True)
class Step:
    """One stretch of calls, or registrations, at a steady rate."""

    rate: float
    requests: int
    failed: int
    done_share: float
    "Of the rate that was offered, what was done."
    cpu_ms_each: float
    threads: dict[str, float]
    "That by thread name, of those that live on (see `processes.thread_s`)."
    ms_to_180: tuple[float, float]
    "p50 and p99, from the capture."
    ms_to_200: tuple[float, float]

    @property
    def passed(self) -> bool:
        """Whether no more than 1 % failed, the others were answered in time, and none waited."""
        late = self.ms_to_200[1] > LATE_MS or self.done_share < DONE_SHARE
        return self.failed <= FAILED_SHARE * self.requests and not late


def calls(
    switch: Switch, *, codec: str, callee_port: int, rate: int, seconds: float, capture: bool
) -> Step:
    """Set up short calls at a rate and take them down again."""
    port = free_port()
    callee = Sipp(
        switch.folder,
        f"callee-{rate}",
        scenarios.callee(codec=codec, media_port=DISCARD_PORT),
        port=callee_port,
    )
    scenario = scenarios.caller(
        server=switch.server,
        to=switch.target(codec),
        media_port=DISCARD_PORT,
        talk_ms=TALK_MS,
    )
    try:
        if not capture:
            return _run(switch, "caller", scenario, port=port, rate=rate, seconds=seconds)
        with Capture(switch.folder / f"{rate}.pcap", port) as captured:
            step = _run(switch, "caller", scenario, port=port, rate=rate, seconds=seconds)
    finally:
        processes.end(callee.process, timeout_s=0.5)
    return Step(
        step.rate,
        step.requests,
        step.failed,
        step.done_share,
        step.cpu_ms_each,
        step.threads,
        _milliseconds(captured.answers(180)),
        _milliseconds(captured.answers(200)),
    )


def overload(switch: Switch, *, codec: str, callee_port: int, rate: int, seconds: float) -> float:
    """Offer more calls than are kept, each of which may be refused; return those accepted a second.

    A refused caller does not come again.
    """
    scenario = scenarios.caller(
        server=switch.server,
        to=switch.target(codec),
        media_port=DISCARD_PORT,
        talk_ms=TALK_MS,
        refusal=503,
    )
    callee = Sipp(
        switch.folder,
        f"callee-over-{rate}",
        scenarios.callee(codec=codec, media_port=DISCARD_PORT),
        port=callee_port,
    )
    try:
        step = _run(switch, "over", scenario, port=free_port(), rate=rate, seconds=seconds)
    finally:
        accepted = callee.end().succeeded
    return accepted / max(seconds, step.requests / rate)


def registrations(switch: Switch, *, rate: int, seconds: float) -> Step:
    """Register all users in turn with digest at a rate; each takes two requests."""
    users = switch.folder / "users.csv"
    names = (f"phone{number}" for number in range(switch.users))
    users.write_text(scenarios.users_file(names, PASSWORD))
    scenario = scenarios.register(server=switch.server)
    port = free_port()
    return _run(switch, "phone", scenario, port=port, rate=rate, seconds=seconds, inf=users)


def _run(
    switch: Switch,
    name: str,
    scenario: str,
    *,
    port: int,
    rate: int,
    seconds: float,
    **more: object,
) -> Step:
    wanted = max(1, round(rate * seconds))
    before, threads = switch.cpu_s(), processes.thread_s(switch.process.pid)
    sipp = Sipp(
        switch.folder,
        f"{name}-{rate}",
        scenario,
        port=port,
        server=switch.server,
        m=wanted,
        r=rate,
        l=max(20, rate * 3),
        recv_timeout=6000,
        **more,
    )
    began = time.monotonic()
    outcome = sipp.end(timeout_s=seconds + 10)
    # A call that begins in the last moment takes its own time.
    lasted_s = max(time.monotonic() - began - OWN_TIME_S, seconds)
    used = switch.cpu_s() - before
    done = max(1, outcome.succeeded + outcome.failed)
    now = processes.thread_s(switch.process.pid)
    spent = {name: 1000 * (total - threads.get(name, 0.0)) / done for name, total in now.items()}
    return Step(
        rate=rate,
        requests=wanted,
        failed=wanted - outcome.succeeded,
        done_share=min(outcome.succeeded / lasted_s / rate, 1.0),
        cpu_ms_each=1000 * used / done,
        threads=spent,
        ms_to_180=(float("nan"),) * 2,
        ms_to_200=(float("nan"),) * 2,
    )


def _milliseconds(values: list[float]) -> tuple[float, float]:
    return 1000 * percentile(values, 0.5), 1000 * percentile(values, 0.99)
