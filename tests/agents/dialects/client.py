"""A small owner of a dialect: a websocket, a playout that plays in real time, and a caller."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from agents.dialects.interface import (
    Close,
    Dialect,
    Effect,
    Flush,
    Mark,
    Odd,
    Play,
    Ready,
    Send,
    Session,
)
from agents.dialects.registry import make

Kind = TypeVar("Kind")
TIMEOUT_S = 30.0
FRAME_S = 0.02


class Client:
    """Carries out what a dialect wants. What it did is in `effects`, in order, but for audio."""

    def __init__(self, dialect: str, session: Session) -> None:
        self.session = session
        self.dialect: Dialect = make(dialect, session)
        self.effects: list[Effect] = []
        self.odd: Counter[str] = Counter()
        self.arrived = bytearray()
        "All audio of the agent's."
        self.played = bytearray()
        "What a caller would have heard of it."
        self.close_code: int | None = None
        self.reached: list[tuple[str, bool]] = []
        "Marks, and whether the audio before them was played."
        self._queue: deque[Play | Mark] = deque()
        self._heard_ms: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._websocket: ClientConnection
        self._tasks: list[asyncio.Task[None]] = []
        self._outbox: asyncio.Queue[str | Close] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        handshake = self.dialect.handshake(time.time())
        self._websocket = await connect(
            handshake.url,
            additional_headers=handshake.headers,
            user_agent_header=None,
            compression=None,
            proxy=None,
            max_size=self.dialect.max_message_bytes,
        )
        self._carry_out(self.dialect.opened(time.monotonic()))
        courses = (self._read(), self._write(), self._tick(), self._play())
        self._tasks = [asyncio.create_task(course) for course in courses]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._websocket.close()

    # What a call does

    def speak(self, audio: bytes) -> None:
        self._carry_out(self.dialect.caller_audio(audio))

    async def talk(self, seconds: float, audio: Callable[[int], bytes]) -> None:
        """Speak in real time: of each 20 ms, by its number, the audio."""
        began = time.monotonic()
        for number in range(round(seconds / FRAME_S)):
            self.speak(audio(number))
            await asyncio.sleep(max(0.0, began + (number + 1) * FRAME_S - time.monotonic()))

    def press(self, digit: str) -> None:
        self._carry_out(self.dialect.digit(digit))

    def end(self) -> None:
        self._carry_out(self.dialect.end(time.monotonic()))

    def change(self, settings: Mapping[str, Any]) -> None:
        self._carry_out(self.dialect.change(settings))

    def refuse_transfer(self, key: str, code: int, why: str) -> None:
        self._carry_out(self.dialect.transfer_over(key, code, why, time.monotonic()))

    # What tests wait for

    async def until(self, holds: Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
        """Wait until something holds that only effects, audio or a close change."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def ready(self) -> Ready:
        await self.until(lambda: self.of(Ready))
        return self.of(Ready)[0]

    async def closed(self) -> int:
        await self.until(lambda: self.close_code is not None)
        assert self.close_code is not None
        return self.close_code

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    # Its works

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._outbox.put_nowait(effect.text)
            elif isinstance(effect, Play):
                self.arrived += effect.audio
                self._queue.append(effect)
            elif isinstance(effect, Odd):
                self.odd[effect.what] += 1
            else:
                self.effects.append(effect)
                self._act(effect)
        self._changed.set()

    def _act(self, effect: Effect) -> None:
        if isinstance(effect, Mark):
            self._queue.append(effect)
            self._reach_marks()
        elif isinstance(effect, Flush):
            self._flush()
        elif isinstance(effect, Close):
            self._outbox.put_nowait(effect)

    def _flush(self) -> None:
        queue, self._queue = self._queue, deque()
        items = {entry.item for entry in queue if isinstance(entry, Play)}
        for entry in queue:
            if isinstance(entry, Mark):
                self._reach(entry, is_played=False)
        heard = {item: self._heard_ms.get(item, 0.0) for item in items}
        self._carry_out(self.dialect.flushed(heard))

    def _reach_marks(self) -> None:
        while self._queue and isinstance(mark := self._queue[0], Mark):
            self._queue.popleft()
            self._reach(mark, is_played=True)

    def _reach(self, mark: Mark, *, is_played: bool) -> None:
        self.reached.append((mark.name, is_played))
        self._carry_out(self.dialect.mark_reached(mark.name, is_played=is_played))

    async def _play(self) -> None:
        began, frames = time.monotonic(), 0
        while True:
            frames += 1
            await asyncio.sleep(max(0.0, began + frames * FRAME_S - time.monotonic()))
            wanted = self.session.output.frame_bytes
            while wanted and self._queue and isinstance(entry := self._queue[0], Play):
                audio, rest = entry.audio[:wanted], entry.audio[wanted:]
                wanted -= len(audio)
                self.played += audio
                heard_ms = self.session.output.ms_of(len(audio))
                self._heard_ms[entry.item] = self._heard_ms.get(entry.item, 0.0) + heard_ms
                self._queue.popleft()
                if rest:
                    self._queue.appendleft(Play(rest, entry.item))
                self._reach_marks()
            self._changed.set()

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                message = await self._websocket.recv()
                self._carry_out(self.dialect.received(message, time.monotonic()))
        code, reason = self._websocket.close_code or 1006, self._websocket.close_reason or ""
        self._carry_out(self.dialect.closed(code, reason, time.monotonic()))
        self.close_code = code
        self._changed.set()

    async def _write(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                entry = await self._outbox.get()
                if isinstance(entry, Close):
                    await self._websocket.close(entry.code, entry.reason)
                else:
                    await self._websocket.send(entry)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(FRAME_S / 2)
            deadline = self.dialect.next_deadline()
            if deadline is not None and time.monotonic() >= deadline:
                self._carry_out(self.dialect.tick(time.monotonic()))
