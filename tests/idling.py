"""How much of the processors nobody uses."""

from pathlib import Path

STAT = Path("/proc/stat")
"proc(5): user, nice, system, idle, iowait, irq, softirq, steal, in ticks since the machine began."
IDLE, IOWAIT, STEAL = 3, 4, 7


class Idling:
    """Part of the processors' time that is idle."""

    def __init__(self) -> None:
        self._total, self._idle = _ticks()

    def since_last(self) -> float:
        """Return it of the time since this was asked last, or made: 0 to 1."""
        before_total, before_idle = self._total, self._idle
        self._total, self._idle = _ticks()
        passed = self._total - before_total
        return (self._idle - before_idle) / passed if passed else 0.0


def _ticks() -> tuple[int, int]:
    ticks = [int(word) for word in STAT.read_text().splitlines()[0].split()[1 : STEAL + 2]]
    return sum(ticks), ticks[IDLE] + ticks[IOWAIT]
