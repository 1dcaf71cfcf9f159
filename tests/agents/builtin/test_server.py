"""The built-in agent over real websockets, and as the command that runs it."""

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from agents.builtin.place import builtin_url, is_builtin
from agents.builtin.server import BuiltinAgent
from tests.peers.engine import ROOT
from tests.peers.ports import free_port

pytestmark = pytest.mark.usefixtures("chiming")

PCMU = {"format": {"encoding": "audio/pcmu"}}


@pytest.fixture
async def agent() -> AsyncIterator[BuiltinAgent]:
    async with BuiltinAgent() as server:
        yield server


async def begin(socket: ClientConnection, **session: Any) -> dict[str, Any]:
    told = {"input": PCMU, "output": PCMU, **session}
    await socket.send(json.dumps({"type": "session.update", "session": told}))
    return await message(socket)


async def message(socket: ClientConnection, kind: str = "") -> dict[str, Any]:
    """Return the next message, or the next of a kind."""
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = json.loads(await socket.recv())
            if kind in ("", found["type"]):
                return found


async def test_it_greets_within_a_second_and_ends_in_good_order(agent: BuiltinAgent) -> None:
    async with connect(agent.url) as socket:
        ready = await begin(socket, greeting="Hello.")
        assert ready["type"] == "session.ready"
        assert len(base64.b64decode((await message(socket, "reply.audio"))["data"])) == 800
        await socket.send(json.dumps({"type": "session.end"}))
        ended = await message(socket, "session.ended")
        assert ended["session_id"] == ready["session_id"]
        await socket.wait_closed()
        assert socket.close_code == 1000


async def test_a_dropped_session_is_resumed_over_another_websocket(agent: BuiltinAgent) -> None:
    async with connect(agent.url) as socket:
        ready = await begin(socket, greeting="", system_prompt="misbehave: drop 0.1")
        with pytest.raises(ConnectionClosedError):
            await message(socket)
    async with connect(agent.url) as socket:
        again = {"type": "session.resume", "session_id": ready["session_id"]}
        await socket.send(json.dumps(again))
        assert (await message(socket))["session_id"] == ready["session_id"]


async def test_strangers_that_send_rubbish_cost_their_own_websocket_alone(
    agent: BuiltinAgent,
) -> None:
    async with connect(agent.url) as good:
        await begin(good, greeting="")
        for rubbish in ("{", "[]", '"x"', b"\xff\xfe", "[" * 5000, "x" * (1 << 20) + "x"):
            async with connect(agent.url) as socket:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send(rubbish)
                async with asyncio.timeout(30):
                    await socket.wait_closed()
                assert socket.close_code in (1008, 1009)
        await good.send(json.dumps({"type": "session.end"}))
        assert (await message(good))["type"] == "session.ended"


@pytest.mark.parametrize(
    ("path", "origin", "status"),
    [("/v1/elsewhere", None, 404), ("/v1/ws", "http://evil.example", 403)],
)
async def test_other_paths_and_browsers_are_turned_away(
    agent: BuiltinAgent, path: str, origin: Any, status: int
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(agent.url.replace("/v1/ws", path), origin=origin):
            pass
    assert caught.value.response.status_code == status


def test_a_url_that_leads_to_it_is_known_as_built_in() -> None:
    assert is_builtin(builtin_url(("127.0.0.1", 8070)), ("127.0.0.1", 8070))
    assert is_builtin(builtin_url(("::1", 8070)), ("::1", 8070))
    for url in ("ws://127.0.0.1:8071/v1/ws", "wss://127.0.0.1:8070/v1/ws", "ws://[x", "ws://h:x/"):
        assert not is_builtin(url, ("127.0.0.1", 8070))


async def test_the_command_serves_where_the_setting_says_until_it_is_told_to_stop() -> None:
    place = ("127.0.0.1", free_port())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "manage.py", "builtin_agent"),
        cwd=ROOT,
        env={**os.environ, "VOIPNUMBER_BUILTIN_AGENT": f"{place[0]}:{place[1]}"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            said = (await process.stdout.readline()).decode()
            assert (await process.stdout.readline()).decode() == "ready\n"
        assert builtin_url(place) in said
        async with connect(builtin_url(place)) as socket:
            assert (await begin(socket, greeting=""))["type"] == "session.ready"
    finally:
        process.terminate()
        assert await process.wait() == 0
