"""Answers to an INVITE that was to join two calls, and come when nobody wants that any more."""

import asyncio
from collections.abc import Callable

from callengine.core.outcomes import Termination
from callengine.engine.calls.livecall import Joint, LiveCall
from callengine.engine.moves.joining import Anchors, lost_end
from callengine.loop.tasks import BackgroundTasks

LATE_ANSWER_S = 33
"How long one may still come after its CANCEL (RFC 3261 section 9.1), and more."
LOOK_S = 1.0


class LateAnswers:
    """Ends the call of whoever said yes too late: it was sent BYE, and has no other dialog."""

    def __init__(self, edge: Anchors, hang_up: Callable[[LiveCall, Termination], None]) -> None:
        self._edge = edge
        self._hang_up = hang_up
        self._tasks = BackgroundTasks("late answers")

    def watch(self, joint: Joint) -> None:
        """Look out for one."""
        self._tasks.start(self._watch(joint))

    async def _watch(self, joint: Joint) -> None:
        for _ in range(round(LATE_ANSWER_S / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            if joint.call.ended:
                return
            if (end := lost_end(self._edge, joint, is_late=True)) is not None:
                self._hang_up(joint.call, end)
                return
