"""Calls are begun in turn, a few at a time: what tells that a machine has too much to do.

Were all that have come begun at once, each would have a process of its own to fork and to wake, and
they would take the processors from each other and from the calls that are nearly up: fewer would be
set up than one after the other. What waits here has been answered with 100 and is not sent again.
"""

import asyncio
import time

FOR_EACH_PROCESSOR = 2
"Calls that are begun at once: fewer leave processors idle while a process is woken."
HELD_S = 0.5
"How long a process that does not take its call keeps others from their turn."
ODD_ONES = 2
"Calls that may wait for a stuck process without the machine being busy: each costs itself alone."


class CallTurns:
    """Those that have come and that no process has taken yet, by call; `at_once` are begun."""

    def __init__(self, at_once: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._since: dict[str, float] = {}
        "When each came that no process has taken yet, in their order; steady seconds."
        self._begun: dict[str, asyncio.TimerHandle] = {}
        "Those whose turn it is, and what ends it if nothing else does."

    async def begin(self, call: str) -> None:
        """Wait for a call's turn; to be ended by `end`, whatever becomes of the call.

        One that is ended as it waits takes none, and keeps nobody from theirs.
        """
        self._since.setdefault(call, time.monotonic())
        await self._room.acquire()
        if call not in self._since:
            self._room.release()
            return
        loop = asyncio.get_running_loop()
        self._begun[call] = loop.call_later(HELD_S, self._give_room, call)

    def end(self, call: str) -> None:
        """Note that a process has taken a call, or that none will; as often as one likes."""
        self._since.pop(call, None)
        self._give_room(call)

    def longest_s(self, now: float) -> float:
        """Return for how long the longest has waited to be taken, a few odd ones left out."""
        if len(self._since) <= ODD_ONES:
            return 0.0
        return now - sorted(self._since.values())[ODD_ONES]

    def _give_room(self, call: str) -> None:
        if (held := self._begun.pop(call, None)) is not None:
            held.cancel()
            self._room.release()
