"""What is repeated to a peer, for how long, and how much of it is kept."""

import pytest

from callengine.edge.transactions.server import ServerTransactions, State
from tests.callengine.edge.clock import Clock, message


@pytest.mark.parametrize(
    ("method", "flow", "code", "sent_after_40_s"),
    [
        ("INVITE", "udp:127.0.0.3:5062", 486, 11),
        ("INVITE", "tcp:127.0.0.3:5062", 486, 1),
        ("INVITE", "udp:127.0.0.3:5062", 200, 11),
        ("INVITE", "tcp:127.0.0.3:5062", 200, 11),
        ("BYE", "udp:127.0.0.3:5062", 200, 1),
    ],
)
def test_final_responses_are_repeated_only_where_rfc_3261_says(
    method: str, flow: str, code: int, sent_after_40_s: int
) -> None:
    sent: list[bytes] = []
    clock = Clock()
    table = ServerTransactions(send=lambda _, d: sent.append(d), later=clock.later, limit=10)
    transaction = table.add(message(method, flow))
    table.respond(transaction, code, b"final")
    clock.run(40)
    assert len(sent) == sent_after_40_s
    assert transaction.state is State.GONE
    assert len(table) == 0


def test_ack_stops_the_repeating_and_the_table_is_bounded() -> None:
    sent: list[bytes] = []
    clock = Clock()
    table = ServerTransactions(send=lambda _, d: sent.append(d), later=clock.later, limit=10)
    transaction = table.add(message("INVITE", branch="z9hG4bKx"))
    table.respond(transaction, 486, b"final")
    assert table.find(message("ACK", branch="z9hG4bKx")) is transaction
    table.acknowledge(transaction)
    clock.run(10)
    assert (len(sent), len(table)) == (1, 0)
    for index in range(50):
        table.add(message("OPTIONS", branch=f"z9hG4bK{index}"))
    assert len(table) == 10
