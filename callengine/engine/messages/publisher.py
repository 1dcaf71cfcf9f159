"""What live pages are told: gathered for a moment, then sent to the channel layer."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Sequence

from callengine.core.snapshot import (
    AgentSnapshot,
    CallSnapshot,
    EventSnapshot,
    MessageSnapshot,
    NodeSnapshot,
    QualitySnapshot,
    SpokenSnapshot,
)
from callengine.loop.tasks import BackgroundTasks
from callengine.notices import groups
from callengine.notices.calls import CallsMeasured

logger = logging.getLogger(__name__)

LAST_WORDS_S = 2.0
"How long a stop waits for what is still to be sent."
MAX_WAITING = 5000
MEASURED_S = 1.0
GATHERING_S = 0.05
"How long what pages are told is gathered: a send to Redis costs as much as a SIP message."
FIGURES_S = 0.5
"How long a second's figures wait for those of other calls, if nothing else is told meanwhile."
TOLD_AT_ONCE = frozenset({"silence", "audio-back"})
"Lines of a timeline that pages are not to wait for."


class Publisher:
    """One task sends what was put here, in order."""

    def __init__(self) -> None:
        self._waiting: list[groups.Announcement] = []
        self._woken = asyncio.Event()
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self._sending = BackgroundTasks("the publisher")
        self._later: asyncio.TimerHandle | None = None
        "Sends figures that wait."
        self._measured: dict[str, dict[str, list[float | None]]] = {}
        "Figures of calls that lists have not been told of yet."
        self._measured_at = 0.0
        self._silent: set[str] = set()
        "Calls in which a party is silent, as pages know."
        self._is_urgent = False

    async def start(self) -> None:
        """Begin to send."""
        self._sending.start(self._send())

    async def stop(self) -> None:
        """Send what is waiting, then end."""
        if self._waiting:
            self._woken.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._all_sent.wait()
        await self._sending.stop()

    def call(self, snapshot: CallSnapshot) -> None:
        """Show a call as it now is."""
        is_silent = groups.is_silent(snapshot)
        self._is_urgent |= is_silent != (snapshot["id"] in self._silent)
        (self._silent.add if is_silent else self._silent.discard)(snapshot["id"])
        self._put(groups.call_changed(snapshot))

    def event(self, call_uuid: str, event: EventSnapshot) -> None:
        """Show a new line of a timeline."""
        self._is_urgent |= event["kind"] in TOLD_AT_ONCE
        self._put(groups.call_event(call_uuid, event))

    def messages(self, call_uuid: str, messages: list[MessageSnapshot]) -> None:
        """Show new SIP messages of a call."""
        self._put(groups.call_messages(call_uuid, messages))

    def quality(
        self, call_uuid: str, samples: dict[str, QualitySnapshot], *, urgent: bool = False
    ) -> None:
        """Show one second's statistics; `urgent` ones take a figure back."""
        self._is_urgent |= urgent
        if samples:
            self._put(groups.call_quality(call_uuid, samples), may_wait=not urgent)
            figures = self._measured.setdefault(call_uuid, {})
            for name, sample in samples.items():
                figures[name] = [sample["mos"], sample["loss_percent"]]

    def levels(self, call_uuid: str, levels: dict[str, float]) -> None:
        """Show how loud the parties are."""
        if levels:
            self._put(groups.call_levels(call_uuid, levels))

    def agents(self, call_uuid: str, sessions: list[AgentSnapshot]) -> None:
        """Show sessions of a call's voice agents as they now are."""
        self._put(groups.call_agents(call_uuid, sessions))

    def spoken(self, call_uuid: str, lines: list[SpokenSnapshot]) -> None:
        """Show lines of what was said that are new or have changed."""
        self._put(groups.call_spoken(call_uuid, lines))

    def nodes(self, nodes: Sequence[NodeSnapshot], *, registered: int | None = None) -> None:
        """Show the engines that are known, and how many connections are registered."""
        self._put(groups.nodes_changed(nodes, registered=registered))

    def trunk(self, name: str) -> None:
        """Show how a trunk stands now."""
        self._put(groups.trunk_changed(name))

    def _for_lists(self) -> list[groups.Announcement]:
        """Return the figures of all calls as one notice, once a second unless there is hurry."""
        now = time.monotonic()
        waits = now - self._measured_at < MEASURED_S and not self._is_urgent
        if not self._measured or waits:
            return []
        measured, self._measured, self._measured_at = self._measured, {}, now
        return [groups.Announcement(groups.CALLS, CallsMeasured(measured))]

    def _put(self, messages: Iterable[groups.Announcement], *, may_wait: bool = False) -> None:
        if len(self._waiting) >= MAX_WAITING:
            logger.warning("the channel layer is too slow; a live page misses an update")
            return
        self._waiting += messages
        self._all_sent.clear()
        if not may_wait:
            self._woken.set()
        elif self._later is None:
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(FIGURES_S - GATHERING_S, self._woken.set)

    async def _send(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(GATHERING_S)
            self._woken.clear()
            if self._later is not None:
                self._later.cancel()
                self._later = None
            messages, self._waiting = [*self._waiting, *self._for_lists()], []
            urgent, self._is_urgent = self._is_urgent, False
            try:
                async with asyncio.timeout(5.0):
                    await groups.publish(messages, urgent=urgent)
            except Exception:
                logger.warning("live pages could not be told: is Redis up?", exc_info=True)
            if not self._waiting:
                self._all_sent.set()
