"""What the parts of the edge share: sockets, addresses, tables, and the ways to answer."""

import asyncio
import contextlib
import hashlib
import logging
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from callengine.core.outcomes import Rejection
from callengine.edge.addresses import Addresses
from callengine.edge.digest import Digest
from callengine.edge.guard import Guard
from callengine.edge.interface import Engine
from callengine.edge.legs import Leg, LegTable
from callengine.edge.limits import ChallengeWatch, RejectionGate
from callengine.edge.parse import SipMessage, clean, parse_address
from callengine.edge.rewrite import Headers, build_reply, reply_flow
from callengine.edge.settings import METHODS, EdgeSettings
from callengine.edge.shortening import shortened
from callengine.edge.transactions import (
    MAX_FACTOR,
    ClientTransactions,
    ServerTransaction,
    ServerTransactions,
)
from callengine.edge.transport import Transports, UdpListener, split_flow
from callengine.edge.warden import Warden

log = logging.getLogger(__name__)

GAVE_UP_FIRST = "The caller gave up before it was told:"
MAX_TASKS = 2000
MAX_DEAD_CALLS = 200
BRANCH = "z9hG4bKvn"
"Every branch of ours starts so: a request that comes back is recognised."

CUT_ADVICE = {
    "message-too-slow": (
        "A message did not arrive whole in time and its TCP connection was closed. Look at the "
        "network, or stop whoever holds connections open."
    ),
    "no-message": (
        "No whole SIP message came on a TCP connection in time, so it was closed. Something other "
        "than a SIP device connects here, or holds connections open."
    ),
    "too-many-connections": (
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
_PEEKED_BYTES = 1024
_OUR_BRANCH = re.compile(rb";[ \t]*branch=(z9hG4bKvn[0-9a-f]{24})(?![0-9a-f])", re.IGNORECASE)
_REQUEST_TOKEN = re.compile(rb"[A-Z]{1,16} sips?:([A-Za-z0-9_-]{1,64})@", re.IGNORECASE)

Observer = Callable[[str | None, str, str, bytes], None]


class EdgeContext:
    """Shared state of one edge; `Edge` builds it, its parts use it."""

    def __init__(self, engine: Engine, settings: EdgeSettings, transports: Transports) -> None:
        self.engine = engine
        self.settings = settings
        self.transports = transports
        self.guard = Guard(
            settings.guard,
            name_leg=self._named_leg,
            is_live=lambda token: token in self.legs.by_token,
            banned_s=lambda source: self.warden.banned_s(source),
        )
        self.warden = Warden(engine, settings.bans, self.guard.is_exempt)
        self.addresses = Addresses(settings, transports)
        self.legs = LegTable()
        self.digest = Digest(
            realm=settings.realm,
            algorithms=settings.digest_algorithms,
            lifetime_s=settings.nonce_lifetime_s,
            secret=settings.nonce_secret,
        )
        self.transactions = ServerTransactions(
            send=self.send,
            later=self.later,
            limit=settings.max_transactions,
            on_removed=self._transaction_removed,
            on_repeated=self._response_repeated,
            is_proven=self._is_proven,
            on_unanswerable=self._unanswerable,
        )
        self.requests = ClientTransactions(
            send=self.send, later=self.later, on_repeated=self._request_repeated
        )
        self.to_worker: dict[tuple[str, str], ServerTransaction] = {}
        "Peer requests given to a call process, by our branch and method."
        self.to_peer: dict[tuple[str, str], Leg] = {}
        "Legs whose call process (or the edge for it) sent a request, by our branch and method."
        self.gate = RejectionGate(settings.rejections_per_minute)
        self.challenges = ChallengeWatch(settings.challenge_answer_s)
        self.internal: UdpListener | None = None
        self.observer: Observer | None = None
        self._shown_later: list[tuple[str | None, str, str, bytes]] | None = None
        self.retry_after_s: int | None = None
        "Set once no new calls are taken."
        self._dead_calls: deque[str] = deque(maxlen=MAX_DEAD_CALLS)
        self._secret = secrets.token_bytes(16)
        self._tasks: set[asyncio.Task[None]] = set()

    def _named_leg(self, data: bytes) -> str:
        """Return the leg that a message's first bytes name by a token or a branch of ours."""
        if data.startswith(b"SIP/2.0 "):
            found = _OUR_BRANCH.search(data, 0, _PEEKED_BYTES)
            branch = found.group(1).decode() if found else ""
            legs = (self.to_peer.get((branch, method)) for method in METHODS)
            return next((leg.token for leg in legs if leg is not None), "")
        found = _REQUEST_TOKEN.match(data)
        token = found.group(1).decode() if found else ""
        return token if token in self.legs.by_token else ""

    def _is_proven(self, request: SipMessage) -> bool:
        """Tell whether a request's source has shown that it is where it says."""
        if not request.flow.startswith("udp:"):
            return True
        is_phone = self.guard.is_phone(request.flow, time.monotonic())
        return is_phone or bool(request.to_tag and self.legs.of_dialog(request))

    def _unanswerable(self, transaction: ServerTransaction) -> None:
        self.store(describe(transaction.request, 0, "too-short-to-answer", _TOO_SHORT))

    def send_once(self, request: SipMessage, data: bytes) -> None:
        """Answer a request without keeping anything of it."""
        limit = len(data) if self._is_proven(request) else MAX_FACTOR * len(request.raw)
        if fitting := shortened(data, limit):
            self.send(reply_flow(request), fitting)
        else:
            self.store(describe(request, 0, "too-short-to-answer", _TOO_SHORT))

    def is_in_use(self, flow: str) -> bool:
        """Tell whether a registration or a call hangs on a TCP connection."""
        return self.guard.is_known(flow, split_flow(flow)[1], time.monotonic()) or any(
            dialog.flow == flow for leg in self.legs for dialog in leg.dialogs.values()
        )

    def cut(self, flow: str, rule: str) -> None:
        """Have it stored that a TCP connection was refused or closed."""
        host = split_flow(flow)[1]
        self.store(Rejection(host, "", "", 0, rule, CUT_ADVICE[rule]))

    def may_read(self, data: bytes, flow: str, host: str) -> float:
        """Return 0 if a message may be read now, else for how many seconds its like must wait."""
        return self.guard.wait_s(data, flow, host, time.monotonic())

    def _transaction_removed(self, transaction: ServerTransaction) -> None:
        self.to_worker.pop((transaction.branch, transaction.request.method), None)
        if (leg := self.legs.by_token.get(transaction.token)) is None:
            return
        leg.transactions.discard(transaction)
        dialog = leg.dialog(transaction.request.from_tag)
        if dialog is not None and dialog.answered is transaction:
            # No ACK came in 32 s (RFC 3261 section 13.3.1.4): a BYE need not wait any more.
            dialog.answered = None
            dialog.part()

    def later(self, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back after a while."""
        return asyncio.get_running_loop().call_later(delay_s, call)

    def send(self, flow: str, data: bytes) -> None:
        """Send to a peer."""
        self.transports.send(flow, data)

    def show(self, token: str | None, direction: str, flow: str, data: bytes) -> None:
        """Tell the observer about a message of a call."""
        if self.observer is None:
            return
        if self._shown_later is not None:
            self._shown_later.append((token, direction, flow, data))
        else:
            self.observer(token, direction, flow, data)

    @contextlib.contextmanager
    def showing_later(self) -> Iterator[Observer]:
        """Hold back what is shown until the block ends: what was answered comes before its answer.

        Yields the way to show the message being answered, whose call is known only then.
        """
        later: list[tuple[str | None, str, str, bytes]] = []
        first: list[tuple[str | None, str, str, bytes]] = []
        self._shown_later = later
        try:
            yield lambda *message: first.append(message)
        finally:
            self._shown_later = None
            for message in (*first, *later):
                self.show(*message)

    def _response_repeated(self, transaction: ServerTransaction) -> None:
        self.show(transaction.token or None, "out", transaction.flow, transaction.last)

    def _request_repeated(self, key: tuple[str, str], flow: str, data: bytes) -> None:
        if (leg := self.to_peer.get(key)) is not None:
            self.show(leg.token, "out", flow, data)

    def send_to_worker(self, worker: tuple[str, int], data: bytes) -> None:
        """Send to a call process over the loopback socket."""
        if self.internal is not None:
            self.internal.send(data, *worker)

    @property
    def internal_address(self) -> str:
        """Return `127.0.0.1:PORT` of the loopback socket."""
        if self.internal is None:
            raise RuntimeError("the edge is not started")
        return f"{self.internal.host}:{self.internal.port}"

    def sign(self, *parts: str) -> str:
        """Return 24 hexadecimal digits that only this edge can derive from the parts."""
        data = "\0".join(parts).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(data, key=self._secret, digest_size=12).hexdigest()

    def branch(self, *parts: str) -> str:
        """Return a Via branch of ours; the same parts give the same branch."""
        return BRANCH + self.sign(*parts)

    def worker_via(self, branch: str) -> str:
        """Return our Via toward call processes."""
        return f"SIP/2.0/UDP {self.internal_address};branch={branch};rport"

    def peer_via(self, flow: str, branch: str) -> str:
        """Return our Via toward a peer."""
        host, port = self.addresses.public_address_for(flow)
        shown = f"[{host}]" if ":" in host else host
        return f"SIP/2.0/{flow[:3].upper()} {shown}:{port};branch={branch};rport"

    def contact(self, flow: str, token: str) -> str:
        """Return our Contact URI toward a peer."""
        host, port = self.addresses.public_address_for(flow)
        shown = f"[{host}]" if ":" in host else host
        tail = ";transport=tcp" if flow.startswith("tcp:") else ""
        return f"sip:{token}@{shown}:{port}{tail}"

    def note_dead(self, call: str) -> None:
        """Remember a call whose process is gone, perhaps before its legs were opened."""
        self._dead_calls.append(call)

    def is_dead(self, call: str) -> bool:
        """Tell whether a call's process died lately."""
        return call in self._dead_calls

    def remove_leg(self, leg: Leg) -> None:
        """Forget a leg and everything that hangs on it."""
        for key in (*leg.requests, *leg.edge_requests):
            self.to_peer.pop(key, None)
        for transaction in list(leg.transactions):
            self.transactions.remove(transaction)
        self.legs.remove(leg)

    def start_task(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run in the background; a failure is logged, never lost. Above the bound: dropped.

        Returns whether it runs.
        """
        if len(self._tasks) >= MAX_TASKS:
            work.close()
            log.warning("the edge is overloaded, work was dropped")
            return False
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return True

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work of the edge failed", exc_info=error)

    async def stop_tasks(self) -> None:
        """Cancel what still runs."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def reply(
        self,
        transaction: ServerTransaction,
        code: int,
        *,
        phrase: str = "",
        headers: Headers | None = None,
    ) -> None:
        """Answer a peer's request ourselves."""
        tag = transaction.to_tag = transaction.to_tag or self.sign(*transaction.key)[:16]
        data = build_reply(
            transaction.request,
            code,
            server=self.settings.user_agent,
            phrase=phrase,
            to_tag=tag,
            headers=headers,
        )
        if sent := self.transactions.respond(transaction, code, data):
            self.show(transaction.token or None, "out", transaction.flow, sent)

    def refuse(
        self,
        transaction: ServerTransaction,
        code: int,
        rule: str,
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
        self.store(describe(transaction.request, code, rule, advice, user=user))

    def store(self, rejection: Rejection) -> None:
        """Have a rejection logged and stored, unless its source had its share of this minute."""
        if not self.gate.admit(rejection, time.monotonic()):
            return
        log.info(
            "%s from %s refused: %d %s",
            rejection.method,
            rejection.source_address,
            rejection.code,
            rejection.rule,
        )
        self.start_task(self._store(rejection))

    def store_unchecked(self, rejection: Rejection) -> None:
        """Have a summary stored."""
        self.start_task(self._store(rejection))

    async def _store(self, rejection: Rejection) -> None:
        await self.engine.rejected(rejection)


def code_sent(transaction: ServerTransaction, code: int) -> int:
    """Return the code a request was answered with: 487 if it was cancelled before `code` came."""
    return transaction.code if transaction.code >= 200 else code


def source_host(message: SipMessage) -> str:
    """Return the IP address a message came from."""
    return split_flow(message.flow)[1]


def describe(
    message: SipMessage, code: int, rule: str, advice: str, *, user: str = ""
) -> Rejection:
    """Return the rejection of a request."""
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


def header_user(message: SipMessage, name: str) -> str:
    """Return the user part in From or To, or an empty string."""
    try:
        return clean(parse_address(message.get(name)).uri.user or "")
    except ValueError:
        return ""
