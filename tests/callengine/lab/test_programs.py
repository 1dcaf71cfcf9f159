"""Programs that the lab talks with, and what comes of one that ends while it is talked to."""

import asyncio
import gc
import sys
import time
from typing import Any

import pytest

from callengine.lab.phones import Phone
from callengine.lab.programs import Program

pytestmark = pytest.mark.processes
DEAF = """
import os, time
print('{"is": "there"}', flush=True)
time.sleep(0.1)
os.close(0)
time.sleep(0.5)
"""


async def test_a_phone_that_ends_as_it_is_told_to_is_no_error() -> None:
    """It is told once more, and hears no more: the engine's log has nothing of it."""
    loop = asyncio.get_running_loop()
    errors: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, error: errors.append(error))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DEAF), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    phone = Phone("alice", Program(process))
    assert (await phone.hears("there"))["is"] == "there"
    time.sleep(0.4)  # noqa: ASYNC251 so that asyncio has not yet seen that it ends
    phone.tell(do="quit")
    await phone.stop()
    del phone, process
    gc.collect()
    assert errors == []


async def test_one_that_does_not_end_is_ended() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import time; time.sleep(60)"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    assert program.is_up
    assert await program.end(0.1) == -9
    assert not program.is_up
