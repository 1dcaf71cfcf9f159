"""Many cheap packets: what they may cost others, the memory and the log."""

import asyncio
import logging
import time
from typing import Any

import pytest

from callengine.core.outcomes import Rejection
from callengine.edge import tasks as edge_tasks
from callengine.edge.callers.registrar import (
    ContactRequest,
    RegisterError,
    RegisterRequest,
    RegistrarLimits,
    register,
)
from callengine.edge.flow import Flow
from callengine.edge.frontdoor import Edge
from callengine.edge.interface import Refused
from callengine.edge.messages.received import Received, receive
from callengine.edge.transactions.limits import MAX_SOURCES, RejectionGate
from callengine.edge.transactions.server import ServerTransactions, State
from tests.callengine.edge.clock import Clock
from tests.callengine.edge.fakes import (
    PATIENCE_S,
    SDP,
    FakeEngine,
    Phone,
    UdpPeer,
    edge_settings,
)
from tests.spent import cpu_s

pytestmark = pytest.mark.thorough

FLOW = "udp:127.0.0.3:5062"


def request(method: str, **more: object) -> Received:
    text = Phone("127.0.0.3", 5062).request(method, 1, **more)  # type: ignore[arg-type]
    message = receive(text.encode())
    message.flow = Flow.parse(FLOW)
    return message


def table_of(limit: int) -> ServerTransactions:
    return ServerTransactions(send=lambda _, __: None, later=Clock().later, limit=limit)


def test_a_flood_does_not_cost_a_ringing_caller_the_answer() -> None:
    table = table_of(limit=10)
    ringing = table.add(request("INVITE"))
    ringing.token = "leg"
    for _ in range(50):
        table.respond(table.add(request("OPTIONS")), 200, b"")
    assert ringing.state is State.PROCEEDING
    assert len(table) == 10


def test_ringing_callers_alone_may_fill_the_table() -> None:
    table = table_of(limit=10)
    for _ in range(20):
        table.add(request("INVITE")).token = "leg"
    assert len(table) == 10


def test_large_requests_do_not_fill_the_memory() -> None:
    table = table_of(limit=20000)
    headers = [f"X-{number}: {'y' * 4000}" for number in range(7)]
    for _ in range(3000):
        table.add(request("OPTIONS", headers=headers))
    assert 0 < len(table) < 2000


def test_a_register_with_thousands_of_contacts_is_refused_in_no_time() -> None:
    contacts = tuple(ContactRequest(f"sip:a@h{n}", 60, 1.0, "") for n in range(2000))
    asked = RegisterRequest(contacts, False, None, "c", 1, FLOW, "")
    limits = RegistrarLimits(60, 3600, 600, 10)
    assert cpu_s(lambda: register([], asked, now=0.0, limits=limits)) < 0.1
    outcome = register([], asked, now=0.0, limits=limits)
    assert isinstance(outcome, RegisterError)
    assert outcome.rule == "too-many-contacts"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


async def opened(engine: FakeEngine, **more: Any) -> tuple[Edge, tuple[str, int], UdpPeer]:
    listen = (("udp", "127.0.0.2", 0),)
    edge = Edge(engine, edge_settings(listen=listen, rejections_per_minute=3, **more))
    await edge.start()
    return edge, edge.listening[0][1:], await UdpPeer.open("127.0.0.3")


