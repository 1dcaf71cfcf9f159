"""Recording packets of calls: what was asked for, whose call it is, its file, and when it ends.

RTP and RTCP are written by the call process, through a descriptor; signalling by a thread of this
engine's (`disk`).
"""

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from callengine.core import capturewords
from callengine.core.control.capture import PacketsRecorded, RecordPackets, StopRecording
from callengine.core.snapshot import iso
from callengine.directory.current import Read
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.calls.opencapture import OpenCapture
from callengine.engine.captures.disk import CaptureDisk
from callengine.engine.captures.wanted import WantedCaptures
from callengine.engine.processes.pool import Pool
from callengine.engine.settings import EngineSettings
from callengine.loop.tasks import BackgroundTasks
from callengine.notices.captures import CaptureAsked, DropCapture, StopCapture
from callengine.record import captures, changes, reading
from callengine.record.capturefile import NoRoomError
from callengine.record.captures import CaptureOrder
from callengine.record.ladder import Listener, SeenMessage

logger = logging.getLogger(__name__)

SETTLE_S = 3.0
"How long the last messages of a call may come after its end."
STOPPING_S = 0.7
"How long a call process may take to write what it has, at least."
TOLD_WITHIN_S = 10.0
"How long one that this machine keeps from running is waited for to say how much that was."
PAST_S = 5.0
"How long the journal may take to have written what passed before."
LOOK_S = 10.0
"How often is looked for what was asked for and not heard of."
SWEEP_S, MOST_BEGUN = 3600.0, 1000


class OwnAddresses(Protocol):
    """What is asked of the edge."""

    def local_address_for(self, flow: str) -> tuple[str, int]:
        """Return our own address and port toward a peer."""


