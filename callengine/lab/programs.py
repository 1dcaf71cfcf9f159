"""Programs that the lab talks with: orders go to their input, answers come from their output."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Self

from callengine.worker.process.confinement import environment

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """A module of ours as a process in a session of its own: Ctrl-C is not for it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.input, self.output = process.stdin, process.stdout
        self._process = process

    @classmethod
    async def start(cls, module: str, *arguments: str) -> Self:
        """Start it; raises OSError."""
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=ROOT,
                env=environment(),
                start_new_session=True,
            )
        )

    @property
    def is_up(self) -> bool:
        """Whether it has not ended, as far as is known: what is written to it may be in vain."""
        return self._process.returncode is None

    async def end(self, within_s: float) -> int:
        """Wait until it has ended, insist after a while; return its exit status."""
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        # Written to as it ended: asyncio calls that an error that nobody asked for, unless asked.
        with contextlib.suppress(OSError):
            await self.input.wait_closed()
        assert self._process.returncode is not None
        return self._process.returncode

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
