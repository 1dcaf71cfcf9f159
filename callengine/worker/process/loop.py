"""The main loop of a call process: pjsua2 and the control socket on one thread."""

import gc
import logging
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from callengine.core.control.agents import AgentSocket, ChangeAgent, TransferRefused
from callengine.core.control.browsers import BrowserSocket, ListenerSocket
from callengine.core.control.calls import (
    AnswerCall,
    CallEnded,
    EndCall,
    ExpectTransfer,
    FollowRedirect,
    Idle,
    OfCall,
    ProcessReady,
    Stop,
    TakeCall,
    TransferCall,
    TransferOff,
    Unable,
)
from callengine.core.control.capture import RecordPackets, StopRecording
from callengine.core.control.forking import Fork
from callengine.core.control.levels import MeasureLevels
from callengine.core.control.music import MusicReady
from callengine.core.control.speech import SpeechReady
from callengine.core.orders import CallOrder
from callengine.core.reasons import Reason
from callengine.worker.call.capturing import Capturing
from callengine.worker.call.deliveries import Delivery, refuse
from callengine.worker.call.parties import CallParties
from callengine.worker.call.runner import CallRunner
from callengine.worker.legs.party import NO_INVITE, Invite, Parties
from callengine.worker.pjsua import slots
from callengine.worker.pjsua.endpoint import REST_AFTER_S, CallProcessConfig, Endpoint
from callengine.worker.pjsua.library import Library
from callengine.worker.process.control import Control, ControlClosedError

logger = logging.getLogger(__name__)

INVITE_MISSING = Unable(
    Reason.INVITE_NOT_TAKEN, "the caller's INVITE did not reach it, or is written as it cannot read"
)

IDLE_POLL_MS = 2000
"The engine wakes a call process by a datagram; this only bounds how late a lost one is noticed."
ORDER_POLL_MS = 100
ABANDON_S = 2.0
SOCKETS_PER_LEG = 2
SOCKET_REST_S = 0.7
MAX_RESTING_SOCKETS = 32
"""pjmedia holds 64 sockets (PJ_IOQUEUE_MAX_HANDLES), closed ones for 0.5 s more, and aborts beyond
that. A call opens at most 8 at a time, and 8 more for each wave that follows."""
ORDER_LIFETIME_S = 1.5
"How long an order waits for its INVITE, which follows at once unless pjsip dropped it."
CLEARING_S = 1.5
"How long pjsua may take to give back the slots of a call; the edge answers it at once."
CLEARING_POLL_MS = 20
COLLECT_EVERY_S = 60.0
"Garbage; and after each call."


