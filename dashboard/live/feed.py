"""One feed in each web process: hears every change once, renders it once, gives it to all browsers.

However many browsers watch, a process is in each channel group once, and a fragment of HTML is
made once. Nothing here knows what a page shows: that is in `topics`.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from callengine.loop.tasks import BackgroundTasks
from callengine.notices.groups import CHANNELS
from callengine.notices.wire import URGENT
from dashboard.live.outbox import Batch, Fragment, Outbox
from dashboard.live.topics import Topic

logger = logging.getLogger(__name__)

INTERVAL_S = 0.2
"A browser gets what changed at most this often."
SHARE = 0.03
"Of this process's time the feed may take so much: what costs more comes less often."
LONGEST_INTERVAL_S = 2.0
"Later than this no page is told, whatever it costs: the first rendering compiles templates."
URGENT_INTERVAL_S = 0.5
"Nor later than this of what an engine calls urgent: that a party is not heard any more."
SLICE_S = 0.002
"Rendering pauses this often, so that whatever else the process does need not wait for it."
HAND_OUT_AT_ONCE = 10
"Browsers that are given a message before other work has its turn."
TICK_S = 5.0
BEAT_EVERY_S = 5.0
"How often it is looked who was sent nothing: at most that and `outbox.BEAT_S` lie between."
CHECK_EVERY_TICKS = 12
RETRY_S = 1.0
BROKEN, TRY_AGAIN_LATER = 4500, 4503
"Of the private range: a server of autobahn's may send no other codes than those and 1000."


class Feed:
    """Everything the browsers of one event loop watch."""

    def __init__(self) -> None:
        self._topics: dict[str, Topic] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._hurry = asyncio.Event()
        self._spent_s = 0.0
        self._flushed_s = -math.inf
        "By the loop's clock, which may have begun as late as this machine; never yet."
        self._keeping = BackgroundTasks("the feed")

    async def join(self, topic: Topic, outbox: Outbox) -> Topic:
        """Have an outbox told of everything that changes from now on; return what it joined.

        Raises what the channel layer or the database raise while the first one joins.
        """
        joined = self._topics.setdefault(topic.name, topic)
        joined.outboxes.add(outbox)
        self._keep()
        if joined.ready is None:
            joined.ready = asyncio.ensure_future(self._begin(joined))
        try:
            await asyncio.shield(joined.ready)
        except Exception:
            await self.leave(joined.name, outbox)
            raise
        return joined

    async def leave(self, name: str, outbox: Outbox) -> None:
        """Tell an outbox no more of a topic; a topic nobody watches is left to itself."""
        topic = self._topics.get(name)
        if topic is None:
            return
        topic.outboxes.discard(outbox)
        if topic.outboxes:
            return
        del self._topics[name]
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
        if not self._topics:
            self._keeping.cancel()
        await _leave_groups(topic)

    @contextlib.contextmanager
    def spending(self) -> Iterator[None]:
        """Count the processor time of what is done inside, which must not await others."""
        # Of this thread alone: on a busy machine the clock on the wall says little of our share.
        began = time.thread_time()
        try:
            yield
        finally:
            self._spent_s += time.thread_time() - began

    async def _begin(self, topic: Topic) -> None:
        layer = get_channel_layer()
        assert layer is not None
        topic.channel = await layer.new_channel(CHANNELS)
        await _join_groups(topic)
        # What happens from here on waits in the channel.
        await topic.load()
        if self._topics.get(topic.name) is topic:
            self._tasks[topic.name] = asyncio.create_task(self._listen(topic))
        else:
            await _leave_groups(topic)

    async def _listen(self, topic: Topic) -> None:
        layer = get_channel_layer()
        assert layer is not None
        while True:
            try:
                while True:
                    received = await layer.receive(topic.channel)
                    async with topic.reading:
                        topic.take(received)
                        await topic.follow()
                    if topic.changed:
                        self._changed.set()
                        if received.get(URGENT):
                            self._hurry.set()
            except Exception:
                logger.warning("changes are not heard: is Redis up?", exc_info=True)
            await asyncio.sleep(RETRY_S)
            with contextlib.suppress(Exception):
                await _join_groups(topic)
                await _check(topic)
            for outbox in topic.outboxes:
                outbox.skip()  # nobody knows what was missed

    def _keep(self) -> None:
        if not self._keeping:
            for work in (self._flush_for_ever, self._tick_for_ever, self._beat_for_ever):
                self._keeping.start(work())

    async def _flush_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._changed.wait()
            await asyncio.sleep(self._flushed_s + INTERVAL_S - loop.time())
            # By now the browsers have been given the last one, and what that cost is known.
            await self._rest(min(self._spent_s / SHARE, LONGEST_INTERVAL_S))
            self._changed.clear()
            self._hurry.clear()
            self._flushed_s, self._spent_s = loop.time(), 0.0
            for topic in list(self._topics.values()):
                if topic.changed:
                    await self._flush(topic)

    async def _rest(self, interval_s: float) -> None:
        """Let an interval pass since the last flush; of what is urgent, a shorter one."""
        loop = asyncio.get_running_loop()
        urgent_s = min(interval_s, URGENT_INTERVAL_S)
        with contextlib.suppress(TimeoutError):
            rest_s = self._flushed_s + interval_s - loop.time()
            if rest_s > 0:
                await asyncio.wait_for(self._hurry.wait(), rest_s)
            await asyncio.sleep(self._flushed_s + urgent_s - loop.time())

    async def _flush(self, topic: Topic) -> None:
        try:
            fragments = await self._render(topic)
        except Exception:
            # The browsers reconnect and read their pages anew.
            logger.exception("live pages could not be updated")
            for outbox in topic.outboxes:
                outbox.close(BROKEN)
            return
        if not fragments:
            return
        batch = Batch(fragments)
        for number, outbox in enumerate(list(topic.outboxes), start=1):
            outbox.put(batch)
            if number % HAND_OUT_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _render(self, topic: Topic) -> list[Fragment]:
        fragments: list[Fragment] = []
        source = topic.fragments()
        while True:
            with self.spending():
                finished = _take_slice(source, fragments)
            if finished:
                return fragments
            await asyncio.sleep(0)

    async def _beat_for_ever(self) -> None:
        # Beside the tick, which may wait for the database: the page is told that we are there.
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            outboxes = {box for topic in self._topics.values() for box in topic.outboxes}
            for number, outbox in enumerate(outboxes, start=1):
                outbox.beat()
                if number % HAND_OUT_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _tick_for_ever(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            try:
                await self._tick(thorough=ticks % CHECK_EVERY_TICKS == 0)
            except Exception:
                logger.warning("the live pages could not be checked", exc_info=True)

    async def _tick(self, *, thorough: bool) -> None:
        for topic in list(self._topics.values()):
            topic.tick()
            for outbox in list(topic.outboxes):
                if outbox.is_stuck():
                    outbox.close(TRY_AGAIN_LATER)
            if thorough:
                # The in-memory layer forgets members after a day, Redis all when it restarts.
                await _join_groups(topic)
                await _check(topic)
            if topic.changed:
                self._changed.set()


_feeds: "WeakKeyDictionary[asyncio.AbstractEventLoop, Feed]" = WeakKeyDictionary()


def feed() -> Feed:
    """Return the feed of the running event loop."""
    return _feeds.setdefault(asyncio.get_running_loop(), Feed())


def _take_slice(source: Iterator[Fragment], fragments: list[Fragment]) -> bool:
    """Take fragments for SLICE_S; return whether that was all."""
    until = time.thread_time() + SLICE_S
    for fragment in source:
        fragments.append(fragment)
        if time.thread_time() > until:
            return False
    return True


async def _check(topic: Topic) -> None:
    """Have a topic compare with the database; what happens meanwhile waits in the channel."""
    async with topic.reading:
        await topic.check()


async def _join_groups(topic: Topic) -> None:
    layer = get_channel_layer()
    assert layer is not None
    for group in topic.groups:
        await layer.group_add(group, topic.channel)


async def _leave_groups(topic: Topic) -> None:
    layer = get_channel_layer()
    if layer is None or not topic.channel:
        return
    try:
        for group in topic.groups:
            await layer.group_discard(group, topic.channel)
    except Exception:
        logger.warning("a channel group could not be left: is Redis up?", exc_info=True)
