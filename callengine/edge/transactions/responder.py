"""Responses of the edge itself to peers' requests."""

from collections.abc import Callable

from callengine.core.reasons import Rule
from callengine.edge.messages.message import Headers
from callengine.edge.messages.received import Received
from callengine.edge.messages.replies import build_reply
from callengine.edge.tap import Tap
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transactions.rejections import GAVE_UP_FIRST, Rejections, code_sent, describe
from callengine.edge.transactions.responses import ResponseSender
from callengine.edge.transactions.server import (
    MAX_FACTOR,
    ServerTransaction,
    ServerTransactions,
)
from callengine.edge.transactions.shortening import shortened


class Responder:
    """Answers requests, and has refusals stored."""

    def __init__(
        self,
        transactions: ServerTransactions,
        *,
        sender: ResponseSender,
        identity: EdgeIdentity,
        tap: Tap,
        rejections: Rejections,
        is_proven: Callable[[Received], bool],
    ) -> None:
        """`is_proven` tells whether a request's source has shown that it is where it says."""
        self._transactions = transactions
        self._sender = sender
        self._identity = identity
        self._tap = tap
        self._rejections = rejections
        self._is_proven = is_proven

    def reply(
        self,
        transaction: ServerTransaction,
        code: int,
        *,
        phrase: str = "",
        headers: Headers | None = None,
    ) -> None:
        """Answer a request; what was sent before stays the answer if it was final."""
        tag = transaction.to_tag = transaction.to_tag or self._identity.tag(*transaction.key)
        data = build_reply(
            transaction.request,
            code,
            server=self._identity.user_agent,
            phrase=phrase,
            to_tag=tag,
            headers=headers,
        )
        if sent := self._transactions.respond(transaction, code, data):
            self._tap.show(transaction.token or None, "out", transaction.flow, sent)

    def refuse(
        self,
        transaction: ServerTransaction,
        code: int,
        rule: Rule,
        advice: str,
        *,
        phrase: str = "",
        headers: Headers | None = None,
        user: str = "",
    ) -> None:
        """Answer with a failure and have it stored."""
        if transaction.cancelled:
            advice = f"{GAVE_UP_FIRST} {advice}"
        self.reply(transaction, code, phrase=phrase, headers=headers)
        code = code_sent(transaction, code)
        self._rejections.store(describe(transaction.request, code, rule, advice, user=user))

    def reply_once(self, request: Received, code: int, headers: Headers | None = None) -> None:
        """Answer without a transaction, keeping nothing (RFC 3261 section 8.2.7)."""
        tag = self._identity.tag(request.call_id, request.from_tag, request.via.branch)
        server = self._identity.user_agent
        data = build_reply(request, code, server=server, to_tag=tag, headers=headers)
        limit = len(data) if self._is_proven(request) else MAX_FACTOR * len(request.raw)
        if fitting := shortened(data, limit):
            self._sender.once(request, fitting)
        else:
            self._rejections.unanswerable(request)
