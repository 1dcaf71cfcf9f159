"""Browsers on live pages: websockets that read what they are sent, and say that they have shown it.

Run as a process of its own: `python -m bench.browsers ws://HOST:PORT/ws/calls/ KEY...`, one
session key for each. Answers every line on its input with its totals as JSON. Its work is that of
other machines, so it gives way to everything that is measured.
"""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from websockets.asyncio.client import connect
from websockets.typing import Origin

from bench import processes
from bench.switches import ROOT

SHOWN = "shown"


@dataclass(slots=True)
class Totals:
    """What all of them together have been sent so far."""

    open: int = 0
    messages: int = 0
    octets: int = 0
    rows: int = 0
    closed: int = 0


class Browsers:
    """So many browsers, in one process; a context manager. No process at all if there are none."""

    def __init__(self, url: str, keys: list[str]) -> None:
        self._url, self._keys = url, keys

    def __enter__(self) -> Self:
        if self._keys:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.browsers", self._url, *self._keys],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            while self.totals().open < len(self._keys):
                pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._keys:
            assert self._process.stdin
            self._process.stdin.close()
            self._process.wait(10)

    def totals(self) -> Totals:
        """Ask for the totals."""
        if not self._keys:
            return Totals()
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the browsers ended")
        return Totals(**json.loads(line))

    def cpu_s(self) -> float:
        """Return the CPU-seconds they took, on the same machine."""
        return processes.cpu_s(self._process.pid) if self._keys else 0.0


async def _watch(url: str, key: str, totals: Totals) -> None:
    origin = Origin("http" + url.removeprefix("ws").partition("/ws/")[0])
    cookie = {"Cookie": f"sessionid={key}"}
    async with connect(url, origin=origin, additional_headers=cookie, max_size=None) as socket:
        totals.open += 1
        async for text in socket:
            totals.messages += 1
            totals.octets += len(text.encode() if isinstance(text, str) else text)
            totals.rows += str(text).count("data-order=")
            await socket.send(SHOWN)
    totals.closed += 1


async def _main(url: str, keys: list[str]) -> None:
    totals = Totals()
    watching = [asyncio.create_task(_watch(url, key, totals)) for key in keys]
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        for task in watching:
            if task.done() and task.exception():
                raise RuntimeError("a browser could not watch") from task.exception()
        if not line:
            break
        await asyncio.sleep(0.02)
        print(json.dumps(asdict(totals)), flush=True)
    for task in watching:
        task.cancel()


if __name__ == "__main__":
    os.nice(19)
    asyncio.run(_main(sys.argv[1], sys.argv[2:]))
