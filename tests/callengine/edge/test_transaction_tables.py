"""The tables of transactions hold what they count: the same key twice leaves nothing behind."""

import pytest

from callengine.edge.flow import Flow
from callengine.edge.messages.message import Message, parse
from callengine.edge.settings import TIMEOUT_S
from callengine.edge.transactions import server as transactions_module
from callengine.edge.transactions.client import ClientTransactions
from callengine.edge.transactions.server import ServerTransaction, ServerTransactions
from tests.callengine.edge.clock import Clock, message

FLOW = Flow.parse("tcp:127.0.0.3:5062")


class Wire:
    """Where requests go, and how they are named."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, flow: Flow, data: bytes, on_unreachable: object) -> None:
        self.sent.append(data)

    def via(self, flow: Flow, branch: str) -> str:
        return f"SIP/2.0/TCP h;branch={branch}"

    def new_branch(self) -> str:
        return "z9hG4bKnew"


def test_the_bytes_of_a_request_that_took_another_place_are_not_counted_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = message("OPTIONS", branch="z9hG4bKsame")
    monkeypatch.setattr(transactions_module, "MAX_REQUEST_BYTES", 4 * len(one.raw))
    table = ServerTransactions(send=lambda *_: None, later=Clock().later, limit=100)
    for _ in range(20):
        table.add(one)
    for number in range(3):
        table.add(message("OPTIONS", branch=f"z9hG4bK{number}"))
    assert len(table) == 4


def test_a_request_sent_again_under_its_branch_has_all_its_time() -> None:
    clock, wire = Clock(), Wire()
    table = ClientTransactions(wire, wire, later=clock.later, now=lambda: clock.now)

    def start(body: bytes) -> None:
        table.start(Message.request("BYE", "sip:a@h", [], body), FLOW, branch="b")

    start(b"first")
    clock.run(TIMEOUT_S - 1)
    start(b"second")
    clock.run(2)
    assert ("b", "BYE") in table, "the first one's time ends the second"
    assert [parse(data).body for data in wire.sent] == [b"first", b"second"]


def test_what_reaches_nobody_is_neither_repeated_nor_said_to_have_been_sent() -> None:
    clock, sent, repeated = Clock(), list[bytes](), list[bytes]()

    def send(transaction: ServerTransaction, data: bytes) -> None:
        sent.append(data)
        transaction.undelivered = True

    table = ServerTransactions(
        send=send, later=clock.later, limit=9, on_repeated=lambda one: repeated.append(one.last)
    )
    transaction = table.add(message("INVITE", "tcp:127.0.0.3:5062"))
    assert table.respond(transaction, 200, b"final") == b""
    clock.run(10)
    assert (sent, repeated) == ([b"final"], [])
    clock.run(TIMEOUT_S)
    assert len(table) == 0
