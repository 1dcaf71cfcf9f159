"""A caller who is answered to be taken over: the ACK is waited for, not looked for."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from callengine.core.control.calls import AnswerCall
from callengine.core.orders import LegOrder
from callengine.core.outcomes import Termination
from callengine.engine.calls.livecall import Joint
from callengine.engine.moves.pickups import PickUps
from tests.peers.waiting import until


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a busy machine end no wait."""
    monkeypatch.setattr("callengine.engine.moves.pickups.ACK_TIMEOUT_S", 600.0)


class Edge:
    """Says whether the caller's leg talks, and counts how often it was asked."""

    def __init__(self) -> None:
        self.is_up = False
        self.asked = 0

    def talks(self, token: str) -> bool:
        assert token == "a token"
        self.asked += 1
        return self.is_up


class Waiting:
    """A pick-up whose caller is being answered."""

    def __init__(self) -> None:
        self.edge = Edge()
        self.sent: list[AnswerCall] = []
        self.ended: list[Termination] = []
        self.ringing: Any = SimpleNamespace(
            id="ringing",
            ended=False,
            leg_orders={"A": LegOrder("A", "a token")},
            name_of={"A": "Ann", "B": "Bob"}.get,
            news=asyncio.Event(),
            plan=SimpleNamespace(call="ringing"),
            process=object(),
        )
        joint = Joint(self.ringing, "B", "A", is_ringing=True)
        call: Any = SimpleNamespace(id="new", joint=joint, incoming=None, name_of=lambda _: "Cy")
        edge: Any = self.edge
        book: Any = SimpleNamespace(calls={})
        pickups = PickUps(
            book=book,
            edge=edge,
            hang_up=lambda _, end: self.ended.append(end),
            send=lambda _, message: self.sent.append(message),
        )
        self.task = asyncio.create_task(pickups.prepare(call))

    async def begin(self) -> None:
        await until(lambda: self.edge.asked > 0, "the leg was not looked at")
        # Long enough for some looks, were there any by the clock.
        await asyncio.sleep(0.2)
        assert self.edge.asked == 1
        assert len(self.sent) == 1
        assert not self.task.done()


async def test_the_edge_is_asked_again_when_there_is_news_alone() -> None:
    waiting = Waiting()
    await waiting.begin()
    waiting.ringing.news.set()
    await until(lambda: waiting.edge.asked == 2, "it was not asked again")
    assert not waiting.task.done(), "it does not talk yet"
    waiting.edge.is_up = True
    waiting.ringing.news.set()
    assert await waiting.task is None
    assert waiting.ended == []


async def test_a_call_that_ends_meanwhile_ends_the_wait() -> None:
    waiting = Waiting()
    await waiting.begin()
    waiting.ringing.ended = True
    waiting.ringing.news.set()
    end = await waiting.task
    assert end is not None
    assert end.advice.endswith("could not be. It ended before that.")
    assert waiting.ended == []


async def test_an_ack_that_never_comes_ends_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callengine.engine.moves.pickups.ACK_TIMEOUT_S", 0.05)
    waiting = Waiting()
    end = await waiting.task
    assert end is not None
    assert end.advice.endswith("Ann was answered and sent no ACK: look at its ladder.")
    assert len(waiting.ended) == 1
