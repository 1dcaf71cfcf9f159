"""What the engine tells live pages, hears from them, and says of itself every few seconds."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from channels.layers import get_channel_layer

from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.snapshot import (
    CallSnapshot,
    EventSnapshot,
    MessageSnapshot,
    NodeSnapshot,
    QualitySnapshot,
)
from callengine.directory import nodes
from callengine.edge.bans import Ban
from callengine.engine.livecall import LiveCall
from callengine.notices import groups
from callengine.record import bans as banning
from callengine.record import store
from connections.services import registered_count

if TYPE_CHECKING:
    from callengine.engine.switchboard import Switchboard

logger = logging.getLogger(__name__)

HEARTBEAT_S = 3.0
SILENCE_S = 10.0
"A call process with a call reports every second; one silent for this long is ended."
LAST_WORDS_S = 2.0
"How long a stop waits for what is still to be sent."
MAX_WAITING = 5000
GATHERING_S = 0.05
"How long what pages are told is gathered: a send to Redis costs as much as a SIP message."


class Publisher:
    """One task sends to the channel layer, one listens for commands, one stays known, one beats."""

    def __init__(self, switchboard: "Switchboard") -> None:
        self._switchboard = switchboard
        self._waiting: list[groups.Message] = []
        self._woken = asyncio.Event()
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self._sending: asyncio.Task[None] | None = None
        self._hearing: list[asyncio.Task[None]] = []
        self._started = datetime.now(UTC)
        self._channel = ""

    async def start(self) -> None:
        """Start the tasks."""
        self._sending = asyncio.create_task(self._send())
        work = (self._listen(), self._stay_reachable(), self._beat())
        self._hearing = [asyncio.create_task(coroutine) for coroutine in work]

    async def hear_no_more(self) -> None:
        """Hear no commands and beat no more; pages are still told what is put here."""
        for task in self._hearing:
            task.cancel()
        await asyncio.gather(*self._hearing, return_exceptions=True)

    async def stop(self) -> None:
        """Send what is waiting, then end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._all_sent.wait()
        await self.hear_no_more()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def gone(self) -> None:
        """Have this node forgotten, and pages told: it ends in order."""
        known: list[NodeSnapshot] = []

        def write() -> None:
            store.node_gone(name=self._switchboard.settings.node)
            known[:] = nodes.snapshots()

        self._switchboard.book.journal.write(write, lambda: self._put(groups.nodes_changed(known)))

    def call(self, snapshot: CallSnapshot) -> None:
        """Show a call as it now is."""
        self._put(groups.call_changed(snapshot))

    def event(self, call_id: str, event: EventSnapshot) -> None:
        """Show a new line of a timeline."""
        self._put(groups.call_event(call_id, event))

    def messages(self, call_id: str, messages: list[MessageSnapshot]) -> None:
        """Show new SIP messages of a call."""
        self._put(groups.call_messages(call_id, messages))

    def quality(self, call: LiveCall, samples: dict[str, QualitySnapshot]) -> None:
        """Show one second's statistics."""
        if samples:
            self._put(groups.call_quality(call.id, samples))

    def _put(self, messages: Iterable[groups.Message]) -> None:
        if len(self._waiting) >= MAX_WAITING:
            logger.warning("the channel layer is too slow; a live page misses an update")
            return
        self._waiting += messages
        self._all_sent.clear()
        self._woken.set()

    async def _send(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(GATHERING_S)
            self._woken.clear()
            messages, self._waiting = self._waiting, []
            try:
                async with asyncio.timeout(5.0):
                    await groups.publish(messages)
            except Exception:
                logger.warning("live pages could not be told: is Redis up?", exc_info=True)
            if not self._waiting:
                self._all_sent.set()

    async def _listen(self) -> None:
        while True:
            try:
                await self._commands()
            except Exception:
                logger.warning("commands from pages are not heard: is Redis up?", exc_info=True)
            await asyncio.sleep(1.0)

    async def _commands(self) -> None:
        layer = get_channel_layer()
        assert layer is not None
        self._channel = await layer.new_channel()
        await layer.group_add(groups.ENGINES, self._channel)
        while True:
            self._command(await layer.receive(self._channel))

    async def _stay_reachable(self) -> None:
        """Join the group again: it forgets members after a day, and all of them with Redis."""
        layer = get_channel_layer()
        assert layer is not None
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            # That Redis is away is said where messages are sent.
            with contextlib.suppress(Exception):
                if self._channel:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await layer.group_add(groups.ENGINES, self._channel)

    def _command(self, message: dict[str, Any]) -> None:
        if message.get("command") in self._switchboard.lab.COMMANDS:
            self._switchboard.lab.hear(message, self._channel)
            return
        if message.get("command") == "lift":
            self._switchboard.edge.lift_ban(str(message.get("source")), str(message.get("user")))
            return
        if message.get("command") not in ("hangup", "transfer"):
            logger.warning("a command unknown here came over the channel layer")
            return
        call = self._switchboard.calls.get(str(message.get("call", "")).replace("-", ""))
        if call is None:
            return  # it ended meanwhile, or another engine has it
        if message["command"] == "transfer":
            self._switchboard.transfers.hear(call, message)
            return
        advice = f"{message.get('by', 'An operator')} hung up on the live page."
        self._switchboard.hang_up(
            call, Termination("operator", Reason.OPERATOR_HUNG_UP, 200, advice)
        )

    async def _beat(self) -> None:
        while True:
            try:
                self._seen()
                self._end_silent_processes()
            except Exception:
                logger.exception("a heartbeat failed; the next one comes all the same")
            await asyncio.sleep(HEARTBEAT_S)

    def _seen(self) -> None:
        board = self._switchboard
        seen = partial(
            store.node_seen,
            name=board.settings.node,
            started=self._started,
            seen=datetime.now(UTC),
            listening=[f"{kind}:{host}:{port}" for kind, host, port in board.edge.listening],
            codecs=board.codecs,
            unavailable_codecs=board.unavailable,
            unconfined=board.pool.unconfined,
            calls=len(board.calls),
            max_calls=board.settings.pool.max_calls,
        )
        known: list[NodeSnapshot] = []
        registered: int | None = None
        bans: list[Ban] | None = None

        def write() -> None:
            nonlocal registered, bans
            seen()
            known[:] = nodes.snapshots()
            registered = registered_count(now=datetime.now(UTC))
            bans = banning.remembered(now=datetime.now(UTC))

        def show() -> None:
            if bans is not None:
                board.edge.hold_bans(bans)
            if known:  # else the database is away, and nothing is known
                self._put(groups.nodes_changed(known, registered=registered))

        board.book.journal.write(write, show)

    def _end_silent_processes(self) -> None:
        now = time.monotonic()
        for process in self._switchboard.pool.processes:
            if process.call and process.pid and now - process.heard_at > SILENCE_S:
                logger.error("call process %s says nothing; ending it", process.pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
