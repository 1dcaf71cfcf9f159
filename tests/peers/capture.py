"""What passed on loopback, as tshark reads it."""

import asyncio
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self


class Capture:
    """Capture packets that match a filter, such as `udp port 5060`; needs root."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._folder = tempfile.TemporaryDirectory(prefix="capture-")
        self.file = Path(self._folder.name) / "packets.pcap"

    @staticmethod
    def possible() -> bool:
        return os.geteuid() == 0

    async def __aenter__(self) -> Self:
        command = ("tcpdump", "-i", "lo", "-U", "-w", str(self.file), self._expression)
        self._process = await asyncio.create_subprocess_exec(
            *command, stderr=asyncio.subprocess.PIPE
        )
        assert self._process.stderr is not None
        async with asyncio.timeout(30):
            # Printed once the socket is open.
            await self._process.stderr.readline()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.stop()
        self._folder.cleanup()

    async def stop(self) -> None:
        """Stop capturing; what was captured can be read until the context ends."""
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.communicate()

    async def at_least(self, count: int, *names: str, show: str = "") -> list[list[str]]:
        """Return the fields once that many packets were captured."""
        for _ in range(200):
            packets = await self.fields(*names, show=show)
            if len(packets) >= count:
                return packets
            await asyncio.sleep(0.1)
        raise AssertionError(f"only {len(packets)} packets were captured")

    async def fields(self, *names: str, show: str = "") -> list[list[str]]:
        """Return the named tshark fields of every packet, or of those `show` lets through."""
        wanted = [word for name in names for word in ("-e", name)]
        only = ["-Y", show] if show else []
        process = await asyncio.create_subprocess_exec(
            *("tshark", "-r", str(self.file), "-T", "fields", *wanted, *only),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await process.communicate()
        return [line.split("\t") for line in output.decode().splitlines()]
