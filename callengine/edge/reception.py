"""What arrives from the network, read and given to whoever answers it."""

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any
from zlib import crc32

from callengine.core.outcomes import Rejection
from callengine.core.overload import Overload
from callengine.core.reasons import Rule
from callengine.edge.callers.invites import Callers
from callengine.edge.callers.registration import Registrar
from callengine.edge.callers.rules import IsLocal, Objection, objection
from callengine.edge.flow import Flow
from callengine.edge.legs.inward_requests import InwardRequests
from callengine.edge.legs.inward_responses import InwardResponses
from callengine.edge.messages.message import MalformedError
from callengine.edge.messages.received import Received, receive
from callengine.edge.settings import ALLOW, EXTENSIONS, EdgeSettings
from callengine.edge.tap import Tap
from callengine.edge.tasks import EdgeTasks
from callengine.edge.transactions.rejections import Rejections, describe
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.server import (
    ServerTransaction,
    ServerTransactions,
    transaction_key,
)

logger = logging.getLogger(__name__)

OVERLOAD_RETRY_AFTER_S = 2
_BEGINNING = {"INVITE": (1, 3), "REGISTER": (5, 20)}
"""What begins something, and after how many seconds it may come again if we are behind: at least
and at most, by its Call-ID, so that not all come at once."""
_CAPABILITIES = [
    ("allow", ALLOW),
    ("accept", "application/sdp"),
    ("supported", ", ".join(EXTENSIONS)),
]
"What an OPTIONS is told (RFC 3261 section 11.2)."


