"""INVITEs to gateways of trunks, reported as they are sent and as they come to an end."""

import time
from collections.abc import Callable

from callengine.edge.interface import Attempt, LegAnchor
from callengine.edge.legs.table import AnchoredLeg, PeerRequest
from callengine.edge.messages.grammar import read_pause
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean

MAX_RETRY_AFTER_S = 86_400
MAX_SAID = 160

Report = Callable[[LegAnchor, Attempt], None]


class AttemptReports:
    """Tells of each INVITE that begins a leg to a gateway, once that it ended."""

    def __init__(self, report: Report, *, now: Callable[[], float] = time.time) -> None:
        self._report = report
        self._now = now

    def sent(self, leg: AnchoredLeg, request: PeerRequest) -> None:
        """Tell that it is under way."""
        if _is_attempt(leg, request):
            self._report(leg.anchor, Attempt(self._now()))

    def answered(self, leg: AnchoredLeg, request: PeerRequest, message: Received) -> None:
        """Tell what the gateway answered for good."""
        if message.code < 200:
            return
        self.over(
            leg,
            request,
            message.code,
            f"{message.code} {message.phrase}".strip(),
            retry_after_s=read_pause(message.get("retry-after"), most=MAX_RETRY_AFTER_S),
        )

    def over(
        self,
        leg: AnchoredLeg,
        request: PeerRequest,
        code: int,
        said: str,
        *,
        retry_after_s: int | None = None,
    ) -> None:
        """Tell how it ended, the first time."""
        if not _is_attempt(leg, request) or request.told:
            return
        request.told = True
        attempt = Attempt(self._now(), code, clean(said, MAX_SAID), retry_after_s)
        self._report(leg.anchor, attempt)


def _is_attempt(leg: AnchoredLeg, request: PeerRequest) -> bool:
    is_first = request.method == "INVITE" and not request.message.to_tag
    return is_first and bool(leg.anchor.gateway)