async def test_an_overloaded_edge_says_so(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.external, engine.outcome = True, lambda _: Refused(480, "Unavailable")
    edge, sip, peer = await opened(engine)
    phone = Phone(*peer.address, user="eve", edge=sip)
    monkeypatch.setattr(edge_tasks, "MAX_TASKS", 0)
    peer.send(phone.request("INVITE", 1, body=SDP), sip)
    answer = await peer.next()
    assert (answer.code, answer.get("retry-after")) == (503, "2")
    await peer.close()
    await edge.stop()


class Strangers:
    """Phones at one socket, each of which asks once."""

    def __init__(self, peer: UdpPeer, sip: tuple[str, int]) -> None:
        self._peer, self._sip = peer, sip

    def ask(self, method: str, **more: object) -> str:
        """Send a request; return its Call-ID."""
        phone = Phone(*self._peer.address, user="eve", edge=self._sip)
        request = phone.request(method, 1, **({"body": SDP} if method == "INVITE" else {}), **more)  # type: ignore[arg-type]
        self._peer.send(request, self._sip)
        return phone.call_id

    async def told(self, call_id: str) -> tuple[int, int]:
        """Return the code it is answered with, and after how many seconds it may come again."""
        # Nobody acknowledges a final: it is repeated.
        while (reply := await self._peer.next()).call_id != call_id:
            pass
        return reply.code, int(reply.get("retry-after") or 0)

    async def answer(self, method: str, **more: object) -> tuple[int, int]:
        return await self.told(self.ask(method, **more))


async def test_an_edge_that_is_behind_takes_nothing_new_until_it_has_caught_up(
    engine: FakeEngine,
) -> None:
    """What waits for a call process counts, once it has waited too long for half a second."""
    edge, sip, peer = await opened(engine, late_s=1.0)
    phones = Strangers(peer, sip)
    assert await phones.answer("INVITE") == (401, 0)
    engine.waited = 1.5
    assert await phones.answer("INVITE") == (401, 0)
    async with asyncio.timeout(PATIENCE_S):
        while (told := await phones.answer("INVITE"))[0] != 503:
            assert told == (401, 0)
            await asyncio.sleep(0.1)
    assert 1 <= told[1] <= 3
    assert await phones.answer("INVITE", to=f"<sip:eve@{sip[0]}>;tag=x") == (481, 0)
    assert await phones.answer("REGISTER") == (401, 0)
    engine.waited = 2.5
    code, retry_after_s = await phones.answer("REGISTER")
    assert code == 503
    assert 5 <= retry_after_s <= 20
    assert await phones.answer("OPTIONS") == (200, 0)
    engine.waited = 0.0
    assert await phones.answer("INVITE") == (401, 0)
    edge.refuse_new_calls(2)
    await engine.until(lambda: any(one.rule == "overloaded" for one in engine.rejections))
    (burst,) = (one for one in engine.rejections if one.rule == "overloaded")
    assert burst.source_address == "127.0.0.3"
    assert "1 call and 1 registration were refused with 503" in burst.advice
    assert edge.shortage == burst.advice
    await peer.close()
    await edge.stop()


async def test_what_one_stall_has_held_up_is_worked_off(engine: FakeEngine) -> None:
    """A batch of messages was refused for how late the oldest of them was."""
    edge, sip, peer = await opened(engine, late_s=0.5)
    phones = Strangers(peer, sip)
    asked = [phones.ask(method) for method in ("INVITE", "REGISTER") * 4]
    time.sleep(0.6)  # noqa: ASYNC251 (the event loop itself is held up)
    assert {await phones.told(call_id) for call_id in asked} == {(401, 0)}
    await peer.close()
    await edge.stop()


async def test_calls_are_refused_while_all_that_is_read_has_waited_too_long(
    engine: FakeEngine,
) -> None:
    edge, sip, peer = await opened(engine, late_s=0.1)
    phones = Strangers(peer, sip)
    told = (401, 0)
    async with asyncio.timeout(PATIENCE_S):
        while told[0] != 503:
            assert told == (401, 0)
            asked = phones.ask("INVITE")
            time.sleep(0.15)  # noqa: ASYNC251 (the event loop itself is held up)
            told = await phones.told(asked)
    await peer.close()
    await edge.stop()


async def test_the_log_is_not_flooded_either(
    engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    edge, sip, peer = await opened(engine)
    phone = Phone(*peer.address, edge=sip)
    for number in range(20):
        peer.send(phone.request("FROBNICATE", number + 1), sip)
        assert (await peer.next()).code == 501
    await asyncio.sleep(0)
    stored: list[Rejection] = engine.rejections
    assert len(stored) == 3
    assert sum("unknown-method" in record.getMessage() for record in caplog.records) == 3
    await peer.close()
    await edge.stop()


def test_refusals_of_sources_without_number_are_counted() -> None:
    gate = RejectionGate(30)
    for number in range(MAX_SOURCES + 7):
        gate.admit(Rejection(f"10.0.{number >> 8}.{number & 255}", "", "", 400, "x", ""), 0.0)
    (line,) = gate.summaries(1.0)
    assert (line.code, line.rule) == (0, "too-many-sources")
    assert line.advice.startswith("7 more requests")
    assert not list(gate.summaries(2.0))
