"""A device's redirect that the engine is too slow to decide."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from callengine.core.attempts import DECISION_TIMEOUT_S
from callengine.core.control.calls import FollowRedirect, RedirectAsked
from callengine.engine.moves import redirects
from callengine.engine.processes.process import ProcessState
from tests.peers.waiting import until


async def test_one_that_is_decided_too_late_is_not_told_of_as_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its call process had gone on by then, and the record named a number that nobody rang."""
    assert redirects.DECIDES_WITHIN_S < DECISION_TIMEOUT_S
    monkeypatch.setattr(redirects, "DECIDES_WITHIN_S", 0.05)
    sent: list[FollowRedirect] = []
    is_asked = asyncio.Event()

    async def never(*_: Any, **__: Any) -> None:
        is_asked.set()
        await asyncio.Event().wait()

    parts: dict[str, Any] = dict.fromkeys(("planning", "agents", "book"))
    edge = SimpleNamespace(is_local_host=lambda host, port: True)
    pool: Any = SimpleNamespace(send=lambda process, message: sent.append(message))
    asks: Any = {"ask": never, "pool": pool, "edge": edge, "failover_timeout_s": 5.0}
    following = redirects.Redirects(**parts, **asks)
    call: Any = SimpleNamespace(
        dialled=[],
        plan=SimpleNamespace(call="x", to_user="bob"),
        source=object(),
        process=SimpleNamespace(state=ProcessState.BUSY),
        forwarder="connection:bob",
        ended=None,
    )
    following.hear(call, RedirectAsked("B", 302, ("sip:carol@127.0.0.1",)))
    await until(lambda: bool(sent), "the call process is told nothing")
    assert is_asked.is_set()
    why = "the engine did not decide within 0.05 s"
    assert sent == [FollowRedirect("x", "B", (), why)]
