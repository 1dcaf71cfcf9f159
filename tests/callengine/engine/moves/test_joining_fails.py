"""What is said of transfers that come to nothing, and of calls that were to be joined by them."""

from types import SimpleNamespace
from typing import Any

import pytest

from callengine.core.control.calls import TransferOver
from callengine.core.directory import Source
from callengine.core.orders import BrowserOrder, LegOrder
from callengine.core.outcomes import Termination
from callengine.engine.calls.livecall import Joint, PendingTransfer, Referrer
from callengine.engine.moves.transfers import Transfers

SIP, BROWSER = LegOrder("A", "token"), LegOrder("A", "token", browser=BrowserOrder("Browser of al"))
NO_AUDIO, TOO_LATE = "but on no audio there", "just as that ended"


class Edge:
    """Whom the try was about has been let go of; who waits for it may be gone."""

    def __init__(self, *, has_left: bool) -> None:
        self.talks = lambda _: not has_left

    def has_been_taken_over(self, _: str) -> bool:
        return True


def transfers_with(edge: object, **more: Any) -> Transfers:
    parts: dict[str, Any] = {"planning": None, "agents": None, "book": None, "pool": None}
    parts |= {"hang_up": None, "edge": edge, **more}
    return Transfers(**parts, ring_timeout_s=5, failover_timeout_s=5)


def test_one_that_is_being_planned_is_not_over_once_an_agents_fallback_has_answered() -> None:
    """What the fallback came to was taken for its own: a record of what had not happened yet."""
    written: list[PendingTransfer] = []
    book = SimpleNamespace(transferred=lambda _, pending: written.append(pending))
    transfers = transfers_with(None, book=book)
    pending = PendingTransfer("Cy", "Ann")
    call: Any = SimpleNamespace(transfer=pending)
    transfers.ended(call, TransferOver("B2", 0.0, is_fallback=True))
    assert call.transfer is pending
    transfers.ended(call, TransferOver("B3", 1.0))
    assert (written, call.transfer) == ([pending], None)


@pytest.mark.parametrize(
    ("waiting", "ends", "said"),
    [
        (SIP, "nobody", NO_AUDIO),
        (SIP, "the peer", TOO_LATE),
        (BROWSER, "nobody", NO_AUDIO),
        (BROWSER, "the call", TOO_LATE),
    ],
)
def test_it_ends_with_a_word_on_what_kept_them_apart(
    waiting: LegOrder, ends: str, said: str
) -> None:
    """A browser has no dialog: it was taken for gone, though it waited all the while."""
    told: list[Termination] = []
    has_dialog = waiting is SIP and ends == "nobody"
    edge = Edge(has_left=not has_dialog)
    transfers = transfers_with(edge, hang_up=lambda _, end: told.append(end))
    other: Any = SimpleNamespace(
        ended=False, leg_orders={"B": LegOrder("B", "bob")}, name_of=lambda _: "Bob"
    )
    source = Source("connection", "127.0.0.1")
    referrer = Referrer("B", "A", source, source, tell=lambda _: None)
    pending = PendingTransfer("Bob", "Cy", referrer=referrer, joint=Joint(other, "A", "B"))
    call: Any = SimpleNamespace(
        transfer=pending, leg_orders={"A": waiting}, plan=SimpleNamespace(call="x")
    )
    if ends == "the call":
        transfers.call_ended(call)
    else:
        transfers.ended(call, TransferOver(None, 0.0))
    (end,) = told
    assert said in end.advice
