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
from tests.callengine.edge.fakes import SDP, FakeEngine, Phone, UdpPeer, edge_settings
from tests.spent import cpu_s

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


async def test_an_edge_that_is_behind_takes_nothing_new_until_it_has_caught_up(
    engine: FakeEngine,
) -> None:
    """What waits for a call process counts, and so does what waits to be read."""
    edge, sip, peer = await opened(engine, late_s=1.0)

    async def answer_to(phone: Phone) -> Received:
        # Nobody acknowledges the 401: it is repeated.
        while (reply := await peer.next()).call_id != phone.call_id:
            pass
        return reply

    async def answer(method: str, **more: object) -> tuple[int, int]:
        phone = Phone(*peer.address, user="eve", edge=sip)
        peer.send(phone.request(method, 1, **more), sip)  # type: ignore[arg-type]
        reply = await answer_to(phone)
        return reply.code, int(reply.get("retry-after") or 0)

    assert await answer("INVITE", body=SDP) == (401, 0)
    engine.waited = 1.5
    code, retry_after_s = await answer("INVITE", body=SDP)
    assert code == 503
    assert 1 <= retry_after_s <= 3
    assert await answer("INVITE", body=SDP, to=f"<sip:eve@{sip[0]}>;tag=x") == (481, 0)
    assert await answer("REGISTER") == (401, 0)
    engine.waited = 2.5
    code, retry_after_s = await answer("REGISTER")
    assert code == 503
    assert 5 <= retry_after_s <= 20
    assert await answer("OPTIONS") == (200, 0)
    engine.waited = 0.0
    assert await answer("INVITE", body=SDP) == (401, 0)
    # The loop itself is held up while an INVITE waits in its socket.
    phone = Phone(*peer.address, user="eve", edge=sip)
    peer.send(phone.request("INVITE", 1, body=SDP), sip)
    time.sleep(1.1)  # noqa: ASYNC251
    assert (await answer_to(phone)).code == 503
    edge.refuse_new_calls(2)
    await engine.until(lambda: any(one.rule == "overloaded" for one in engine.rejections))
    (burst,) = (one for one in engine.rejections if one.rule == "overloaded")
    assert burst.source_address == "127.0.0.3"
    assert "2 calls and 1 registration were refused with 503" in burst.advice
    assert edge.shortage == burst.advice
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
