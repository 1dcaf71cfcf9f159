"""The lives of call processes: asked of the fork server, read, told things, ended."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence

from callengine.core.control.calls import (
    FROM_CALL_PROCESS,
    FromCallProcess,
    Idle,
    OfCall,
    ProcessReady,
    Stop,
    ToCallProcess,
    Unable,
)
from callengine.core.control.forking import Confined, Exited, Fork, Forked, FromForkServer
from callengine.core.control.language import MAX_MESSAGE_BYTES, ControlError, encode
from callengine.core.limits import RTP_PORTS_PER_PROCESS
from callengine.engine.processes.forking import ForkServer
from callengine.engine.processes.priority import let_go_first
from callengine.engine.processes.process import CallProcess, PoolSettings, ProcessState
from callengine.engine.processes.roster import Roster
from callengine.worker.process.control import socket_pair

logger = logging.getLogger(__name__)

MAX_READ_TOGETHER = 64
"Messages of one process, before others have their turn."
SILENCE_S = 10.0
"A call process with a call reports every second; one silent for this long is ended."
HELD_UP_S, CATCH_UP_S = 5.0, 3.0
"""Between two looks: after so long the machine stood still, its call processes may have as well,
and each has so long to be heard again."""
WAKE = b"\r\n\r\n"
"Ends a call process's wait; pjsip takes it for a keep-alive and drops it."


class ProcessKeeper:
    """Keep the call processes of a roster: fork them, hear them, end them.

    What a process says is read strictly: one that says anything else is ended.

    On the event loop are called `on_message(process, message)`, `on_death(process)`, and
    `on_loss()` once processes are gone that may have to be replaced.
    """

    def __init__(
        self,
        settings: PoolSettings,
        roster: Roster,
        *,
        on_message: Callable[[CallProcess, Unable | Idle | OfCall], None],
        on_death: Callable[[CallProcess], None],
        on_loss: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._roster = roster
        self._on_message = on_message
        self._on_death = on_death
        self._on_loss = on_loss
        self._numbers = itertools.count(1)
        self._fork_server = ForkServer(on_message=self._heard, on_restart=self._fork_server_lost)
        self._wake_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wake_socket.bind(("127.0.0.1", 0))
        self._wake_socket.setblocking(False)
        self._killed: set[int] = set()
        "Process ids we ended and have not heard the end of."
        self.unconfined: list[str] = []
        "What call processes could do beyond their calls, as the kernel here does not keep them."
        self.without_extension = ""
        "Why call processes go without the media extension, as the end of a sentence."
        self.calls_wait = False
        "Whether calls are heard when all else that runs leaves them time: more is not permitted."
        self._stopping = False
        self._lacks_descriptors = False
        "Said once, until there are some again."
        self._looked_at = time.monotonic()
        "When silent processes were looked for last."

    @property
    def can_fork(self) -> bool:
        """Whether the fork server is up, and was when it last spoke."""
        return self._fork_server.is_up

    def start(self) -> None:
        """Start the fork server. Raises OSError if there is no descriptor or memory for it."""
        self._fork_server.start()

    async def stop(self) -> None:
        """End every process and the fork server."""
        self._stopping = True
        self._fork_server.will_stop()
        for process in self._roster.all:
            with contextlib.suppress(OSError):
                process.sock.send(encode(Stop()))
                self._wake_socket.sendto(WAKE, process.sip_address)
        for _ in range(20):
            if not self._roster.all:
                break
            await asyncio.sleep(0.05)
        for process in self._roster.all:
            self.kill(process)
        await self._fork_server.stop()
        self._wake_socket.close()

    # Telling and ending

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
            # Later: whoever sends is in the middle of something, and it may have ended by itself.
            asyncio.get_running_loop().call_soon(self._does_not_take, process)

    def _does_not_take(self, process: CallProcess) -> None:
        """End a process that no message reaches, once what it said last is taken."""
        self._readable(process)
        if process.state is not ProcessState.DEAD:
            logger.warning("call process %s does not take messages; ending it", process.pid)
            self.kill(process)

    def end_silent(self) -> None:
        """End the processes with a call that have said nothing for SILENCE_S."""
        now = time.monotonic()
        before, self._looked_at = self._looked_at, now
        if now - before > HELD_UP_S:
            for process in self._roster.all:
                process.heard_at = max(process.heard_at, now + CATCH_UP_S - SILENCE_S)
        for process in self._roster.all:
            if process.call and process.pid and now - process.heard_at > SILENCE_S:
                logger.error("call process %s says nothing; ending it", process.pid)
                process.ended_for = f"said nothing for {SILENCE_S:g} s"
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)

    def hear(self, process: CallProcess) -> None:
        """Take what a process has said by now."""
        self._readable(process)

    def kill(self, process: CallProcess, *, replace: bool = True) -> None:
        """End a process at once: one that has no call any more, or does not do as it is told.

        Nothing is lost by it, as what a call left open is finished by the edge; and its slot is
        free for others without a wait.
        """
        if process.pid and process.state is not ProcessState.DEAD:
            self._killed.add(process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self._died(process, replace=replace)

    def does_not_start(self, process: CallProcess) -> None:
        """End a process that was not ready in time, or the fork server if that is to blame."""
        if process.pid:
            logger.error("call process %s does not start; ending it", process.pid)
        else:
            logger.error("the fork server does not answer; ending it")
            self._fork_server.kill()
        self.kill(process)

    # Forking

    def fork(self, rate: int) -> CallProcess | None:
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

    def _heard(self, message: FromForkServer) -> None:
        """Take what the fork server says."""
        match message:
            case Confined(left, why):
                self.unconfined = list(left)
                self.without_extension = why
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
        for process in self._roster.all:
            if not process.pid:  # nor of their ids
                self.kill(process, replace=False)
        self._on_loss()

    # Hearing

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
        """Take what came together: a call process reads strangers' words, and may say anything."""
        try:
            for message in FROM_CALL_PROCESS.decode_all(data):
                if process.state is not ProcessState.DEAD:
                    self._message(process, message)
        except ControlError as error:
            logger.error("call process %s is not understood: %s; ending it", process.pid, error)
        except Exception:
            logger.exception("what call process %s says cannot be taken; ending it", process.pid)
        else:
            return
        process.ended_for = "said what no call process says"
        self.kill(process)

    def _message(self, process: CallProcess, message: FromCallProcess) -> None:
        process.heard_at = time.monotonic()
        if not isinstance(message, ProcessReady):
            self._on_message(process, message)
            return
        if process.sip_port:
            raise ControlError("Ready for the second time")
        process.sip_port = message.sip_port
        process.codecs = message.codecs
        process.unavailable = message.unavailable
        process.waiting_thread = message.waiting_thread
        self._is_ready(process)

    def _is_ready(self, process: CallProcess) -> None:
        """Take a process into use; its id is the fork server's word, as we may kill by it."""
        if not process.pid or not process.sip_port:
            return
        if process.waiting_thread:
            self.calls_wait = not let_go_first(process.pid, process.waiting_thread)
        if process.state is ProcessState.STARTING:
            process.state, process.idle_since = ProcessState.IDLE, time.monotonic()
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
            self._on_loss()
