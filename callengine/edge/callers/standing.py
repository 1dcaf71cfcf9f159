"""What a source has shown of itself: that it is where it says, that something hangs on it."""

import time

from callengine.edge.flow import Flow
from callengine.edge.legs.table import LegTable
from callengine.edge.messages.received import Received
from callengine.edge.strangers.guard import Guard


class Standing:
    """Asks the guard and the legs about a source."""

    def __init__(self, guard: Guard, legs: LegTable) -> None:
        self._guard = guard
        self._legs = legs

    def is_proven(self, request: Received) -> bool:
        """Tell whether a request's source has shown that it is where it says."""
        if request.flow.is_reliable:
            return True
        is_phone = self._guard.is_phone(request.flow, time.monotonic())
        return is_phone or bool(request.to_tag and self._legs.of_dialog(request))

    def is_in_use(self, flow: Flow) -> bool:
        """Tell whether a registration or a call hangs on a TCP connection."""
        return self._guard.is_known(flow, flow.host, time.monotonic()) or self._legs.use_flow(flow)
