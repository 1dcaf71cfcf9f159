"""What calls take of memory, and whether it comes back."""

import time

from bench import talking
from bench.media import Media
from bench.switches import Switch

STEADY, NEAR = 0.01, 0.05
LOOK_S, STEADY_S = 2.0, 20.0
UP_S = 4.0


def measure(switch: Switch, port: int, *, calls: int, rest_s: float) -> tuple[float, float, float]:
    """Return the MB (PSS) of all its processes before calls, with them, and after they have rested.

    The last is that at which it is back within NEAR of the first, or after `rest_s`.
    """
    before = _steady(switch)
    with Media(*talking.sides("PCMU")) as ends:
        both = (ends.caller, ends.callee)
        with talking.standing(
            switch, codec="PCMU", callee_port=port, calls=calls, seconds=UP_S + 1, ends=both
        ):
            time.sleep(UP_S)
            during = switch.memory_mb()
    until = time.monotonic() + rest_s
    after = switch.memory_mb()
    while after > before * (1 + NEAR) and time.monotonic() < until:
        time.sleep(LOOK_S)
        after = switch.memory_mb()
    return before, during, after


def _steady(switch: Switch) -> float:
    until, now_mb = time.monotonic() + STEADY_S, switch.memory_mb()
    while time.monotonic() < until:
        time.sleep(LOOK_S)
        last, now_mb = now_mb, switch.memory_mb()
        if abs(now_mb - last) <= STEADY * last:
            break
    return now_mb
