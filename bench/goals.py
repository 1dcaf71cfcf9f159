"""The parts of `bench.table`: each measures figures of every switch and returns their rows."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from bench import clean, delay, memory, setting_up, talking
from bench.latency import may_capture
from bench.peers import PEERS
from bench.setting_up import Step
from bench.switches import Product, Switch
from bench.turns import Row, Run, climb

COSTS = {"PCMU": 0.20, "PCMA": 0.28, "G722": 0.36, "OPUS": 0.70, "AMR-WB": 1.15}
"CPU-seconds per call-minute that are wanted, by the callee's codec."
STEADY_RATE, STEADY_S = 10, 6.0
HELD_S, RECOVERY_S = 15.0, 3.0
"A queue that grows is not seen in less."
RATES = (20, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 150, 175, 200, 300)
FIRST_RATE, PEERS_FIRST_RATE = RATES.index(110), RATES.index(200)
"Where to begin to look."
REGISTER_RATES = (200, 400, 600, 800, 1000, 1250, 1500, 2000)
FIRST_REGISTER, PEERS_FIRST_REGISTER = REGISTER_RATES.index(1000), REGISTER_RATES.index(1500)
COLLAPSED = 0.8
"Of the rate held, what must still be accepted when twice that is offered."
DELAYED = ("G722", "OPUS")
DELAY_CALLS, DELAY_S, PHASE_S, JITTER_S = 5, 3.0, 0.007, 0.060
REST_S, PEERS_REST_S = 90.0, 10.0
Part = Callable[[Run], list[Row]]


def of_memory(run: Run) -> list[Row]:
    """Return MB a call and how much stays; first of all, as then nothing has been called yet."""
    each = Row("memory a call, MB (PSS)", 4.0, digits=2)
    stays = Row("... after rest, % over what it was before", 5.0, digits=1, compares=False)

    def measure(switch: Switch, port: int) -> str:
        rest_s = REST_S if switch is run.product else PEERS_REST_S
        before, during, after = memory.measure(switch, port, calls=run.calls, rest_s=rest_s)
        each.note(switch, (during - before) / run.calls)
        stays.note(switch, 100 * (after / before - 1))
        return f"{before:.0f} MB, {run.calls} calls {during:.0f} MB, after them {after:.0f} MB"

    run.turns("PCMU", 1, measure)
    return [each, stays]


def of_talk(run: Run, codec: str) -> list[Row]:
    """Return CPU-seconds per call-minute of calls that stand."""
    cost = Row(f"CPU-s per call-minute, PCMU-{codec}", COSTS[codec], digits=2)

    def measure(switch: Switch, port: int) -> str:
        talk = talking.talk(
            switch, codec=codec, callee_port=port, calls=run.calls, seconds=run.seconds
        )
        if talk.sound:
            cost.note(switch, talk.cpu_s_per_call_minute)
        unsound = "" if talk.sound else "; does not count"
        share = f"{100 * talk.packets_share:.0f} % of the packets"
        return f"{talk.cpu_s_per_call_minute:.2f} CPU-s, {share}{unsound}"

    run.turns(codec, run.rounds, measure)
    return [cost]


def of_setting_up(run: Run) -> list[Row]:
    """Return what a set-up costs and how long it takes, at a steady rate."""
    cost = Row(f"CPU ms a set-up, at {STEADY_RATE} a second", 12.0, digits=1)
    middle = Row(f"INVITE->180 at {STEADY_RATE} a second, p50 ms", 5.0, digits=1)
    slowest = Row("... p99 ms", 10.0, digits=1)
    rings_itself = {peer.name for peer in PEERS if peer.rings_itself}
    capture = may_capture()

    def measure(switch: Switch, port: int) -> str:
        step = setting_up.calls(
            switch,
            codec="PCMU",
            callee_port=port,
            rate=STEADY_RATE,
            seconds=STEADY_S,
            capture=capture,
        )
        if step.passed:
            cost.note(switch, step.cpu_ms_each)
        if step.passed and switch.name not in rings_itself:
            middle.note(switch, step.ms_to_180[0])
            slowest.note(switch, step.ms_to_180[1])
        return _said(step)

    run.turns("PCMU", run.rounds, measure)
    return [cost, middle, slowest]


def of_rates(run: Run) -> list[Row]:
    """Return the highest rate of set-ups that is kept, and whether more of them is too much."""
    held = Row(
        f"set-ups a second held for {HELD_S:.0f} s (at most {RATES[-1]})", 110, at_least=True
    )
    cost = Row("CPU ms a set-up, at that rate", 12.0, digits=1)
    at = defaultdict(lambda: PEERS_FIRST_RATE, {Product.name: FIRST_RATE})

    def measure(switch: Switch, port: int) -> str:
        def step(rate: int) -> Step:
            return setting_up.calls(
                switch, codec="PCMU", callee_port=port, rate=rate, seconds=HELD_S, capture=False
            )

        return _climbed(held, cost, switch, RATES, at, step)

    run.turns("PCMU", run.few, measure)
    kept = held.middle(Product.name) or RATES[0]
    over = Row("accepted a second of twice that", COLLAPSED * kept, at_least=True)

    def overload(switch: Switch, port: int) -> str:
        accepted = setting_up.overload(
            switch, codec="PCMU", callee_port=port, rate=2 * round(kept), seconds=HELD_S
        )
        over.note(switch, accepted)
        return f"{accepted:.0f} a second accepted of {2 * kept:.0f} offered"

    run.turns("PCMU", 1, overload, only=lambda kind: kind is Product)
    return [held, cost, over]


def of_registering(run: Run) -> list[Row]:
    """Return the highest rate of registrations that is kept."""
    name = f"REGISTER a second held for {HELD_S:.0f} s (at most {REGISTER_RATES[-1]:,})"
    held = Row(name, 1000, at_least=True)
    at = defaultdict(lambda: PEERS_FIRST_REGISTER, {Product.name: FIRST_REGISTER})

    def measure(switch: Switch, _: int) -> str:
        def step(rate: int) -> Step:
            return setting_up.registrations(switch, rate=rate, seconds=HELD_S)

        return _climbed(held, None, switch, REGISTER_RATES, at, step)

    run.turns("PCMU", run.few, measure, only=lambda kind: kind.users > 0)
    return [held]


def of_delay(run: Run, codec: str) -> list[Row]:
    """Return what is added to the way of the sound, and what survives jitter."""
    to_callee = Row(f"added delay, {codec}, to the callee, ms", 15.0, digits=1)
    to_caller = Row("... to the caller, ms", 15.0, digits=1)
    name = f"{codec}, 0 to {1000 * JITTER_S:.0f} ms late: not known again, %"
    lost = Row(name, 1.0, digits=1, compares=False)

    def heard(switch: Switch, port: int, jitter_s: float) -> tuple[float, float, float]:
        ways = delay.measure(
            switch,
            codec,
            port,
            calls=DELAY_CALLS,
            jitter_s=jitter_s,
            phase_s=PHASE_S,
            spoken_s=DELAY_S,
        )
        lags = [np.array([lag for call in calls for lag in call]) for calls in ways]
        if not all(len(way) for way in lags) or any(np.isnan(way).all() for way in lags):
            raise RuntimeError("nothing was heard")
        there, back = (1000 * float(np.nanmean(way)) for way in lags)
        return there, back, 100 * float(np.isnan(np.concatenate(lags)).mean())

    def measure(switch: Switch, port: int) -> str:
        there, back, unknown = heard(switch, port, 0.0)
        to_callee.note(switch, there)
        to_caller.note(switch, back)
        return f"{there:.1f} ms to the callee, {back:.1f} to the caller; {unknown:.1f} % unknown"

    def with_jitter(switch: Switch, port: int) -> str:
        there, back, unknown = heard(switch, port, JITTER_S)
        lost.note(switch, unknown)
        return f"with jitter {there:.1f}, {back:.1f} ms; {unknown:.1f} % unknown"

    run.turns(codec, run.few, measure)
    run.turns(codec, 1, with_jitter)
    return [to_callee, to_caller, lost]


def of_clean_calls(run: Run) -> list[Row]:
    """Return how many calls to G722 may be up at once before frames come late."""
    name = f"clean G722 calls at once (at most {clean.STEPS[-1]})"
    most = Row(name, 160, at_least=True)

    def measure(switch: Switch, port: int) -> str:
        told = []

        def holds(calls: int) -> bool:
            share = clean.share(switch, "G722", port, calls)
            told.append(f"{calls}: {100 * share:.2f} %")
            return share >= clean.CLEAN

        step = climb(clean.STEPS, clean.FIRST, holds)
        most.note(switch, clean.STEPS[step] if step >= 0 else 0)
        return f"on time of {', of '.join(told)}"

    run.turns("G722", 1, measure)
    return [most]


def _climbed(
    held: Row,
    cost: Row | None,
    switch: Switch,
    rates: Sequence[int],
    at: dict[str, int],
    step: Callable[[int], Step],
) -> str:
    """Note the highest rate kept, searched from `at`; the next round begins there."""
    told, costs = [], {}

    def holds(rate: int) -> bool:
        done = step(rate)
        told.append(f"{rate}: {done.failed} failed, {100 * done.done_share:.0f} % done")
        costs[rate] = done.cpu_ms_each
        if not done.passed:
            time.sleep(RECOVERY_S)
        return done.passed

    step = climb(rates, at[switch.name], holds)
    at[switch.name] = max(step, 0)
    held.note(switch, rates[step] if step >= 0 else 0)
    if cost and step >= 0:
        cost.note(switch, costs[rates[step]])
    return "; ".join(told)


def _said(step: Step) -> str:
    early = "{:.1f}/{:.1f}".format(*step.ms_to_180)
    return f"{step.failed} of {step.requests} failed, {step.cpu_ms_each:.1f} ms CPU, 180 {early} ms"


PARTS: Mapping[str, Sequence[Part]] = {
    "memory": [of_memory],
    "talk": [partial(of_talk, codec=codec) for codec in COSTS],
    "setup": [of_setting_up],
    "rates": [of_rates],
    "register": [of_registering],
    "delay": [partial(of_delay, codec=codec) for codec in DELAYED],
    "clean": [of_clean_calls],
}
