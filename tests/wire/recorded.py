"""Packets of calls, recorded: how that is asked for, and what tshark reads of the files."""

import asyncio
import re
import subprocess
from pathlib import Path

from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.operator import Operator


def tshark(file: Path, *words: str) -> list[list[str]]:
    command = ["tshark", "-r", str(file), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]


def fields(file: Path, show: str, *names: str) -> list[list[str]]:
    return tshark(file, "-Y", show, "-T", "fields", *(w for n in names for w in ("-e", n)))


def files(engine: Engine) -> dict[Path, int]:
    folder = engine.folder / "data" / "captures"
    return {file: file.stat().st_size for file in folder.glob("*.pcapng")}


async def begin(operator: Operator, path: str, **fields: str) -> None:
    asked = {"minutes": "5", "megabytes": "5", **fields}
    code, page = await asyncio.to_thread(operator.post, f"{path}captures/", **asked)
    assert code == 200, page


async def grows(engine: Engine, file: Path | None = None, *, beyond: int = 3000) -> Path:
    """Return a file of packets once it has more than so many bytes."""

    def found() -> list[Path]:
        return [f for f, size in files(engine).items() if file in (None, f) and size > beyond]

    await until(lambda: bool(found()), "no packets are recorded")
    return found()[0]


async def shows(operator: Operator, path: str, text: str) -> None:
    """Wait until a page shows a text."""
    async with asyncio.timeout(30):
        while True:
            if text in await asyncio.to_thread(operator.get, path):
                return
            await asyncio.sleep(0.1)


async def settled(operator: Operator, path: str) -> str:
    """Return the card once the engine has written what the capture came to."""
    async with asyncio.timeout(30):
        while True:
            page = await asyncio.to_thread(operator.get, f"{path}captures/")
            if re.search(r"\d packets?<", page) and "every 2s" not in page:
                return page
            await asyncio.sleep(0.1)
