"""The page's sound on its way to a call process and back: one TCP connection for each call."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from callengine.core.sounds import FrameKind, Frames, SoundError, frame
from callengine.loop.tasks import BackgroundTasks

CONNECTS_WITHIN_S = 5.0
MOST_WAITING_BYTES = 32 * 1024
READ_BYTES = 16 * 1024
Heard = Callable[[FrameKind, bytes], Awaitable[None]]


class NoSoundError(Exception):
    """There is no connection; the text says why and what to do."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"The pages' server cannot reach the engine at {host}:{port}, where sound goes. "
            "On machines of their own, set VOIPNUMBER_SOUND_LISTEN of the engine."
        )


class PageSound:
    """The connection of one call; `heard` is given each frame of the engine's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._tasks = BackgroundTasks("a page's sound")

    @classmethod
    async def connect(cls, host: str, port: int, token: str) -> "PageSound":
        """Connect to an engine and show it the token. Raises NoSoundError."""
        try:
            async with asyncio.timeout(CONNECTS_WITHIN_S):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as error:
            raise NoSoundError(host, port) from error
        writer.write(token.encode())
        return cls(reader, writer)

    def follow(self, heard: Heard, over: Callable[[], Awaitable[None]]) -> None:
        """Begin to read; `over` is called once the engine has closed it."""
        self._tasks.start(self._read(heard, over))

    def send(self, kind: FrameKind, data: bytes = b"") -> None:
        """Send a frame; sound that would come late is dropped."""
        waiting = self._writer.transport.get_write_buffer_size()
        if kind is FrameKind.SOUND and waiting > MOST_WAITING_BYTES:
            return
        self._writer.write(frame(kind, data))

    def close(self) -> None:
        """Close it; what was sent still goes."""
        self._tasks.cancel()
        self._writer.close()

    async def _read(self, heard: Heard, over: Callable[[], Awaitable[None]]) -> None:
        frames = Frames()
        with contextlib.suppress(OSError, SoundError):
            while data := await self._reader.read(READ_BYTES):
                for kind, content in frames.take(data):
                    await heard(kind, content)
        self._writer.close()
        await over()
