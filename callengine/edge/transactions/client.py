"""Requests of ours: sent, repeated, acknowledged, and their answers told to whoever asked."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from callengine.edge.flow import Flow
from callengine.edge.messages.branches import RequestKey, branch_in
from callengine.edge.messages.message import Headers, Message, render
from callengine.edge.messages.replies import reason_value
from callengine.edge.messages.values import is_address, tag_of, with_tag
from callengine.edge.settings import T1_S
from callengine.edge.tap import Show
from callengine.edge.timers import Later, Timer
from callengine.edge.transactions.client_transaction import (
    ClientState,
    ClientTransaction,
    Effect,
    Effects,
)
from sip.phrases import phrase_of

MAX_AWAITED = 2000
"Requests that callers wait for at a time; those of calls are bounded by the calls."

OnResponse = Callable[[Message], None]


class Network(Protocol):
    """Where requests go."""

    def send(self, flow: Flow, data: bytes, on_unreachable: Callable[[str], None]) -> None:
        """Send to a flow; if that cannot be, `on_unreachable(why)` is called later."""


class Namer(Protocol):
    """How requests of ours are told from others'."""

    def via(self, flow: Flow, branch: str) -> str:
        """Return our Via toward a flow."""

    def new_branch(self) -> str:
        """Return a branch that no other request has."""


@dataclass(slots=True, eq=False)
class _Awaited:
    machine: ClientTransaction
    request: Message
    "As it was sent, with our Via."
    data: bytes
    flow: Flow
    branch: str
    token: str | None
    on_final: OnResponse
    timer: Timer | None = None
    due_at: float | None = None
    why_not: str = ""
    "Why it could not be sent."


