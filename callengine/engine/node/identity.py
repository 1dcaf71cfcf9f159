"""Which engine this is: a random id that lives in the data folder, so no host name must be unique.

Whoever finds calls with this id open knows whose they were. The file is locked while the engine
runs: two engines in one data folder would each take the other's calls for left-overs.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from callengine.directory.nodes import Rival

FILE = "engine-id"
MODE = 0o600
SIGN_OF_LIFE_S = 7.5
"An engine that lives has written its row again by then, two times."
_ID = re.compile(rb"[0-9a-f]{32}")


class Identity:
    """The id of an engine, held until it is let go."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder the id is of this run alone."""
        self._folder = folder
        self._file: int | None = None
        self.id = uuid.uuid4().hex

    @property
    def path(self) -> Path | None:
        """Where the id is kept."""
        return self._folder / FILE if self._folder else None

    def take(self) -> str:
        """Lock the file and return the id in it, a new one if there is none.

        Raises RuntimeError if another engine holds it, OSError if it cannot be written.
        """
        if self.path is None or self._file is not None:
            return self.id
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self.path, flags, MODE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise RuntimeError(
                f"Another engine runs with the data folder {self._folder}. Stop it, or give this "
                "one a folder of its own with VOIPNUMBER_DATA."
            ) from None
        kept = os.pread(file, 64, 0)
        if (match := _ID.match(kept)) is not None:
            self.id = match.group().decode()
        else:
            os.pwrite(file, f"{self.id}\n".encode(), 0)
            os.fsync(file)
        self._file = file
        return self.id

    def let_go(self) -> None:
        """Let another engine take it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None


async def insist_on_no_rival(
    read: Callable[[], Awaitable[list[Rival]]], identity: Identity
) -> None:
    """Raise RuntimeError if an engine that lives has our name, or a copy of our data folder.

    `read` returns the rows of such engines that are fresh. Only then it takes a while: one that
    died leaves such a row too, and one that lives writes it again.
    """
    before = await read()
    if not before:
        return
    await asyncio.sleep(SIGN_OF_LIFE_S)
    for rival in await read():
        if rival in before:
            continue
        if rival.identity == identity.id:
            raise RuntimeError(
                f"The engine {rival.name} runs with a copy of {identity.path}. Delete that file "
                "in the copied data folder: a new one is made."
            )
        raise RuntimeError(
            f"Another engine named {rival.name} runs on this database. Give this one another name "
            "with VOIPNUMBER_NODE."
        )
