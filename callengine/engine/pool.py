"""The pool of call processes: forked ahead of need, one call each, replaced when they die."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence

from callengine.core.control import (
    FROM_CALL_PROCESS,
    MAX_MESSAGE_BYTES,
    Confined,
    ControlError,
    Exited,
    Fork,
    Forked,
    FromCallProcess,
    FromForkServer,
    Idle,
    OfCall,
    Ready,
    Stop,
    ToCallProcess,
    Unable,
    encode,
)
from callengine.core.limits import RTP_PORTS_PER_PROCESS
from callengine.engine.forking import ForkServer
from callengine.engine.processes import (
    CallProcess,
    NoProcessStartsError,
    PoolSettings,
    ProcessState,
)
from callengine.engine.roster import Roster
from callengine.worker.control import socket_pair

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 4.0
FORK_ATTEMPTS = 2
"A process may end as it starts because the fork server was just lost."
RETRY_S = 1.0
"How long spares that could not be forked, for want of descriptors, are put off."
CLEARING_S = 1.0
"How long a call may wait for a process that another has just left, when all are taken."
MAX_READ_TOGETHER = 64
"Messages of one process, before others have their turn."
SILENCE_S = 10.0
"A call process with a call reports every second; one silent for this long is ended."
WAKE = b"\r\n\r\n"
"Ends a call process's wait; pjsip takes it for a keep-alive and drops it."


class Pool:
    """Hand out call processes and watch over them.

    What a process says is read strictly: one that says anything else is ended.

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
        self._on_message = on_message
        self._on_death = on_death
        self._roster = Roster(settings)
        self._numbers = itertools.count(1)
        self._fork_server = ForkServer(on_message=self._heard, on_restart=self._fork_server_lost)
        self._wake_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wake_socket.bind(("127.0.0.1", 0))
        self._wake_socket.setblocking(False)
        self._killed: set[int] = set()
        "Process ids we ended and have not heard the end of."
        self.codecs: tuple[str, ...] = ()
        "What call processes here can do, once the first is ready."
        self.unavailable: dict[str, str] = {}
        "Codec name -> why they cannot do it."
        self.unconfined: list[str] = []
        "What call processes could do beyond their calls, as the kernel here does not keep them."
        self._stopping = False
        self._cleared = asyncio.Event()
        self._retry: asyncio.TimerHandle | None = None
        self._lacks_descriptors = False
        "Said once, until there are some again."

    @property
    def busy(self) -> int:
        """How many processes have a call."""
        return self._roster.busy

    @property
    def processes(self) -> list[CallProcess]:
        """Every process that has not died."""
        return self._roster.all

    async def start(self) -> None:
        """Start the fork server and the spare processes, and wait until the first is ready.

        Raises RuntimeError if no call process can be started.
        """
        self._fork_server.start()
        self._replenish()
        if not self.processes:
            raise RuntimeError(
                "no call process could be forked: its socket needs a descriptor, "
                "and none is left; raise the limit of open files (ulimit -n)"
            )
        process = self.processes[0]
        try:
            await asyncio.wait_for(asyncio.shield(process.ready), START_TIMEOUT_S * 4)
        except (TimeoutError, ConnectionError) as error:
            raise RuntimeError(
                "no call process could be started: see the log above; is pjsua2-python installed?"
            ) from error
        self.codecs, self.unavailable = process.codecs, process.unavailable

    async def acquire(self, bridge_rate_hz: int) -> CallProcess | None:
        """Return a process of this bridge rate for one call, or None if all are taken.

        Raises NoProcessStartsError if there is room for another and none can be started.
        """
        process = await self._available(bridge_rate_hz)
        if process is None and await self._one_cleared():
            process = await self._available(bridge_rate_hz)
        if process is None:
            return None
        process.state = ProcessState.BUSY
        process.heard_at = time.monotonic()
        self._replenish()
        return process

    def release(self, process: CallProcess, *, recycle: bool) -> None:
        """Take a process back; one to be recycled is replaced."""
        process.call = None
        if recycle:
            self._kill(process)
        elif process.state is ProcessState.BUSY:
            process.state = ProcessState.IDLE
        self._cleared.set()
        self._shrink(process.bridge_rate_hz)
        self._replenish()

    def send(
        self,
        process: CallProcess,
        message: ToCallProcess,
        *,
        wake: bool = True,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Send a control message; `wake` unless an INVITE follows at once.

        The process gets its own copies of `descriptors`; the caller closes these.
        """
        try:
            if descriptors:
                socket.send_fds(process.sock, [encode(message)], descriptors)
            else:
                process.sock.send(encode(message))
            if wake:
                self._wake_socket.sendto(WAKE, process.sip_address)
        except OSError:
            logger.warning("call process %s does not take messages; ending it", process.pid)
            self._kill(process)

    def end_silent(self) -> None:
        """End the processes with a call that have said nothing for SILENCE_S."""
        now = time.monotonic()
        for process in self.processes:
            if process.call and process.pid and now - process.heard_at > SILENCE_S:
                logger.error("call process %s says nothing; ending it", process.pid)
                process.ended_for = f"said nothing for {SILENCE_S:g} s"
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)

    def hear(self, process: CallProcess) -> None:
        """Take what a process has said by now."""
        self._readable(process)

    async def stop(self) -> None:
        """End every process and the fork server."""
        self._stopping = True
        if self._retry is not None:
            self._retry.cancel()
        self._fork_server.will_stop()
        for process in self.processes:
            with contextlib.suppress(OSError):
                process.sock.send(encode(Stop()))
                self._wake_socket.sendto(WAKE, process.sip_address)
        for _ in range(20):
            if not self.processes:
                break
            await asyncio.sleep(0.05)
        for process in self.processes:
            self._kill(process)
        await self._fork_server.stop()
        self._wake_socket.close()

    # Choosing

    async def _available(self, rate: int) -> CallProcess | None:
        return self._roster.first(ProcessState.IDLE, rate) or await self._made(rate)

    async def _one_cleared(self) -> bool:
        """Wait a moment for a process whose call has just ended; return whether one came back."""
        self._cleared.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._cleared.wait(), CLEARING_S)
        return self._cleared.is_set()

    async def _made(self, rate: int) -> CallProcess | None:
        """Take a process that is starting, or fork one now; None if all are taken.

        Raises NoProcessStartsError.
        """
        for _ in range(FORK_ATTEMPTS):
            process = self._roster.first(ProcessState.STARTING, rate) or self._forked(rate)
            if process is None:
                return None
            process.state = ProcessState.BUSY
            try:
                await asyncio.wait_for(asyncio.shield(process.ready), START_TIMEOUT_S)
            except TimeoutError:
                self._does_not_start(process)
            except ConnectionError:
                logger.warning("a call process ended as it started")
            if process.state is ProcessState.BUSY:
                return process
        raise NoProcessStartsError

    def _does_not_start(self, process: CallProcess) -> None:
        if process.pid:
            logger.error("call process %s does not start; ending it", process.pid)
        else:
            logger.error("the fork server does not answer; ending it")
            self._fork_server.kill()
        self._kill(process)

    def _forked(self, rate: int) -> CallProcess | None:
        """Fork a process in a free slot, or in that of one without a call; None if all are taken.

        Raises NoProcessStartsError.
        """
        if not self._roster.slots:
            idle = self._roster.without_call()
            if idle is None:
                return None
            self._kill(idle, replace=False)
        process = self._fork(rate)
        if process is None:
            raise NoProcessStartsError
        return process

    def _replenish(self) -> None:
        """Fork what spares are missing; what cannot be forked now is tried again later."""
        if self._stopping:
            return
        for rate, _ in self._settings.spare:
            for _ in range(self._roster.missing(rate)):
                if self._fork(rate) is None:
                    self._replenish_later()
                    return

    def _replenish_later(self) -> None:
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._retried)

    def _retried(self) -> None:
        self._retry = None
        self._replenish()

    def _shrink(self, rate: int) -> None:
        for process in self._roster.too_many(rate):
            self._kill(process)

    # Processes

    def _heard(self, message: FromForkServer) -> None:
        """Take what the fork server says."""
        match message:
            case Confined(left):
                self.unconfined = list(left)
            case Forked(number, pid):
                process = self._roster.get(number)
                if process is not None:
                    process.pid = pid
                    self._is_ready(process)
            case Exited(pid, status):
                self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> None:
        if status != 0 and not self._stopping and pid not in self._killed:
            logger.warning("call process %s ended with %s", pid, status)
        self._killed.discard(pid)

    def _fork_server_lost(self) -> None:
        self._killed.clear()  # nobody tells of their end now
        for process in self.processes:
            if not process.pid:  # nor of their ids
                self._kill(process, replace=False)
        self._replenish()

    def _fork(self, rate: int) -> CallProcess | None:
        """Ask for a process in a free slot; None if there are no descriptors for its socket."""
        try:
            ours, theirs = socket_pair()
        except OSError as error:
            self._say_no_descriptors(error)
            return None
        self._lacks_descriptors = False
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        process = CallProcess(
            number=next(self._numbers),
            bridge_rate_hz=rate,
            slot=self._roster.slots.popleft(),
            sock=ours,
            ready=loop.create_future(),
        )
        process.ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
        self._roster.add(process)
        loop.add_reader(ours, self._readable, process)
        request = Fork(
            number=process.number,
            bridge_rate_hz=rate,
            rtp_port=self._settings.rtp_ports[0] + process.slot * RTP_PORTS_PER_PROCESS,
            user_agent=self._settings.user_agent,
            calls_before_recycling=self._settings.calls_before_recycling,
        )
        with theirs:
            self._fork_server.ask(request, theirs)
        return process

    def _say_no_descriptors(self, error: OSError) -> None:
        if not self._lacks_descriptors:
            logger.error("no call process can be forked now: %s; see ulimit -n", error.strerror)
        self._lacks_descriptors = True

    def _readable(self, process: CallProcess) -> None:
        for _ in range(MAX_READ_TOGETHER):
            if process.state is ProcessState.DEAD:
                return
            try:
                data = process.sock.recv(MAX_MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._died(process)
                return
            self._said(process, data)

    def _said(self, process: CallProcess, data: bytes) -> None:
        """Take one message. A call process reads what strangers send: it may say anything."""
        try:
            self._message(process, FROM_CALL_PROCESS.decode(data))
        except ControlError as error:
            logger.error("call process %s is not understood: %s; ending it", process.pid, error)
        except Exception:
            logger.exception("what call process %s says cannot be taken; ending it", process.pid)
        else:
            return
        process.ended_for = "said what no call process says"
        self._kill(process)

    def _message(self, process: CallProcess, message: FromCallProcess) -> None:
        process.heard_at = time.monotonic()
        if not isinstance(message, Ready):
            self._on_message(process, message)
            return
        if process.sip_port:
            raise ControlError("Ready for the second time")
        process.sip_port = message.sip_port
        process.codecs = message.codecs
        process.unavailable = message.unavailable
        self._is_ready(process)

    def _is_ready(self, process: CallProcess) -> None:
        """Take a process into use; its id is the fork server's word, as we may kill by it."""
        if not process.pid or not process.sip_port:
            return
        if process.state is ProcessState.STARTING:
            process.state = ProcessState.IDLE
        if not process.ready.done():
            process.ready.set_result(None)

    def _died(self, process: CallProcess, *, replace: bool = True) -> None:
        if process.state is ProcessState.DEAD:
            return
        process.state = ProcessState.DEAD
        asyncio.get_running_loop().remove_reader(process.sock)
        process.sock.close()
        self._roster.remove(process)
        was_ready = process.ready.done()
        if not was_ready:
            process.ready.set_exception(ConnectionError("the call process ended as it started"))
        self._on_death(process)  # first of all: two people wait for the end of their call
        if was_ready and replace:
            self._replenish()

    def _kill(self, process: CallProcess, *, replace: bool = True) -> None:
        """End a process at once: one that has no call any more, or does not do as it is told.

        Nothing is lost by it, as what a call left open is finished by the edge; and its slot is
        free for others without a wait.
        """
        if process.pid and process.state is not ProcessState.DEAD:
            self._killed.add(process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self._died(process, replace=replace)
