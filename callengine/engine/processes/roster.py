"""The call processes there are, by state and bridge rate; how many of them should be spare."""

from collections import deque

from callengine.engine.processes.process import CallProcess, PoolSettings, ProcessState

MAX_SPARE = 8
KEPT_S = 10.0
"How long a process is kept beyond need."
SPARE = (ProcessState.IDLE, ProcessState.STARTING)


class Roster:
    """The processes of a pool, and the slots that are left for more."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._processes: dict[int, CallProcess] = {}
        self.slots: deque[int] = deque(range(settings.max_calls))
        "The one that has rested longest comes first: its ports are free for sure."

    def add(self, process: CallProcess) -> None:
        """Take a process in; its slot is its own from now on."""
        self._processes[process.number] = process

    def remove(self, process: CallProcess) -> None:
        """Drop a process that has died; its slot is free again."""
        self._processes.pop(process.number, None)
        self.slots.append(process.slot)

    def get(self, number: int) -> CallProcess | None:
        """Return a process by its number."""
        return self._processes.get(number)

    @property
    def all(self) -> list[CallProcess]:
        """Every process that has not died."""
        return list(self._processes.values())

    @property
    def busy(self) -> int:
        """How many processes have a call."""
        return sum(process.state is ProcessState.BUSY for process in self._processes.values())

    def first(self, state: ProcessState, rate_hz: int) -> CallProcess | None:
        """Return a process of this state and bridge rate."""
        return next((p for p in self._of(rate_hz) if p.state is state), None)

    def without_call(self) -> CallProcess | None:
        """Return a process of any rate that no call needs, an idle one rather than a new one."""
        for state in SPARE:
            for process in self._processes.values():
                if process.state is state:
                    return process
        return None

    def missing(self, rate_hz: int) -> int:
        """Return how many spares of a rate are to be forked, as far as there are slots."""
        missing = self._spare_wanted(rate_hz) - sum(p.state in SPARE for p in self._of(rate_hz))
        return max(0, min(missing, len(self.slots)))

    def too_many(self, now: float) -> list[CallProcess]:
        """Return the idle processes that are far more than will be needed.

        Not those of a moment ago: calls come in bursts, and the next would have them all forked
        again, where a process's first call takes twice the time of its second.
        """
        return [
            process
            for rate_hz in {process.bridge_rate_hz for process in self._processes.values()}
            for process in self._idle(rate_hz)[2 * self._spare_wanted(rate_hz) + MAX_SPARE :]
            if now - process.idle_since >= KEPT_S
        ]

    def rested(self, now: float) -> CallProcess | None:
        """Return an idle process whose memory is more than a new one's, or that is one too many."""
        for process in self._processes.values():
            if process.state is ProcessState.IDLE:
                rests = now - process.idle_since >= self._settings.rest_s
                if rests and (process.has_served or self._has_more(process.bridge_rate_hz)):
                    return process
        return None

    def _has_more(self, rate_hz: int) -> bool:
        return sum(p.state in SPARE for p in self._of(rate_hz)) > self._spare_wanted(rate_hz)

    def _spare_wanted(self, rate_hz: int) -> int:
        share = max(1, self._settings.max_calls // 3)
        floor = min(dict(self._settings.spare).get(rate_hz, 0), share)
        busy = sum(p.state is ProcessState.BUSY for p in self._of(rate_hz))
        return min(MAX_SPARE, max(floor, busy // 4))

    def _idle(self, rate_hz: int) -> list[CallProcess]:
        return [p for p in self._of(rate_hz) if p.state is ProcessState.IDLE]

    def _of(self, rate_hz: int) -> list[CallProcess]:
        return [p for p in self._processes.values() if p.bridge_rate_hz == rate_hz]
