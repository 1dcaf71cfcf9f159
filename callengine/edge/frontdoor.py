"""The SIP front door: the only part of the engine that faces the network for signalling."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Iterable
from typing import Any

from callengine.core.outcomes import Rejection
from callengine.edge import addresses
from callengine.edge.abandon import Abandoner
from callengine.edge.authentication import Authenticator
from callengine.edge.bans import Ban
from callengine.edge.callers import Callers
from callengine.edge.context import EdgeContext, Observer, describe
from callengine.edge.interface import Accepted, Engine, LegAnchor
from callengine.edge.inward import Inward
from callengine.edge.legs import Leg, LegState, uri_user
from callengine.edge.outward import Outward
from callengine.edge.parse import MalformedError, SipMessage, parse
from callengine.edge.registration import Registration
from callengine.edge.rewrite import build_reply
from callengine.edge.rules import Objection, objection
from callengine.edge.settings import ALLOW, EXTENSIONS, EdgeSettings, Listen
from callengine.edge.transactions import ServerTransaction
from callengine.edge.transport import Transports, UdpListener, bind, split_flow

__all__ = ["Edge", "EdgeSettings"]

log = logging.getLogger(__name__)

SWEEP_S = 1.0
OVERLOAD_RETRY_AFTER_S = 2
LATE_MESSAGES_S = 0.5
"How long messages of a call process may come after its word that a call is over."


class Edge:
    """Registers phones, takes calls, and forwards between peers and call processes."""

    def __init__(self, engine: Engine, settings: EdgeSettings) -> None:
        transports = Transports(
            settings,
            on_message=self._on_message,
            on_broken=self._on_broken,
            on_unreachable=self._on_unreachable,
            may_read=lambda *message: self._context.may_read(*message),
            is_known=lambda flow: self._context.is_in_use(flow),
            on_cut=lambda flow, rule: self._context.cut(flow, rule),
        )
        self._context = EdgeContext(engine, settings, transports)
        self._abandoner = Abandoner(self._context)
        self._inward = Inward(self._context, self._abandoner)
        self._outward = Outward(self._context, self._abandoner)
        authenticator = Authenticator(self._context)
        self._registration = Registration(self._context, authenticator)
        self._callers = Callers(self._context, authenticator, self._inward)
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open every socket, or none.

        Raises:
            AddressTakenError: a listening address cannot be used; the message names it.
        """
        context = self._context
        await context.transports.start()
        context.addresses.note_listeners()
        context.internal = UdpListener(bind("udp", "127.0.0.1", 0), self._on_internal)
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def stop(self) -> None:
        """Close everything at once; ending calls first is the caller's part."""
        context = self._context
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await context.stop_tasks()
        for leg in context.legs:
            context.remove_leg(leg)
        context.transactions.clear()
        context.requests.clear()
        await context.transports.stop()
        if context.internal is not None:
            context.internal.close()
            context.internal = None

    @property
    def internal_address(self) -> str:
        """Return `127.0.0.1:PORT`, the UDP socket call processes talk to."""
        return self._context.internal_address

    @property
    def listening(self) -> tuple[Listen, ...]:
        """Return the bound public addresses, with the real ports."""
        transports = self._context.transports
        udp: list[Listen] = [("udp", item.host, item.port) for item in transports.udp]
        return (*udp, *(("tcp", host, port) for host, port in transports.tcp))

    @property
    def observer(self) -> Observer | None:
        """Called with leg token or None, `in` or `out`, flow and bytes of each message.

        What passes before a call has its legs, its INVITE and our 100 among it, comes with None.
        Retransmissions are shown too, theirs and ours. Called inline: be quick.
        """
        return self._context.observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._context.observer = observer

    def public_address_for(self, flow_or_host: str) -> tuple[str, int]:
        """Return the host and port that Contact and SDP show to a peer."""
        return self._context.addresses.public_address_for(flow_or_host)

    def media_address_for(self, flow: str) -> str:
        """Return the host that our descriptions show to a peer."""
        return self._context.addresses.media_address_for(flow)

    async def resolve(self, uri: str) -> str:
        """Return the flow a SIP URI leads to.

        Raises:
            UnresolvableError: it leads nowhere; the message says why.
        """
        return await addresses.resolve(uri)

    def is_local_host(self, host: str, port: int | None) -> bool:
        """Tell whether `host[:port]` means this edge."""
        return self._context.addresses.is_local_host(host, port)

    def open_legs(self, *anchors: LegAnchor) -> None:
        """Anchor more legs of a call; those of an `Accepted` are anchored by the edge itself.

        Raises:
            ValueError: a token is in use.
        """
        for anchor in anchors:
            self._context.legs.open(anchor)

    def leg(self, token: str) -> LegAnchor | None:
        """Return the leg a token names, if it is (still) anchored."""
        leg = self._context.legs.by_token.get(token)
        return leg.anchor if leg is not None else None

    def let_go(self, call: str) -> None:
        """Have a call process that ends a call wait for no peer: not for a caller's ACK either."""
        self._abandoner.let_go(call)

    def move_call(self, accepted: Accepted) -> bool:
        """Give a call that its process did not take to another; False if nobody waits any more."""
        call = accepted.leg_a.call
        before = next((leg for leg in self._context.legs.of_call(call) if leg.invite), None)
        if before is None or not before.is_waiting:
            return False
        assert before.invite is not None
        self._abandoner.clear(call)
        self.open_legs(accepted.leg_a, *accepted.legs_b)
        self._inward.invite(before.invite, accepted.leg_a, before.invite_body)
        return True

    def close_call(self, call: str) -> None:
        """Note that a call has ended; its legs absorb retransmissions for a while yet.

        What its process left open, the edge ends soon after: the last of what it sent may still
        be on its way.
        """
        for leg in self._context.legs.of_call(call):
            if leg.state is LegState.OPEN:
                leg.state = LegState.CLOSED
            self._linger(leg)
        self._context.later(
            LATE_MESSAGES_S, lambda: self._abandoner.abandon(call, code=500, reason="")
        )

    def abandon(self, call: str, *, code: int, reason: str) -> None:
        """End a call whose process is gone: BYE, CANCEL or a final `code`, as each leg needs.

        `reason` is the value of a Reason header (RFC 3326), such as `Q.850;cause=41`.
        """
        self._context.note_dead(call)
        self._abandoner.abandon(call, code=code, reason=reason)
        for leg in self._context.legs.of_call(call):
            self._linger(leg)

    def _linger(self, leg: Leg) -> None:
        if leg.closing is None:
            context = self._context
            leg.closing = context.later(context.settings.linger_s, lambda: context.remove_leg(leg))

    def store(self, rejection: Rejection) -> None:
        """Have a rejection stored, unless its source had its share of this minute."""
        self._context.store(rejection)

    def know_phones(self, flows: Iterable[tuple[str, str, float]]) -> None:
        """Have the guard know who is registered: flow, SIP user, and for how many seconds."""
        now = time.monotonic()
        for flow, sip_user, for_s in flows:
            self._context.guard.welcome_phone(flow, sip_user, now, for_s)

    def hold_bans(self, bans: Iterable[Ban]) -> None:
        """Keep out these, as they are stored, and nobody else."""
        self._context.warden.replace(bans)

    def lift_ban(self, source: str, user: str) -> None:
        """Let in again, at once; an empty user stands for the whole source."""
        self._context.warden.lift(source, user)

    def refuse_new_calls(self, retry_after_s: int) -> None:
        """Answer every new INVITE with 503 and Retry-After from now on."""
        self._context.retry_after_s = retry_after_s

    async def _sweep(self) -> None:
        context = self._context
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for rejection in context.challenges.unanswered(now):
                context.store(rejection)
            for summary in context.gate.summaries(now):
                context.store_unchecked(summary)
            for rejection in context.guard.sweep(now):
                context.store_unchecked(rejection)
            context.transports.close_idle(now)

    def _on_unreachable(self, flow: str) -> None:
        self._outward.unreachable(flow)

    def _on_message(self, data: bytes, flow: str) -> None:
        """Take a message from the network; whatever it holds, nothing is raised."""
        try:
            message = parse(data, max_line_bytes=self._context.settings.max_line_bytes)
        except MalformedError as error:
            self._store_unreadable(flow, str(error))
            return
        message.flow = flow
        token = None
        with self._context.showing_later() as show_first:
            try:
                token = self._take(message)
            except Exception:
                log.exception("a message from %s could not be handled", flow)
            show_first(token, "in", flow, data)

    def _store_unreadable(self, flow: str, problem: str) -> None:
        advice = f"What arrived is not SIP that can be answered: {problem}."
        self._context.store(Rejection(split_flow(flow)[1], "", "", 400, "malformed-sip", advice))

    def _take(self, message: SipMessage) -> str | None:
        """Return the token of the leg a message belongs to."""
        if message.method == "ACK":
            # Nothing can answer it, and a call waits for it: what can be read of it must do.
            return self._inward.ack(message)
        if message.code:
            # The same holds: who is answered badly is answered.
            return self._inward.response(message)
        if message.problem:
            self._malformed(message)
            return None
        if (known := self._context.transactions.find(message)) is not None:
            self._inward.again(known)
            return known.token or None
        is_merged = self._context.transactions.is_merged(message)
        transaction = self._context.transactions.add(message)
        objected = objection(
            message,
            is_merged=is_merged,
            settings=self._context.settings,
            is_local=self.is_local_host,
        )
        if objected is not None:
            self._object(transaction, objected)
        else:
            self._dispatch(transaction)
        return transaction.token or None

    def _object(self, transaction: ServerTransaction, objected: Objection) -> None:
        headers = list(objected.headers)
        if objected.rule:
            self._context.refuse(
                transaction, objected.code, objected.rule, objected.advice, headers=headers
            )
        else:
            self._context.reply(transaction, objected.code, headers=headers)

    def _dispatch(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.method == "CANCEL":
            self._cancel(transaction)
        elif request.to_tag:
            self._inward.request(transaction)
        elif request.method == "INVITE":
            self._start(transaction, self._callers.handle(transaction))
        elif request.method == "REGISTER":
            self._start(transaction, self._registration.handle(transaction))
        else:
            self._context.reply(transaction, 200, headers=_CAPABILITIES)

    def _cancel(self, transaction: ServerTransaction) -> None:
        invite = self._context.transactions.find(transaction.request, "INVITE")
        if invite is None:
            self._context.reply(transaction, 481)
        elif invite.token:
            self._inward.cancel(transaction, invite)
        else:
            self._callers.cancel(transaction, invite)

    def _start(self, transaction: ServerTransaction, work: Coroutine[Any, Any, None]) -> None:
        if not self._context.start_task(self._guard(transaction, work)):
            work.close()
            headers = [("retry-after", str(OVERLOAD_RETRY_AFTER_S))]
            self._context.reply(transaction, 503, headers=headers)

    async def _guard(self, transaction: ServerTransaction, work: Coroutine[Any, Any, None]) -> None:
        """Answer 500 when the engine fails; the peer sees neither why nor a traceback."""
        try:
            await work
        except Exception:
            log.exception("a %s could not be handled", transaction.request.method)
            if not transaction.cancelled:
                advice = "The engine failed while it handled this request; its log says why."
                self._context.refuse(transaction, 500, "internal-error", advice)

    def _malformed(self, message: SipMessage) -> None:
        code = message.problem_code
        rule = "malformed-sip" if code == 400 else "unsupported-version"
        self._answer_once(message, code)
        advice = f"The request cannot be understood: {message.problem}."
        self._context.store(describe(message, code, rule, advice))

    def _answer_once(self, message: SipMessage, code: int) -> None:
        """Answer without a transaction."""
        context = self._context
        tag = context.sign(message.call_id, message.from_tag, message.via.branch)[:16]
        data = build_reply(message, code, server=context.settings.user_agent, to_tag=tag)
        context.send_once(message, data)

    def _on_broken(self, data: bytes, flow: str, too_large: bool) -> None:
        """Take what there is of a message that is too large or lost its framing."""
        try:
            message = parse(data, max_line_bytes=self._context.settings.max_line_bytes)
        except MalformedError as error:
            if not too_large:
                self._store_unreadable(flow, str(error))
                return
            message = None
        rule, code = ("message-too-large", 513) if too_large else ("malformed-sip", 400)
        limit = self._context.settings.max_message_bytes
        advice = (
            f"A message of more than {limit} bytes arrived; SIP messages are a few kilobytes."
            if too_large
            else "A message without Content-Length arrived over TCP; the connection was closed."
        )
        if message is None:
            host = split_flow(flow)[1]
            self._context.store(Rejection(host, "", "", code, rule, advice))
            return
        message.flow = flow
        if message.method and message.method != "ACK":
            self._answer_once(message, code)
        self._context.store(describe(message, code, rule, advice))

    def _on_internal(self, data: bytes, flow: str, _: UdpListener) -> None:
        """Take a message from a call process; nobody else may use the loopback socket."""
        _transport, host, port = split_flow(flow)
        worker = (host, port)
        if not self._context.legs.is_worker(worker):
            return
        try:
            message = parse(data, max_line_bytes=self._context.settings.max_line_bytes)
            message.flow = flow
            if message.code:
                self._outward.response(message, worker)
            else:
                self._outward.request(message, worker, _token(message))
        except MalformedError as error:
            log.warning("a call process sent what is not SIP: %s", error)
        except Exception:
            log.exception("a message of call process %s could not be handled", flow)


_CAPABILITIES = [
    ("allow", ALLOW),
    ("accept", "application/sdp"),
    ("supported", ", ".join(EXTENSIONS)),
]


def _token(message: SipMessage) -> str:
    """Return the leg token in a call process's request."""
    return uri_user(message.uri)