class Captures:
    """The captures of one engine."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        book: CallBook,
        pool: Pool,
        edge: OwnAddresses,
        read: Read,
    ) -> None:
        self._node, self._limits = settings.node, settings.captures
        self._disk = CaptureDisk(settings.data, settings.captures)
        self._book = book
        self._pool = pool
        self._edge = edge
        self._read = read
        self._wanted = WantedCaptures()
        self._open: dict[str, OpenCapture] = {}
        "By key, until their files are closed."
        self._begun: deque[str] = deque(maxlen=MOST_BEGUN)
        "Their keys, and those of the last that were."
        self._tasks = BackgroundTasks("captures")

    async def start(self) -> None:
        """Learn whose next calls are waited for."""
        self._tasks.start(self._begin_work())

    async def _begin_work(self) -> None:
        swept_at = float("-inf")
        while True:
            try:
                await self._look()
                if time.monotonic() - swept_at >= SWEEP_S:
                    await self._read(self._disk.sweep)
                    swept_at = time.monotonic()
            except Exception:
                logger.exception("captures could not be looked for; it is tried again")
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        """Learn of what was asked for and not heard of: before a start, or without Redis."""
        for order in await self._read(captures.open_orders):
            if order.key not in self._begun:  # else it is about to be put down as such
                self._waits(order)

    async def stop(self) -> None:
        """Close every file; what belongs to a call that is up ends."""
        for capture in list(self._open.values()):
            self._end(capture, capture.why or "call-ended", settle_s=None)
            await self._close(capture)
        await self._tasks.stop()
        self._disk.stop()

    def take(self, command: CaptureAsked | StopCapture | DropCapture) -> None:
        """Do what a page asks for."""
        match command:
            case CaptureAsked(key):
                self._tasks.start(self._asked(key))
            case StopCapture(key):
                self._wanted.forget(key)
                if (capture := self._open.get(key)) is not None:
                    self._end(capture, "stopped")
            case DropCapture(key):
                self._wanted.forget(key)
                if (capture := self._open.get(key)) is not None:
                    self._end(capture, "stopped")
                self._disk.drop(key)

    # Beginning

    async def _asked(self, key: str) -> None:
        order = await self._read(partial(captures.order, key))
        if order is not None and order.key not in self._begun:
            self._waits(order)

    def _waits(self, order: CaptureOrder) -> None:
        if order.call:
            self._of_call(order)
        else:
            self._wanted.add(order)

    def _of_call(self, order: CaptureOrder) -> None:
        """Begin with a call that is up, unless that is another engine's."""
        if (call := self._book.calls.get(order.call.replace("-", ""))) is None:
            return
        if call.capture is not None and not call.capture.why:
            self._write(order.key, {"ended": iso(time.time()), "why": "another"})
        else:
            self._begin_late(call, order)

    def opening(self, call: LiveCall) -> Listener | None:
        """Begin with a call whose party is waited for; return who takes its messages."""
        order = self._order_for(call)
        return self._begin(call, order) if order is not None else None

    def taken(self, call: LiveCall) -> None:
        """Have the process that has taken a call record, if its packets are wanted."""
        if call.capture is None and (order := self._order_for(call)) is not None:
            # Who is rung was not known before.
            self._begin_late(call, order)
        self._hand_over(call)

    def _begin_late(self, call: LiveCall, order: CaptureOrder) -> None:
        """Begin with a call that is under way: what was said before is in its ladder."""
        if (listener := self._begin(call, order)) is not None and call.capture is not None:
            call.capture.past = self._book.trace.listen(call.plan.call, listener)

    def _order_for(self, call: LiveCall) -> CaptureOrder | None:
        return self._wanted.take(call.ends | set(call.party_labels.values()))

    def _begin(self, call: LiveCall, order: CaptureOrder) -> Listener | None:
        if not self._disk.is_there:
            return None
        now = time.time()
        max_s = min(order.max_s, self._limits.max_s)
        max_bytes = min(order.max_bytes, self._limits.max_bytes)
        capture = OpenCapture(
            order=order,
            call=call.plan.call,
            call_uuid=call.id,
            file=self._disk.file(order.key, max_bytes=max_bytes),
            snapshot={
                "key": order.key,
                "by": order.by,
                "began": iso(now),
                "ended": None,
                "whole": order.whole,
                "max_s": max_s,
                "max_bytes": max_bytes,
            },
            until=time.monotonic() + max_s,
        )
        call.capture = self._open[order.key] = capture
        self._begun.append(order.key)
        loop = asyncio.get_running_loop()
        capture.timer = loop.call_later(max_s + STOPPING_S, self._end, capture, "time")
        others = [other.file for other in self._open.values() if other is not capture]
        # First in the thread's queue: messages that have passed already come behind it.
        made = self._disk.make(capture.file, whole=order.whole, others=others)
        self._tasks.start(self._made(call, capture, made))
        return partial(self._message, capture)

    async def _made(self, call: LiveCall, capture: OpenCapture, made: asyncio.Future[None]) -> None:
        """Go on once there is a file, and say so, unless another engine was faster."""
        began = datetime.fromisoformat(capture.snapshot["began"])
        claim = partial(captures.claim, capture.order.key, node=self._node, at=began)
        try:
            await made
            is_ours = await self._read(claim)
        except NoRoomError:
            self._end(capture, "no-room")
            return
        except Exception:
            logger.exception("packets of a call cannot be recorded")
            self._end(capture, "failed")
            return
        if not is_ours:
            self._let_go(call, capture)
            return
        capture.is_claimed = True
        self._write(capture.order.key, {"call_id": capture.call_uuid})
        if capture.why:  # the call was declined, or as short
            self._write_end(capture)
            return
        call.snapshot["capture"] = snapshot = capture.snapshot
        limits = {"max_s": snapshot["max_s"], "max_bytes": snapshot["max_bytes"]}
        self._tell(call, capturewords.begun(snapshot["by"], whole=snapshot["whole"], **limits))
        await self._write_past(capture)
        capture.is_open = True
        self._hand_over(call)

    def _let_go(self, call: LiveCall, capture: OpenCapture) -> None:
        """Forget a capture that is another engine's, or was called off."""
        capture.why = capture.why or "another"
        capture.is_closing = True
        if capture.timer is not None:
            capture.timer.cancel()
        self._book.trace.listen(call.plan.call, None)
        self._open.pop(capture.order.key, None)
        if call.capture is capture:
            call.capture = None
        self._disk.let_go(capture.file, capture.order.key)

    async def _write_past(self, capture: OpenCapture) -> None:
        """Write what passed before: without descriptions nobody knows which packets are RTP."""
        if not capture.past:
            return
        self._book.trace.flush()
        try:
            await self._book.journal.flushed(PAST_S)
            past = await self._read(
                partial(reading.first_messages, capture.call_uuid, capture.past)
            )
        except Exception:
            logger.exception("what passed before it is missing in a capture")
            return
        ours = [(row, self._edge.local_address_for(row["peer"])) for row in past]
        written = self._disk.append_past(capture.file, ours)
        written.add_done_callback(partial(self._appended, capture))
        await written

    def _hand_over(self, call: LiveCall) -> None:
        """Give the file to the call's process, once both are there."""
        capture, process = call.capture, call.process
        if capture is None or process is None or not call.taken or capture.why:
            return
        is_gone = not process.has(call.plan.call)
        if not capture.is_open or capture.is_handed_over or is_gone:
            return
        capture.is_handed_over = True
        order = RecordPackets(
            call.plan.call,
            capture.order.key,
            capture.order.whole,
            capture.snapshot["max_bytes"],
            max(capture.until - time.monotonic(), 0.0),
        )
        self._pool.send(process, order, descriptors=(capture.file.descriptor,))

    # While it is on

    def _message(self, capture: OpenCapture, seen: SeenMessage, leg: str) -> None:
        if capture.why not in ("", "call-ended") or capture.is_closing:
            return
        ours = self._edge.local_address_for(seen.flow)
        written = self._disk.append(capture.file, seen, leg, ours)
        written.add_done_callback(partial(self._appended, capture))

    def _appended(self, capture: OpenCapture, written: "asyncio.Future[bool]") -> None:
        if written.cancelled():
            return
        if (error := written.exception()) is not None:
            logger.warning("a message could not be recorded: %s", error)
            self._end(capture, "failed")
        elif not written.result():
            self._end(capture, "size")

    def heard(self, call: LiveCall, told: PacketsRecorded) -> None:
        """Take what a call process has recorded."""
        capture = self._open.get(told.key)
        if capture is None or capture.call != call.plan.call:
            return
        capture.told.set()
        capture.packets += told.packets
        capture.lost += told.lost
        if told.why == "no-extension":
            self._note(call, capturewords.WITHOUT_MEDIA)
        elif told.why:
            self._end(capture, told.why)

    # Ending

    def closing(self, call: LiveCall) -> None:
        """Take that a call has ended; its last messages are still to come."""
        for capture in self._open.values():
            if capture.call == call.plan.call:
                capture.told.set()  # its process has said so before its end, or never will
        if call.capture is not None and not call.capture.why:
            self._end(call.capture, "call-ended", settle_s=SETTLE_S)

    def _end(self, capture: OpenCapture, why: str, *, settle_s: float | None = STOPPING_S) -> None:
        """End a capture for the first reason there is; its file is closed a moment later."""
        if capture.why:
            return
        capture.why = why
        capture.snapshot["ended"] = iso(time.time())
        if capture.timer is not None:
            capture.timer.cancel()
        call = self._book.calls.get(capture.call)
        if call is not None and why != "call-ended":
            if call.process is not None and capture.is_handed_over:
                stop = StopRecording(capture.call, capture.order.key)
                self._pool.send(call.process, stop)
            self._tell(call, capturewords.over(why, has_begun=capture.is_claimed))
        if capture.is_claimed or why in ("no-room", "failed"):
            self._write_end(capture)
        if settle_s is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(settle_s, lambda: self._tasks.start(self._settle(capture)))

    def _write_end(self, capture: OpenCapture) -> None:
        columns = {"ended": capture.snapshot["ended"], "why": capture.why}
        self._write(capture.order.key, columns)

    async def _settle(self, capture: OpenCapture) -> None:
        """Close its file, and say how much is in it, once its call process has said its part."""
        if capture.is_handed_over:
            with suppress(TimeoutError):
                async with asyncio.timeout(TOLD_WITHIN_S):
                    await capture.told.wait()
        await self._close(capture)

    async def _close(self, capture: OpenCapture) -> None:
        if capture.is_closing:
            return
        capture.is_closing = True
        size = await self._disk.close(capture.file)
        self._open.pop(capture.order.key, None)
        columns = {
            "bytes": size,
            "packets": capture.packets + capture.file.messages,
            "lost": capture.lost,
        }
        self._write(capture.order.key, columns)

    # Telling

    def _tell(self, call: LiveCall, text: str) -> None:
        """Show a line of the timeline, and the call as it is now."""
        self._note(call, text)
        self._book.changed(call)

    def _note(self, call: LiveCall, text: str) -> None:
        self._book.note(call, kind="capture", leg="", text=text, at=time.time())

    def _write(self, key: str, columns: dict[str, Any]) -> None:
        self._book.journal.write(changes.capture_changed(key=key, columns=columns))
