"""What a device asks for before the engine knows what it has seen already."""

import asyncio
from typing import Any

import pytest

from callengine.engine.calls import settling
from callengine.engine.calls.settling import is_rung, partner

pytestmark = pytest.mark.thorough


class Heard:
    """A call as far as its call process has told of it."""

    def __init__(self) -> None:
        self.ended = self.taken = False
        self.snapshot: dict[str, Any] = {"state": "ringing", "legs": []}
        self.news, self.looks = asyncio.Event(), 0

    def facing(self, leg: str) -> str | None:
        self.looks += 1
        return {"A": "B", "B": "A"}.get(leg)

    def answered(self) -> None:
        self.snapshot["state"] = "answered"

    def rings(self) -> None:
        self.taken = True
        self.snapshot["legs"].append({"name": "B", "state": "ringing"})

    def is_over(self) -> None:
        self.ended = True


@pytest.mark.parametrize(
    ("told", "who", "rung"),
    [(Heard.answered, "A", False), (Heard.rings, None, True), (Heard.is_over, None, False)],
)
async def test_it_is_waited_for(
    told: Any, who: str | None, rung: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "SETTLING_S", 0.3)
    call: Any = Heard()
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, told, call)
    loop.call_later(0.05, call.news.set)
    assert await asyncio.gather(partner(call, "B"), is_rung(call, "B")) == [who, rung]


async def test_a_call_process_that_is_held_up_is_waited_for() -> None:
    """Devices whose call process was held up for two seconds had their REFER refused with 491."""
    call: Any = Heard()
    loop = asyncio.get_running_loop()
    loop.call_later(2.0, call.answered)
    loop.call_later(2.0, call.news.set)
    assert await partner(call, "B") == "A"


async def test_a_leg_that_has_ended_is_rung_no_more_and_nobody_is_waited_for() -> None:
    call: Any = Heard()
    call.rings()
    call.snapshot["legs"][0]["state"] = "ended"
    async with asyncio.timeout(settling.SETTLING_S / 2):
        assert not await is_rung(call, "B")


async def test_nobody_looks_while_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had looked fifty times a second."""
    monkeypatch.setattr(settling, "SETTLING_S", 0.3)
    call: Any = Heard()
    call.answered()
    assert await partner(call, "C") is None
    assert call.looks == 2, "at first, and at last"