class ClientTransactions:
    """Every request of ours that waits for its answer, by branch and method (section 17.1.3)."""

    def __init__(
        self,
        network: Network,
        namer: Namer,
        *,
        later: Later,
        show: Show = lambda *_: None,
        now: Callable[[], float] = time.monotonic,
        t1_s: float = T1_S,
    ) -> None:
        """`show(token, "out", flow, data)` is told of everything sent."""
        self._network = network
        self._namer = namer
        self._later = later
        self._show = show
        self._now = now
        self._t1_s = t1_s
        self._entries: dict[RequestKey, _Awaited] = {}
        self._of_no_leg: set[str] = set()
        "Branches of requests that no leg's token stands for."

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: RequestKey) -> bool:
        return key in self._entries

    async def request(self, request: Message, flow: Flow) -> Message:
        """Send a request, not an ACK, and return its final response.

        Our Via is added. Where nobody answers within 64 x T1 it is a 408, and where the transport
        fails a 503, as RFC 3261 section 8.1.3.1 has it; a 503 too, with nothing sent, while
        `MAX_AWAITED` others wait. A challenge is the caller's to answer:
        with a new request, its CSeq higher by one (section 22.2; `challenged.credentials`).
        """
        if len(self._of_no_leg) >= MAX_AWAITED:
            return _local(503)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def done(response: Message) -> None:
            if not answer.done():
                answer.set_result(response)

        branch = self._namer.new_branch()
        self.start(request, flow, branch=branch, on_final=done)
        try:
            return await answer
        except asyncio.CancelledError:
            self.forget((branch, request.method))
            raise

    def start(
        self,
        request: Message,
        flow: Flow,
        *,
        branch: str,
        token: str | None = None,
        repeats: bool = True,
        on_final: OnResponse = lambda _: None,
    ) -> Message:
        """Send a request, and tell `on_final` its final response, or what stands for it.

        Our Via is added; returns what was sent. Not repeated, it still may time out.
        """
        machine = ClientTransaction(
            is_invite=request.method == "INVITE",
            is_reliable=flow.is_reliable,
            repeats=repeats,
            t1_s=self._t1_s,
        )
        request = with_via(request, self._namer.via(flow, branch))
        entry = _Awaited(machine, request, render(request), flow, branch, token, on_final)
        self.forget((branch, request.method))
        self._entries[branch, request.method] = entry
        if token is None:
            self._of_no_leg.add(branch)
        self._carry_out(entry, machine.start(self._now()))
        return request

    def take(self, key: RequestKey, response: Message) -> None:
        """Take a response; one that no request waits for is nobody's."""
        if (entry := self._entries.get(key)) is not None:
            self._carry_out(entry, entry.machine.receive(response.code, self._now()), response)

    def undelivered(self, key: RequestKey, flow: Flow, why: str) -> None:
        """Take that a request did not arrive (section 17.1.4), unless something answered it."""
        entry = self._entries.get(key)
        if entry is not None and entry.flow == flow and entry.machine.state is ClientState.TRYING:
            self._failed(entry, why)

    def awaits(self, branch: str) -> bool:
        """Tell whether a request that belongs to no leg has this branch."""
        return branch in self._of_no_leg

    def named_in(self, data: bytes) -> str:
        """Return the branch of such a request that a response's first bytes name; empty: none."""
        if not self._of_no_leg or not data.startswith(b"SIP/2.0 "):
            return ""
        branch = branch_in(data)
        return branch if self.awaits(branch) else ""

    def hush(self, key: RequestKey) -> None:
        """Send a request no more; its answer is taken all the same."""
        if (entry := self._entries.get(key)) is not None:
            entry.machine.hush()
            self._arm(entry)

    def forget(self, key: RequestKey) -> None:
        """Have nobody told of a request's answer, nor anything more sent."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._of_no_leg.discard(entry.branch)
        if entry.timer is not None:
            entry.timer.cancel()

    def clear(self) -> None:
        """Forget every request; whoever waits is told that it cannot be sent."""
        for key, entry in list(self._entries.items()):
            self.forget(key)
            entry.on_final(_local(503))

    def _carry_out(
        self, entry: _Awaited, effects: Effects, response: Message | None = None
    ) -> None:
        # Before anybody is told, who may well ask for more.
        self._arm(entry)
        for effect in effects:
            match effect:
                case Effect.SEND:
                    self._send(entry, entry.data)
                case Effect.ACKNOWLEDGE:
                    assert response is not None
                    ack = with_via(
                        acknowledgement(entry.request, response), entry.request.get("via")
                    )
                    self._send(entry, render(ack))
                case Effect.REPORT:
                    assert response is not None
                    if response.code >= 200:
                        entry.on_final(response)
                case Effect.TIME_OUT:
                    entry.on_final(_local(408))
                case Effect.UNREACHABLE:
                    entry.on_final(_local(503, entry.why_not))

    def _send(self, entry: _Awaited, data: bytes) -> None:
        self._network.send(entry.flow, data, lambda why: self._failed(entry, why))
        self._show(entry.token, "out", entry.flow, data)

    def _failed(self, entry: _Awaited, why: str) -> None:
        entry.why_not = why
        if self._entries.get((entry.branch, entry.request.method)) is entry:
            self._carry_out(entry, entry.machine.fail())

    def _arm(self, entry: _Awaited) -> None:
        """Have the machine ticked when it is due; forget it once it has ended."""
        if entry.machine.state is ClientState.TERMINATED:
            key = (entry.branch, entry.request.method)
            if self._entries.get(key) is entry:
                self.forget(key)
            return
        due_at = entry.machine.next_deadline()
        if due_at == entry.due_at:
            return
        if entry.timer is not None:
            entry.timer.cancel()
        entry.due_at, entry.timer = due_at, None
        if due_at is not None:
            delay_s = max(due_at - self._now(), 0.0)
            entry.timer = self._later(delay_s, lambda: self._tick(entry))

    def _tick(self, entry: _Awaited) -> None:
        entry.due_at = None
        self._carry_out(entry, entry.machine.tick(self._now()))


def _local(code: int, why: str = "") -> Message:
    """Return the response that stands for one nobody sent; Reason (RFC 3326) says why."""
    headers: Headers = [("reason", reason_value(code, why))] if why else []
    return Message.response(code, phrase_of(code), headers)


def with_via(request: Message, via: str) -> Message:
    """Return a request with a Via of ours on top."""
    headers = {"via": [via], **request.headers}
    return Message(request.method, request.uri, 0, "", headers, request.body, "", 400)


def acknowledgement(request: Message, response: Message) -> Message:
    """Return the ACK of a failure, without Via (RFC 3261 section 17.1.1.3)."""
    to = response.get("to")
    if not is_address(to):
        to = with_tag(request.get("to"), tag_of(to))
    return _hop_by_hop(request, "ACK", to)


def cancellation(request: Message, headers: Headers) -> Message:
    """Return the CANCEL of an INVITE, without Via (RFC 3261 section 9.1)."""
    cancel = _hop_by_hop(request, "CANCEL", request.get("to"))
    for name, value in headers:
        cancel.headers.setdefault(name, []).append(value)
    return cancel


def _hop_by_hop(request: Message, method: str, to: str) -> Message:
    number = request.get("cseq").partition(" ")[0]
    lines: Headers = [
        ("max-forwards", "70"),
        *(("route", route) for route in request.headers.get("route", ())),
        ("from", request.get("from")),
        ("to", to),
        ("call-id", request.get("call-id")),
        ("cseq", f"{number} {method}"),
        *(("user-agent", agent) for agent in request.headers.get("user-agent", ())),
    ]
    return Message.request(method, request.uri, lines)
