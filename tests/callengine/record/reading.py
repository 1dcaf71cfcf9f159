"""Questions to whatever database a test has, from its event loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


async def read(question: Callable[[], T]) -> T:
    """Ask the database in a thread, with a connection for this one question."""

    def ask() -> T:
        try:
            return question()
        finally:
            connections["default"].close()

    return await asyncio.to_thread(ask)
