"""CPU-seconds per call-minute: calls that stand and carry speech, both ways."""

import time
from dataclasses import dataclass

from bench import processes, scenarios, signals
from bench.formats import CODECS
from bench.media import Media, Side
from bench.sipp import Sipp
from bench.switches import Switch, free_port

RAMP_PER_S = 10
SETTLE_S = 1.0
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


def talk(
    switch: Switch, *, codec: str, callee_port: int, calls: int, seconds: float, ends: Media
) -> Talk:
    """Set up calls, let them talk for `seconds`, and return what that cost."""
    ramp_s = calls / RAMP_PER_S + SETTLE_S
    talk_ms = round((ramp_s + seconds + 0.5) * 1000)
    octet_align = codec == "AMR-WB" and switch.octet_align
    callee = Sipp(
        switch.folder,
        f"callee-{codec}",
        scenarios.callee(codec=codec, media_port=ends.callee.port, octet_align=octet_align),
        port=callee_port,
    )
    try:
        time.sleep(0.2)
        caller = Sipp(
            switch.folder,
            f"caller-{codec}",
            scenarios.caller(
                server=switch.server,
                to=switch.target(codec),
                media_port=ends.caller.port,
                talk_ms=talk_ms,
            ),
            port=free_port(),
            server=switch.server,
            m=calls,
            l=calls,
            r=RAMP_PER_S,
        )
        measured = _measure(switch, ramp_s, seconds, codec, calls, ends)
        outcome = caller.end(timeout_s=calls / RAMP_PER_S + 6)
    finally:
        processes.end(callee.process, timeout_s=0.5)
    if outcome.failed:
        raise RuntimeError(f"{outcome.failed} of {calls} calls failed\n{switch.log()}")
    return measured


def _measure(
    switch: Switch, ramp_s: float, seconds: float, codec: str, calls: int, ends: Media
) -> Talk:
    time.sleep(ramp_s)
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
        memory_mb=processes.memory_mb(root),
        threads={
            name: (spent[name] - threads.get(name, 0.0)) / (calls * lasted / 60) for name in spent
        },
    )


def _static(codec: str) -> bool:
    return CODECS[codec].static_type is not None


def _most(received: "dict[int, int]") -> int:
    """Packets of the one dynamic payload type; a static one here is a codec nobody asked for."""
    return max((n for number, n in received.items() if number >= 96), default=0)
