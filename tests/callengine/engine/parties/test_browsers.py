"""What a call process may have browsers do, whatever it says."""

from types import SimpleNamespace
from typing import Any

import pytest

from callengine.core.control.language import ControlError
from callengine.core.orders import BrowserOrder, LegOrder
from callengine.engine.parties.browserpages import BrowserPages
from callengine.engine.parties.browsers import Browsers
from callengine.engine.parties.browsersockets import MAX_TOKENS, BrowserSockets
from callengine.notices.phone import PhoneThere


def calling(leg: str) -> Any:
    order = LegOrder(leg, "", browser=BrowserOrder("Browser of al", "page"))
    plan = SimpleNamespace(call="c" * 32, from_user="eve", from_name="Eve")
    return SimpleNamespace(id="c", plan=plan, leg_orders={leg: order}, browsers_rung=set())


async def test_a_call_process_has_a_browser_ring_once_and_no_other_call_loses_its_place() -> None:
    nothing: Any = SimpleNamespace()
    sockets = BrowserSockets(("127.0.0.1", 0), book=nothing, pool=nothing)
    await sockets.start()
    pages = BrowserPages()
    pages.there(PhoneThere("page", "specific.page!x", "al", "al"))
    browsers = Browsers(
        "node",
        ask=nothing,
        planning=nothing,
        assignment=nothing,
        book=nothing,
        edge=nothing,
        pages=pages,
        sockets=sockets,
    )
    try:
        others = sockets.expect("o" * 32, "B")
        call = calling("B")
        browsers.ring(call, "B")
        for _ in range(MAX_TOKENS):
            with pytest.raises(ControlError, match="BrowserWanted of B for the second time"):
                browsers.ring(call, "B")
        assert others.token in sockets._awaited
    finally:
        await browsers.stop()
