"""Requests that never became calls: described, held to a share for each source, and stored."""

import logging
import time
from collections.abc import Awaitable, Callable

from callengine.core.outcomes import Rejection
from callengine.core.reasons import Rule
from callengine.edge.flow import Flow
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean
from callengine.edge.messages.values import parse_address
from callengine.edge.tasks import EdgeTasks
from callengine.edge.transactions.limits import RejectionGate
from callengine.edge.transactions.server import ServerTransaction

logger = logging.getLogger(__name__)

GAVE_UP_FIRST = "The caller gave up before it was told:"

CUT_ADVICE = {
    Rule.MESSAGE_TOO_SLOW: (
        "A message did not arrive whole in time and its TCP connection was closed. Look at the "
        "network, or stop whoever holds connections open."
    ),
    Rule.NO_MESSAGE: (
        "No whole SIP message came on a TCP connection in time, so it was closed. Something other "
        "than a SIP device connects here, or holds connections open."
    ),
    Rule.TOO_MANY_CONNECTIONS: (
        "A TCP connection was closed because there were too many: from this source, or in all. A "
        "phone needs one."
    ),
}
"Rule -> what became of a TCP connection, and what to do."
_TOO_SHORT = (
    "Nothing was answered: a response would be more than three times as long as what came, and "
    "over UDP nothing shows yet that the sender is who it says. Let the device send an ordinary "
    "request, or use TCP."
)
_UNDELIVERED = (
    "Its responses reach nobody: the TCP connection it came over was closed before, and {why}. "
    "Have the device keep its connection open until it is answered, and look for what cuts it on "
    "the way."
)


class Rejections:
    """What is told of refused requests; `rejected` stores one."""

    def __init__(
        self,
        rejected: Callable[[Rejection], Awaitable[None]],
        tasks: EdgeTasks,
        *,
        per_minute: int,
    ) -> None:
        self._rejected = rejected
        self._tasks = tasks
        self._gate = RejectionGate(per_minute)

    def store(self, rejection: Rejection) -> None:
        """Have a rejection logged and stored, unless its source had its share of this minute."""
        if not self._gate.admit(rejection, time.monotonic()):
            return
        logger.info(
            "%s from %s refused: %d %s",
            rejection.method,
            rejection.source_address,
            rejection.code,
            rejection.rule,
        )
        self.store_unchecked(rejection)

    def store_unchecked(self, rejection: Rejection) -> None:
        """Have a summary of many stored, whatever its source had."""
        self._tasks.start(self._store(rejection))

    async def _store(self, rejection: Rejection) -> None:
        await self._rejected(rejection)

    def sweep(self, now: float) -> None:
        """Have the summaries stored of those held back; `now` is monotonic seconds."""
        for summary in self._gate.summaries(now):
            self.store_unchecked(summary)

    def connection_cut(self, flow: Flow, rule: Rule, advice: str = "") -> None:
        """Have it stored that a connection was refused or closed, with advice of its own or not."""
        advice = clean(advice, 400) or CUT_ADVICE[rule]
        self.store(Rejection(flow.host, "", "", 0, rule, advice))

    def unanswerable(self, request: Received) -> None:
        """Have it stored that a request was too short to be answered."""
        self.store(describe(request, 0, Rule.TOO_SHORT_TO_ANSWER, _TOO_SHORT))

    def undelivered(self, request: Received, why: str) -> None:
        """Have it stored that no way was left to whoever sent a request."""
        advice = _UNDELIVERED.format(why=why)
        self.store(describe(request, 0, Rule.RESPONSE_UNDELIVERED, advice))


def describe(message: Received, code: int, rule: Rule, advice: str, *, user: str = "") -> Rejection:
    """Return the rejection of a request; without `user` it is looked for in From and To."""
    return Rejection(
        source_address=source_host(message),
        user=clean(user) or header_user(message, "from") or header_user(message, "to"),
        method=clean(message.method, 32),
        code=code,
        rule=rule,
        advice=advice,
        call_id=clean(message.call_id, 255),
        to=header_user(message, "to"),
    )


def code_sent(transaction: ServerTransaction, code: int) -> int:
    """Return the code a request was answered with: 487 if it was cancelled before `code` came."""
    return transaction.code if transaction.code >= 200 else code


def source_host(message: Received) -> str:
    """Return the IP address a message came from."""
    return message.flow.host


def header_user(message: Received, name: str) -> str:
    """Return the user part in From or To, or an empty string."""
    try:
        return clean(parse_address(message.get(name)).uri.user or "")
    except ValueError:
        return ""
