"""The pool of call processes: forked ahead of need, one call each, replaced when they die."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from callengine.core.control.calls import Idle, OfCall, Unable
from callengine.engine.processes.keeper import ProcessKeeper
from callengine.engine.processes.process import (
    CallProcess,
    GivenUpError,
    NoProcessStartsError,
    PoolSettings,
    ProcessState,
)
from callengine.engine.processes.roster import Roster

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 4.0
FIRST_START_TIMEOUT_S = 16.0
"Of one that a fork server is to fork once it is up: that has yet to load all of pjsua2."
BEGINNING_TIMEOUT_S = 90.0
"""The same before the engine takes calls: nobody waits for it, and a machine that is just up has
all else to start as well."""
FORK_ATTEMPTS = 2
"A process may end as it starts because the fork server was just lost."
RETRY_S = 1.0
"How long spares that could not be forked, for want of descriptors, are put off."
CALLS_WAIT = (
    "On a busy machine calls may be heard with gaps: the engine may not have them go before other "
    "work. Allow it a real-time priority: ulimit -r 1, LimitRTPRIO=1 in systemd, or CAP_SYS_NICE."
)
CLEARING_S = 1.0
"How long a call may wait for a process that another has just left, when all are taken."


class Pool:
    """Hand out call processes, and see that there are enough of them.

    `on_message(process, message)` and `on_death(process)` are called on the event loop.
    """

    def __init__(
        self,
        settings: PoolSettings,
        *,
        on_message: Callable[[CallProcess, Unable | Idle | OfCall], None],
        on_death: Callable[[CallProcess], None],
    ) -> None:
        self._settings = settings
        self._roster = Roster(settings)
        self._keeper = ProcessKeeper(
            settings,
            self._roster,
            on_message=on_message,
            on_death=on_death,
            on_loss=self._replenish,
        )
        self.send = self._keeper.send
        "`send(process, message)` is how a process is told something."
        self.codecs: tuple[str, ...] = ()
        "What call processes here can do, once the first is ready."
        self.unavailable: dict[str, str] = {}
        "Codec name -> why they cannot do it."
        self._stopping = False
        self._given_up = asyncio.Event()
        self._cleared = asyncio.Event()
        self._retry: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> int:
        """How many processes have a call."""
        return self._roster.busy

    @property
    def processes(self) -> list[CallProcess]:
        """Every process that has not died."""
        return self._roster.all

    @property
    def unconfined(self) -> list[str]:
        """What call processes could do beyond their calls, as the kernel does not keep them."""
        return self._keeper.unconfined

    @property
    def shortages(self) -> list[str]:
        """What call processes go without here, and what that costs: a sentence each."""
        sentences = []
        if why := self._keeper.without_extension:
            sentences.append(f"Calls cost more processor time without the media extension: {why}.")
        if self._keeper.calls_wait:
            sentences.append(CALLS_WAIT)
        return sentences

    async def start(self) -> None:
        """Start the fork server and the spare processes, and wait until the first is ready.

        Raises RuntimeError if no call process can be started, GivenUpError if told to `give_up`.
        """
        self._keeper.start()
        self._replenish()
        if not self.processes:
            raise RuntimeError(
                "no call process could be forked: its socket needs a descriptor, "
                "and none is left; raise the limit of open files (ulimit -n)"
            )
        process = self.processes[0]
        ready, given_up = process.ready, asyncio.ensure_future(self._given_up.wait())
        waits: set[asyncio.Future[Any]] = {ready, given_up}
        await asyncio.wait(waits, timeout=BEGINNING_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        given_up.cancel()
        if self._given_up.is_set():
            raise GivenUpError("told to stop before a call process was ready")
        if not ready.done():
            raise RuntimeError(
                f"no call process was ready within {BEGINNING_TIMEOUT_S:g} s: "
                "this machine is too busy; start the engine again once it is not"
            )
        if (error := ready.exception()) is not None:
            raise RuntimeError(
                "no call process could be started: see the log above; is pjsua2-python installed?"
            ) from error
        self.codecs, self.unavailable = process.codecs, process.unavailable

    def give_up(self) -> None:
        """Have a `start` that still waits for the first process, or is to come, end."""
        self._given_up.set()

    async def acquire(self, bridge_rate_hz: int) -> CallProcess | None:
        """Return a process of this bridge rate for one call, or None if all are taken.

        Raises NoProcessStartsError if there is room for another and none can be started.
        """
        until = time.monotonic() + CLEARING_S
        while (process := await self._available(bridge_rate_hz)) is None:
            if not await self._one_cleared(until):
                return None
        process.state, process.has_served = ProcessState.BUSY, True
        process.heard_at = time.monotonic()
        self._replenish()
        return process

    def release(self, process: CallProcess, *, recycle: bool) -> None:
        """Take a process back; one to be recycled is replaced."""
        process.call = None
        if recycle:
            self._keeper.kill(process)
        elif process.state is ProcessState.BUSY:
            process.state, process.idle_since = ProcessState.IDLE, time.monotonic()
        self._cleared.set()
        self._replenish()

    def end_silent(self) -> None:
        """End the processes with a call that have said nothing for too long."""
        self._keeper.end_silent()

    def give_back(self) -> None:
        """End the processes that are too many, and one that rests; to be asked now and then.

        What a call has touched stays its process's own, twice what a new one has.
        """
        now = time.monotonic()
        for process in self._roster.too_many(now):
            self._keeper.kill(process)
        if (rested := self._roster.rested(now)) is not None:
            self._keeper.kill(rested)

    def hear(self, process: CallProcess) -> None:
        """Take what a process has said by now."""
        self._keeper.hear(process)

    async def stop(self) -> None:
        """End every process and the fork server."""
        self._stopping = True
        if self._retry is not None:
            self._retry.cancel()
        await self._keeper.stop()

    # Choosing

    async def _available(self, rate: int) -> CallProcess | None:
        return self._roster.first(ProcessState.IDLE, rate) or await self._made(rate)

    async def _one_cleared(self, until: float) -> bool:
        """Wait for a process whose call has just ended; return whether one came back in time.

        All that wait are woken: who finds it taken by another waits for the next.
        """
        self._cleared.clear()
        try:
            await asyncio.wait_for(self._cleared.wait(), until - time.monotonic())
        except TimeoutError:
            return False
        return True

    async def _made(self, rate: int) -> CallProcess | None:
        """Take a process that is starting, or fork one now; None if all are taken.

        Raises NoProcessStartsError.
        """
        for _ in range(FORK_ATTEMPTS):
            process = self._roster.first(ProcessState.STARTING, rate) or self._forked(rate)
            if process is None:
                return None
            process.state = ProcessState.BUSY
            timeout_s = START_TIMEOUT_S if self._keeper.can_fork else FIRST_START_TIMEOUT_S
            try:
                await asyncio.wait_for(asyncio.shield(process.ready), timeout_s)
            except TimeoutError:
                self._keeper.does_not_start(process)
            except ConnectionError:
                logger.warning("a call process ended as it started")
            if process.state is ProcessState.BUSY:
                return process
        raise NoProcessStartsError

    def _forked(self, rate: int) -> CallProcess | None:
        """Fork a process in a free slot, or in that of one without a call; None if all are taken.

        Raises NoProcessStartsError.
        """
        if not self._roster.slots:
            idle = self._roster.without_call()
            if idle is None:
                return None
            self._keeper.kill(idle, replace=False)
        process = self._keeper.fork(rate)
        if process is None:
            raise NoProcessStartsError
        return process

    def _replenish(self) -> None:
        """Fork what spares are missing; what cannot be forked now is tried again later."""
        if self._stopping:
            return
        for rate, _ in self._settings.spare:
            for _ in range(self._roster.missing(rate)):
                if self._keeper.fork(rate) is None:
                    self._replenish_later()
                    return

    def _replenish_later(self) -> None:
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._retried)

    def _retried(self) -> None:
        self._retry = None
        self._replenish()
