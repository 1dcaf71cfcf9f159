"""A registration at a carrier, kept alive whatever its registrar makes of us."""

import asyncio
from typing import Any

import pytest

from callengine.core.naming import NextHop
from callengine.core.registering import RegistrarAnswer
from callengine.directory.carriers import RegistrationCare
from callengine.edge.flow import Flow
from callengine.edge.outside import OutwardBinding
from callengine.engine import registration
from callengine.engine.registration import CarrierRegistration

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
