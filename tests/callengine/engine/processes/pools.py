"""A pool of real call processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from callengine.core.control.calls import Idle
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import CallProcess, PoolSettings
from tests.callengine.engine.forked import alive
from tests.peers.ports import free_port_range
from tests.peers.waiting import until


@asynccontextmanager
async def opened(max_calls: int, **options: Any) -> AsyncIterator[Pool]:
    """Start a pool that hands processes back as they say they are idle."""

    def message(process: CallProcess, said: object) -> None:
        if isinstance(said, Idle):
            pool.release(process, recycle=said.recycle)

    settings = PoolSettings(
        max_calls=max_calls,
        rtp_ports=free_port_range(16 * max_calls),
        user_agent="test",
        **options,
    )
    pool = Pool(settings, on_message=message, on_death=lambda process: None)
    pids: set[int] = set()
    try:
        await pool.start()
        yield pool
    finally:
        pids = {process.pid for process in pool.processes if process.pid}
        await pool.stop()
    await until(lambda: not any(map(alive, pids)), "call processes outlive their pool")
