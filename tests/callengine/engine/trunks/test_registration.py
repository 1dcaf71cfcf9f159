"""A registration at a carrier, kept alive whatever its registrar makes of us."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from callengine.core.naming import NextHop
from callengine.core.registering import RegistrarAnswer
from callengine.core.share import is_mine
from callengine.directory.carriers import CarrierCare, RegistrationCare
from callengine.edge.flow import Flow
from callengine.edge.outside import OutwardBinding
from callengine.engine.trunks import registration
from callengine.engine.trunks.carriers import Carriers
from callengine.engine.trunks.registration import CarrierRegistration
from tests.peers.waiting import until

CARE = RegistrationCare(
    registrar="sip:carrier.example",
    user="us",
    username="us",
    password="pw",
    expires_s=600,
)


class FaultyEdge:
    """Fails the first time, in a way that nobody foresaw."""

    def __init__(self) -> None:
        self.asked = 0

    async def locate(self, uri: str) -> tuple[NextHop, ...]:
        return (NextHop("udp", "192.0.2.1", 5060),)

    async def register(
        self, binding: OutwardBinding, flow: Flow, *, expires_s: int
    ) -> RegistrarAnswer:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("a fault of ours")
        return RegistrarAnswer(200, "200 OK", expires_s=expires_s)


async def test_a_fault_of_ours_ends_no_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trunk was not registered any more until the engine was started anew."""
    monkeypatch.setattr(registration, "FIRST_RETRY_S", 0.01)
    kept: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    running = asyncio.create_task(
        CarrierRegistration(
            FaultyEdge(),
            "carrier",
            CARE,
            stored=None,
            node="n",
            keep=lambda _, values: kept.put_nowait(values),
        ).run()
    )
    async with asyncio.timeout(30):
        told = [await kept.get() for _ in range(3)]
    running.cancel()
    assert [one["state"] for one in told] == ["trying", "failed", "registered"]
    assert "its log says why" in told[1]["said"]


class SlowEdge(FaultyEdge):
    """A registrar that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.heard: list[int] = []

    async def register(
        self, binding: OutwardBinding, flow: Flow, *, expires_s: int
    ) -> RegistrarAnswer:
        self.heard.append(expires_s)
        await self.answers.wait()
        return RegistrarAnswer(200, "200 OK", expires_s=expires_s)


class Rig:
    """The trunks of one engine, and what is told of them."""

    def __init__(self) -> None:
        self.edge = SlowEdge()
        self.told: list[tuple[str, str]] = []
        self.trunks = [CarrierCare("carrier", (), 0, CARE, None)]
        self.nodes = ["n"]
        journal = SimpleNamespace(write=self._write)
        book: Any = SimpleNamespace(journal=journal, audience=SimpleNamespace(trunk=print))
        unprobed: Any = SimpleNamespace()
        edge: Any = self.edge
        self.carriers = Carriers(edge, node="n", read=self._read, book=book, gateways=unprobed)

    async def _read(self, _: object) -> tuple[list[CarrierCare], list[str]]:
        return self.trunks, self.nodes

    def _write(self, write: Any, _: object) -> None:
        values = write.keywords["values"]
        self.told.append((values["state"], values["said"]))

    @property
    def states(self) -> list[str]:
        return [state for state, _ in self.told]


async def test_a_trunk_that_is_enabled_again_at_once_is_not_told_to_be_gone() -> None:
    """Its registrar took its time over the end, which was told after the new registration."""
    rig = Rig()
    rig.edge.answers.set()
    await rig.carriers._look()
    await until(lambda: rig.states[-1:] == ["registered"], "it is not registered")
    rig.edge.answers.clear()
    trunks, rig.trunks = rig.trunks, []
    await rig.carriers._look()
    await until(lambda: rig.edge.heard[-1] == 0, "it is not taken back")
    rig.trunks = trunks
    await rig.carriers._look()
    rig.edge.answers.set()
    await until(lambda: rig.states.count("registered") == 2, "it is not registered again")
    await until(lambda: "gone" in rig.states, "the end is not told")
    assert rig.states == ["trying", "registered", "gone", "trying", "registered"]
    await rig.carriers.stop()


async def test_a_trunk_that_another_engine_sees_to_now_is_its_to_tell_of() -> None:
    """It was told to be disabled, over what the other had stored: not registered for an hour."""
    rig = Rig()
    rig.edge.answers.set()
    await rig.carriers._look()
    await until(lambda: rig.states[-1:] == ["registered"], "it is not registered")
    rig.nodes = [next(n for n in map(str, range(99)) if is_mine("carrier", node=n, nodes=["n", n]))]
    await rig.carriers._look()
    await until(lambda: rig.edge.heard[-1] == 0, "its Contact stays with the registrar")
    await until(lambda: not rig.carriers._ending, "it does not end")
    assert rig.states == ["trying", "registered"]
    await rig.carriers.stop()


async def test_a_register_that_nobody_waits_for_any_more_is_taken_back() -> None:
    rig = Rig()
    await rig.carriers._look()
    await until(lambda: len(rig.edge.heard) == 1, "it does not register")
    rig.trunks = []
    await rig.carriers._look()
    await until(lambda: rig.edge.heard == [600, 0], "it is not taken back")
    rig.edge.answers.set()
    await rig.carriers.stop()
