"""How long a server's event loop is away, told from outside and apart from the machine's noise.

A ping that is answered late may have waited for the server's work, for its sleep, or for a
processor that others use. Linux counts what each thread ran and what it waited to run: what the
loop's thread ran is work, and what is neither, of any thread, is sleep.
"""

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.callengine.edge.fakes import Phone, UdpPeer

PING_EVERY_S = 0.1


@dataclass
class LoopWatch:
    """Pings a server and keeps the longest work and the longest sleep that a ping met."""

    pid: int
    server: tuple[str, int]
    pings: int = 0
    worked_s: float = 0.0
    slept_s: float = 0.0
    lost: int = 0
    during: list[str] = field(default_factory=list)
    "What was sent lately; kept when a ping was late."
    lately: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Ping until cancelled."""
        peer = await UdpPeer.open("127.33.9.9")
        phone = Phone(*peer.address, user="ping", edge=self.server)
        try:
            for cseq in range(1, 2**31):
                await self._ping(peer, phone.request("OPTIONS", cseq))
                await asyncio.sleep(PING_EVERY_S)
        finally:
            await peer.close()

    async def _ping(self, peer: UdpPeer, text: str) -> None:
        before = self._usage()
        peer.send(text, self.server)
        try:
            async with asyncio.timeout(5):
                await peer.heard.get()
        except TimeoutError:
            self.lost += 1
            return
        after = self._usage()
        self.pings += 1
        worked = after.main_s - before.main_s
        elsewhere = after.busy_s - before.busy_s
        slept = after.at - before.at - elsewhere
        if max(worked, slept) > 0.05:
            self.during += self.lately[-8:]
        self.worked_s, self.slept_s = max(self.worked_s, worked), max(self.slept_s, slept)

    def _usage(self) -> "_Usage":
        threads = [*_threads(self.pid), *_threads("self")]
        ran = {(pid, thread): _schedstat(pid, thread) for pid, thread in threads}
        main = ran[str(self.pid), str(self.pid)][0]
        busy, stolen = sum(on + waited for on, waited in ran.values()), _stolen_s()
        return _Usage(time.monotonic(), main - stolen, busy + stolen)


@dataclass(frozen=True)
class _Usage:
    at: float
    main_s: float
    busy_s: float
    "What all threads of both processes ran and waited to run, and what the machine was not let."


def _stolen_s() -> float:
    """Return how long the host has had other machines run instead of this one (proc(5), steal)."""
    cpu = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(cpu[8]) / os.sysconf("SC_CLK_TCK")


def _threads(pid: int | str) -> list[tuple[str, str]]:
    return [(str(pid), path.name) for path in Path(f"/proc/{pid}/task").iterdir()]


def _schedstat(pid: str, thread: str) -> tuple[float, float]:
    try:
        on, waited, _ = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()
    except OSError:
        return 0.0, 0.0
    return int(on) / 1e9, int(waited) / 1e9
