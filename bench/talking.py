"""CPU-seconds per call-minute: calls that stand and carry speech, both ways."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from bench import processes, scenarios, signals
from bench.formats import CODECS
from bench.media import Address, Media, Side
from bench.sipp import Sipp
from bench.switches import HOST, Switch, free_port

RAMP_PER_S = 20
"Calls that are set up to stand; what a set-up costs is not in what they cost."
SETTLE_S = 2.0
"For what stands to be what is measured: the product relays a call it can after a second."
SLACK_S = 0.5
"For answers that come late: a call ends by the caller's clock."
SPEECH_S = 10.0
AUDIBLE = 50.0
"Root mean square, in 16-bit steps, below which a caller heard nothing."


@dataclass(frozen=True, slots=True)
class Talk:
    """One measured stretch of calls."""

    calls: int
    cpu_s: float
    seconds: float
    packets_share: float
    "Of the packets due at both ends, those that came, in the right codec."
    heard: float
    memory_mb: float
    threads: dict[str, float]
    "CPU-seconds per call-minute by thread name; `root` is the engine's loop, with the web in it."

    @property
    def cpu_s_per_call_minute(self) -> float:
        """CPU-seconds of the whole process tree for one minute of one call."""
        return self.cpu_s / (self.calls * self.seconds / 60)

    @property
    def sound(self) -> bool:
        """Whether every call carried speech both ways in the codecs asked for."""
        return self.packets_share > 0.97 and self.heard > AUDIBLE


def sides(codec: str) -> tuple[Side, Side]:
    """Return the media ends of the callers and of the callees."""
    return (
        Side("PCMU", signals.payloads("PCMU", SPEECH_S)),
        Side(codec, signals.payloads(codec, SPEECH_S)),
    )


class End(Protocol):
    """The media address of one side of every call."""

    port: int

    def greet(self, addresses: Iterable[Address]) -> None:
        """Send to these though nothing came from them yet."""


@contextmanager
def standing(
    switch: Switch,
    *,
    codec: str,
    callee_port: int,
    calls: int,
    seconds: float,
    ends: tuple[End, End],
    settle_s: float = SETTLE_S,
) -> Iterator[None]:
    """Set up calls, caller PCMU; in the context they stand, for `seconds`. Then they have ended.

    `ends` are the callers' and the callees'. Raises RuntimeError if a call failed.
    """
    talk_s = calls / RAMP_PER_S + SLACK_S + settle_s + seconds
    callee = Sipp(
        switch.folder,
        f"callee-{codec}",
        scenarios.callee(
            codec=codec,
            media_port=ends[1].port,
            octet_align=codec == "AMR-WB" and switch.octet_align,
        ),
        port=callee_port,
    )
    caller = None
    try:
        time.sleep(0.2)
        caller = Sipp(
            switch.folder,
            f"caller-{codec}",
            scenarios.caller(
                server=switch.server,
                to=switch.target(codec),
                media_port=ends[0].port,
                talk_ms=round(talk_s * 1000),
            ),
            port=free_port(),
            server=switch.server,
            m=calls,
            l=calls,
            r=RAMP_PER_S,
        )
        _await_answers(caller, calls)
        for part_s in (settle_s / 2, settle_s / 2):
            if switch.listens_first:
                ends[0].greet([(HOST, port) for port in caller.media_ports()])
            time.sleep(part_s)
        yield
        outcome = caller.end(timeout_s=calls / RAMP_PER_S + 6)
    finally:
        for sipp in filter(None, (caller, callee)):
            processes.end(sipp.process, timeout_s=0.5)
    if outcome.failed:
        raise RuntimeError(f"{outcome.failed} of {calls} calls failed\n{switch.log()}")


def _await_answers(caller: Sipp, calls: int) -> None:
    """Wait until all calls are answered, as long as the first will be there until the end."""
    until = time.monotonic() + calls / RAMP_PER_S + SLACK_S
    while len(caller.media_ports()) < calls and time.monotonic() < until:
        time.sleep(0.05)


def talk(switch: Switch, *, codec: str, callee_port: int, calls: int, seconds: float) -> Talk:
    """Set up calls, let them talk for `seconds`, and return what that cost."""
    with (
        Media(*sides(codec)) as ends,
        standing(
            switch,
            codec=codec,
            callee_port=callee_port,
            calls=calls,
            seconds=seconds,
            ends=(ends.caller, ends.callee),
        ),
    ):
        return _measure(switch, seconds, codec, calls, ends)


def _measure(switch: Switch, seconds: float, codec: str, calls: int, ends: Media) -> Talk:
    ends.caller.reset()
    ends.callee.reset()
    root = switch.process.pid
    before, threads, started = switch.cpu_s(), processes.thread_s(root), time.monotonic()
    time.sleep(seconds)
    used, lasted = switch.cpu_s() - before, time.monotonic() - started
    spent = processes.thread_s(root)
    caller, callee = ends.caller.received.copy(), ends.callee.received.copy()
    good = caller[0] + (callee[CODECS[codec].static_type or 0] if _static(codec) else _most(callee))
    return Talk(
        calls=calls,
        cpu_s=used,
        seconds=lasted,
        packets_share=good / (2 * 50 * lasted * calls),
        heard=signals.loudness(ends.caller.kept),
        memory_mb=switch.memory_mb(),
        threads={
            name: (spent[name] - threads.get(name, 0.0)) / (calls * lasted / 60) for name in spent
        },
    )


def _static(codec: str) -> bool:
    return CODECS[codec].static_type is not None


def _most(received: "dict[int, int]") -> int:
    """Packets of the one dynamic payload type; a static one here is a codec nobody asked for."""
    return max((n for number, n in received.items() if number >= 96), default=0)