class Reception:
    """Takes each message; whatever it holds, nothing is raised."""

    def __init__(
        self,
        settings: EdgeSettings,
        transactions: ServerTransactions,
        *,
        responder: Responder,
        rejections: Rejections,
        tap: Tap,
        tasks: EdgeTasks,
        is_local: IsLocal,
        registration: Registrar,
        callers: Callers,
        requests: InwardRequests,
        responses: InwardResponses,
        overload: Overload,
        waited_s: Callable[[], float],
    ) -> None:
        """`waited_s()` is how long calls have waited for a process to take them."""
        self._settings = settings
        self._transactions = transactions
        self._responder = responder
        self._rejections = rejections
        self._tap = tap
        self._tasks = tasks
        self._is_local = is_local
        self._registration = registration
        self._callers = callers
        self._requests = requests
        self._responses = responses
        self._overload = overload
        self._waited_s = waited_s

    def take(self, data: bytes, flow: Flow) -> None:
        """Take a message from the network."""
        try:
            message = receive(data, flow, max_line_bytes=self._settings.max_line_bytes)
        except MalformedError as error:
            self._store_unreadable(flow, str(error))
            return
        if message.method in _BEGINNING and self._is_refused(message):
            return
        token = None
        with self._tap.showing_later() as show_first:
            try:
                token = self._route(message)
            except Exception:
                logger.exception("a message from %s could not be handled", flow)
            show_first(token, "in", flow, data)

    def _is_refused(self, message: Received) -> bool:
        """Refuse what would begin something while we are behind; next to nothing is kept of it."""
        now = time.monotonic()
        if message.to_tag or message.problem:
            return False
        key = hash(transaction_key(message))
        waited_s = self._waited_s()
        if not self._overload.refuses(message.method, now, waited_s=waited_s, key=key):
            return False
        if self._transactions.find(message) is not None:
            return False  # it was taken before, and is answered by whoever has it
        least, most = _BEGINNING[message.method]
        retry_after_s = least + crc32(message.call_id.encode()) % (most - least + 1)
        self._responder.reply_once(message, 503, [("retry-after", str(retry_after_s))])
        self._overload.refused(message.method, message.flow.host, now, key=key)
        return True

    def _store_unreadable(self, flow: Flow, problem: str) -> None:
        advice = f"What arrived is not SIP that can be answered: {problem}."
        host = flow.host
        self._rejections.store(Rejection(host, "", "", 400, Rule.MALFORMED_SIP, advice))

    def _route(self, message: Received) -> str | None:
        """Return the token of the leg a message belongs to."""
        if message.method == "ACK":
            # Nothing can answer it, and a call waits for it: what can be read of it must do.
            return self._requests.ack(message)
        if message.code:
            # The same holds: who is answered badly is answered.
            return self._responses.take(message)
        if message.problem:
            self._malformed(message)
            return None
        # RFC 3261 section 17.2.3.
        if (transaction := self._transactions.find(message)) is not None:
            self._requests.again(transaction)
            return transaction.token or None
        is_merged = self._transactions.is_merged(message)
        transaction = self._transactions.add(message)
        objected = objection(
            message, is_merged=is_merged, settings=self._settings, is_local=self._is_local
        )
        if objected is not None:
            self._object(transaction, objected)
        else:
            self._dispatch(transaction)
        return transaction.token or None

    def _object(self, transaction: ServerTransaction, objected: Objection) -> None:
        headers = list(objected.headers)
        if objected.rule:
            self._responder.refuse(
                transaction, objected.code, objected.rule, objected.advice, headers=headers
            )
        else:
            self._responder.reply(transaction, objected.code, headers=headers)

    def _dispatch(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.method == "CANCEL":
            self._cancel(transaction)
        elif request.to_tag:
            self._requests.take(transaction)
        elif request.method == "INVITE":
            self._start(transaction, self._callers.handle(transaction))
        elif request.method == "REGISTER":
            self._start(transaction, self._registration.handle(transaction))
        else:
            self._responder.reply(transaction, 200, headers=_CAPABILITIES)

    def _cancel(self, transaction: ServerTransaction) -> None:
        invite = self._transactions.find(transaction.request, "INVITE")
        if invite is None:
            self._responder.reply(transaction, 481)  # RFC 3261 section 9.2
        elif invite.token:
            self._requests.cancel(transaction, invite)
        else:
            self._callers.cancel(transaction, invite)

    def _start(self, transaction: ServerTransaction, work: Coroutine[Any, Any, None]) -> None:
        if not self._tasks.start(self._guarded(transaction, work)):
            work.close()
            headers = [("retry-after", str(OVERLOAD_RETRY_AFTER_S))]
            self._responder.reply(transaction, 503, headers=headers)

    async def _guarded(
        self, transaction: ServerTransaction, work: Coroutine[Any, Any, None]
    ) -> None:
        """Answer 500 when the engine fails; the peer sees neither why nor a traceback."""
        try:
            await work
        except Exception:
            logger.exception("a %s could not be handled", transaction.request.method)
            if not transaction.cancelled:
                advice = "The engine failed while it handled this request; its log says why."
                self._responder.refuse(transaction, 500, Rule.INTERNAL_ERROR, advice)

    def _malformed(self, message: Received) -> None:
        code = message.problem_code
        rule = Rule.MALFORMED_SIP if code == 400 else Rule.UNSUPPORTED_VERSION
        self._responder.reply_once(message, code)
        advice = f"The request cannot be understood: {message.problem}."
        self._rejections.store(describe(message, code, rule, advice))

    def take_broken(self, data: bytes, flow: Flow, too_large: bool) -> None:
        """Take what there is of a message that is too large or lost its framing."""
        try:
            message = receive(data, flow, max_line_bytes=self._settings.max_line_bytes)
        except MalformedError as error:
            if not too_large:
                self._store_unreadable(flow, str(error))
                return
            message = None
        rule, code = (Rule.MESSAGE_TOO_LARGE, 513) if too_large else (Rule.MALFORMED_SIP, 400)
        limit = self._settings.max_message_bytes
        advice = (
            f"A message of more than {limit} bytes arrived; SIP messages are a few kilobytes."
            if too_large
            else "A message without Content-Length arrived over TCP; the connection was closed."
        )
        if message is None:
            self._rejections.store(Rejection(flow.host, "", "", code, rule, advice))
            return
        if message.method and message.method != "ACK":
            self._responder.reply_once(message, code)
        self._rejections.store(describe(message, code, rule, advice))