class CallServer:
    """Serve call after call until told to stop, or until the engine is gone."""

    def __init__(
        self,
        control: Control,
        config: CallProcessConfig,
        make_parties: Callable[[Endpoint, CallOrder], Parties] = CallParties,
        *,
        library: Library | None = None,
    ) -> None:
        self._control = control
        self._make_parties = make_parties
        self._config = config
        self._order: CallOrder | None = None
        self._hung_up: EndCall | None = None
        "An order to hang up that came before the call's INVITE."
        self._runner: CallRunner | None = None
        self._carries = ""
        "The call that `_runner` has."
        self._broken: CallRunner | None = None
        self._clearing_until: float | None = None
        "While a call that is over still holds slots."
        self._served = 0
        self._stopping = False
        self._lost = False
        self._order_expires_at = 0.0
        self._rest_at: float | None = None
        self._closed: deque[tuple[float, int]] = deque()
        self._collect_at = time.monotonic() + COLLECT_EVERY_S
        self._idle_at: float | None = None
        "When a process whose calls came too fast reports that it is free."
        self._endpoint = Endpoint(config, self._incoming, self._failed, library)
        self._capturing = Capturing(control.send, sip_port=self._endpoint.sip_port)

    def run(self) -> int:
        """Serve; return the exit status."""
        codecs = self._endpoint.codecs
        ready = ProcessReady(
            sip_port=self._endpoint.sip_port,
            codecs=codecs.available,
            unavailable=codecs.unavailable,
            waiting_thread=self._endpoint.waiting_thread,
        )
        try:
            self._control.send(ready)
            self._control.flush()
            while not self._stopping or self._runner is not None:
                self._turn()
        except ControlClosedError:
            self._abandon()
        self._endpoint.close()
        return 0

    def _turn(self) -> None:
        self._endpoint.poll(self._wait_ms())
        if self._lost:
            raise ControlClosedError("the engine is gone")
        self._receive()
        if self._order is not None and time.monotonic() > self._order_expires_at:
            self._order = None
            self._control.send(INVITE_MISSING)
            self._stopping = True
        if self._idle_at is not None and time.monotonic() >= self._idle_at:
            self._idle_at = None
            self._control.send(Idle(recycle=False))
        if self._runner is not None:
            self._serve(self._runner)
        self._capturing.step(time.monotonic())
        self._control.flush()
        if time.monotonic() >= self._collect_at:
            self._collect()

    def _collect(self) -> None:
        """Collect garbage, on this thread alone: pjsua2's objects may not end on another."""
        gc.collect()
        self._collect_at = time.monotonic() + COLLECT_EVERY_S

    def _serve(self, runner: CallRunner) -> None:
        runner.step()
        if runner.finished and self._has_cleared():
            self._release(runner)

    def _has_cleared(self) -> bool:
        """Tell whether the call's slots are free, or have been waited for long enough."""
        if not slots.count():
            return True
        now = time.monotonic()
        self._clearing_until = self._clearing_until or now + CLEARING_S
        return now >= self._clearing_until

    def _wait_ms(self) -> int:
        if self._clearing_until is not None:
            return CLEARING_POLL_MS
        if self._runner is None:
            return self._idle_ms()
        return self._runner.wait_ms(self._capturing.wait_ms(IDLE_POLL_MS))

    def _idle_ms(self) -> int:
        """Return how long to wait for a call; let the media thread sleep when its time has come."""
        if self._rest_at is None:
            # The engine waits for word of an order whose INVITE does not come.
            return ORDER_POLL_MS if self._order is not None else IDLE_POLL_MS
        wait_s = (self._idle_at or self._rest_at) - time.monotonic()
        if wait_s > 0:
            return int(wait_s * 1000) + 1
        if self._idle_at is None:
            self._rest_at = None
            self._endpoint.rest()
        return 1

    def _receive(self) -> None:
        for received in self._control.receive():
            match message := received.message:
                case TakeCall(order):
                    self._await_invite(order)
                case EndCall():
                    self._hang_up(message)
                case TransferCall() | ExpectTransfer() | TransferOff() | MeasureLevels():
                    self._tell_runner(message)
                case AnswerCall() if self._runner is not None:
                    self._runner.order_answer(message)
                case FollowRedirect() if self._runner is not None:
                    self._runner.order_redirect(message)
                case RecordPackets() | StopRecording():
                    self._tell_capture(message, received.descriptor)
                case (
                    AgentSocket()
                    | ChangeAgent()
                    | TransferRefused()
                    | SpeechReady()
                    | MusicReady()
                    | BrowserSocket()
                    | ListenerSocket()
                ):
                    self._deliver(message, received.descriptor)
                case Stop():
                    self._stopping = True

    def _tell_runner(
        self, message: TransferCall | ExpectTransfer | TransferOff | MeasureLevels
    ) -> None:
        if self._runner is None:
            return
        if isinstance(message, MeasureLevels):
            self._runner.order_levels(message)
        else:
            self._runner.order_transfer(message)

    def _deliver(self, message: Delivery, descriptor: int | None) -> None:
        if self._runner is not None:
            self._runner.deliveries.take(message, descriptor)
        else:
            refuse(descriptor)

    def _tell_capture(self, message: RecordPackets | StopRecording, descriptor: int | None) -> None:
        """Record packets or no more, unless that was meant for an earlier call."""
        if isinstance(message, StopRecording):
            self._capturing.stop(message.key)
        elif descriptor is not None:
            if self._runner is not None and message.call == self._carries:
                self._capturing.begin(message, descriptor)
            else:
                os.close(descriptor)

    def _say(self, message: OfCall) -> None:
        """Tell the engine; what was recorded of a call, before its end."""
        if isinstance(message, CallEnded):
            self._capturing.end()
        self._control.send(message)

    def _await_invite(self, order: CallOrder) -> None:
        self._endpoint.read_media()
        self._rest_at = None
        self._order = order
        self._order_expires_at = time.monotonic() + ORDER_LIFETIME_S
        self._hung_up = None
        if order.leg_a.browser is not None:
            self._take(NO_INVITE)

    def _incoming(self, prm: Any) -> None:
        try:
            # The order was written before the INVITE was sent, so it is here by now.
            self._receive()
            self._take(Invite(prm.callId, prm.rdata.wholeMsg))
            self._control.flush()  # before what pjsua2 answers
        except ControlClosedError:
            self._lost = True

    def _take(self, invite: Invite) -> None:
        if self._runner is None and self._order is not None:
            parties = self._make_parties(self._endpoint, self._order)
            self._runner = CallRunner(parties, self._order, self._say)
            self._carries = self._order.call
            self._order = None
        if self._runner is None:
            return
        hung_up, self._hung_up = self._hung_up, None
        self._runner.take(invite, hung_up)
        if self._runner.unable:  # said before pjsua2 answers the INVITE by itself
            self._give_up(self._runner.unable)

    def _failed(self, callback: str) -> None:
        """Take what failed while an INVITE was taken: another process may do better."""
        try:
            if self._runner is None or not self._runner.failed(callback):
                self._give_up(f"{callback} failed")
            self._control.flush()
        except ControlClosedError:
            self._lost = True

    def _give_up(self, why: str) -> None:
        self._control.send(Unable(Reason.NO_WORKING_CALL_PROCESS, why))
        # Its legs must not be collected while pjsua2 is still calling us about one of them.
        self._broken, self._runner, self._stopping = self._runner, None, True

    def _hang_up(self, message: EndCall) -> None:
        if self._runner is not None:
            self._runner.order_hang_up(message)
        elif self._order is not None:
            self._hung_up = message  # its INVITE is about to come, and wants an answer

    def _release(self, runner: CallRunner) -> None:
        self._served += 1
        self._clearing_until = None
        recycle = slots.count() > 0 or self._served >= self._config.calls_before_recycling
        idle_at = self._note_closed(SOCKETS_PER_LEG * runner.legs)
        self._capturing.end()
        runner.release()
        self._runner = None
        self._rest_at = time.monotonic() + REST_AFTER_S
        self._stopping = self._stopping or recycle
        if idle_at is None or recycle:
            self._control.send(Idle(recycle))
            self._control.flush()
        else:
            self._idle_at = idle_at
        self._collect()

    def _note_closed(self, sockets: int) -> float | None:
        """Count closed sockets; return when there is room for another call, None for now."""
        now = time.monotonic()
        self._closed.append((now, sockets))
        while self._closed[0][0] < now - SOCKET_REST_S:
            self._closed.popleft()
        resting = sum(count for _, count in self._closed)
        idle_at = None
        for closed_at, count in self._closed:
            if resting <= MAX_RESTING_SOCKETS:
                break
            resting -= count
            idle_at = closed_at + SOCKET_REST_S
        return idle_at

    def _abandon(self) -> None:
        if self._runner is None:
            return
        self._runner.abandon()
        until = time.monotonic() + ABANDON_S
        while time.monotonic() < until and slots.count():
            self._endpoint.poll(100)


def serve(sock: socket.socket, request: Fork, library: Library | None) -> int:
    """Run one call process on its control socket; return the exit status.

    It goes on with a `library` that it inherited, or makes one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.disable()  # it would run on whichever thread makes the next object
    config = CallProcessConfig.from_request(request)
    return CallServer(Control(sock), config, library=library).run()
