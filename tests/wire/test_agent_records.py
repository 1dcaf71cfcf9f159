"""A call to a voice agent on its page and in the record: what came of it, live and afterwards."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.dialogs import OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.wire.conversation import caller, registered
from tests.wire.directory import configuration, connection
from tests.wire.operator import Operator

OPEN, DISCREET = "+12025550177", "+12025550178"
KEY = "a-key-that-nobody-shows"
WORDS = "where is my parcel"
ROWS = """
import json
from callengine.models import AgentSession, AgentSessionLine, Call
call = Call.objects.get(pk={pk!r})
print(json.dumps({{
    "sessions": list(call.agent_sessions.values("name", "state", "close_code", "session_id")),
    "lines": list(call.agent_lines.values_list("who", "text")),
    "moments": [list(s.moments) for s in call.agent_sessions.all()],
    "plan": json.dumps(call.plan),
}}))
"""


@pytest.fixture(scope="module")
def agent() -> Iterator[VoiceAgentPeer]:
    with VoiceAgentPeer(key=KEY) as running:
        yield running


def entry(name: str, agent: VoiceAgentPeer, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "dialect": "assemblyai",
        "url": agent.url(),
        "secret": KEY,
        "system_prompt": "Be kind.",
        "input": {"encoding": "audio/pcmu"},
        "output": {"encoding": "audio/pcmu"},
        "codecs": ["PCMU"],
        "headers": {"X-Customer": "customer_id"},
        **more,
    }


@pytest.fixture(scope="module")
def engine(agent: VoiceAgentPeer) -> Iterator[Engine]:
    numbers = {OPEN: "agent:support", DISCREET: "agent:discreet"}
    whole = configuration(connection("bob", inbound=["PCMU"]), numbers=numbers)
    discreet = entry("discreet", agent, keeps_transcript=False)
    whole["agents"] = [entry("support", agent), discreet]
    with Engine(whole) as running:
        yield running


@pytest.fixture(scope="module")
def olga(engine: Engine) -> Operator:
    return Operator(engine)


async def calls(phone: Phone, number: str, **headers: str) -> OutgoingCall:
    call = await phone.invite(number, phone.sdp(["PCMU"]), headers=headers)
    await call.wait_provisional(180)
    await call.answered()
    return call


def rows(engine: Engine, path: str) -> dict[str, Any]:
    """Return what the database holds of the agents of a call."""
    pk = path.strip("/").split("/")[-1]
    answer = engine.shell(ROWS.format(pk=pk))
    stored: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return stored


async def shows(olga: Operator, path: str, *words: str) -> str:
    """Wait until a call's page holds all these words; return it."""
    async with asyncio.timeout(30):
        while True:
            page = await asyncio.to_thread(olga.get, path)
            if all(word in page for word in words):
                return page
            await asyncio.sleep(0.1)


async def changed_session(agent: VoiceAgentPeer) -> dict[str, Any]:
    """Wait until the agent's newest session was changed; return what its server wrote down."""
    async with asyncio.timeout(30):
        while True:
            newest: dict[str, Any] = (await asyncio.to_thread(agent.log))[-1]
            if newest["updates"]:
                return newest
            await asyncio.sleep(0.05)


async def test_a_call_shows_its_agent_while_it_lasts_and_in_the_record(
    engine: Engine, agent: VoiceAgentPeer, olga: Operator
) -> None:
    async with caller(engine) as phone:
        call = await calls(phone, OPEN, **{"X-Customer": "42", "X-Internal": "no-business-of-it"})
        path = await olga.live_call()
        await asyncio.to_thread(agent.do, "user", text=WORDS)
        await asyncio.to_thread(agent.do, "tool", name="look_up")
        page = await shows(olga, path, WORDS, "look_up", "bytes pass untouched", "agent-now")
        for code, fields, said in (
            (200, {"volume": "40"}, "The agent is told: volume."),
            (422, {"voice": "ivy"}, "voice cannot change during a call"),
        ):
            changed = await asyncio.to_thread(olga.post, f"{path}agent/", **fields)
            assert changed[0] == code
            assert said in changed[1]
        told = await changed_session(agent)
        assert told["updates"] == [{"output": {"volume": 40}}]
        first = json.dumps(told["first"])
        assert "42" in first
        assert "no-business-of-it" not in first
        await asyncio.to_thread(agent.do, "end")
        await asyncio.wait_for(call.ended.wait(), 15)
        record = await engine.record(call.call_id)
    assert (record["termination"]["by"], record["termination"]["reason"]) == (
        "callee",
        "agent-ended",
    )
    assert (record["destination"], record["legs"][1]["codec"]) == ("agent:support", None)
    stored = await asyncio.to_thread(rows, engine, path)
    (session,) = stored["sessions"]
    assert (session["name"], session["state"]) == ("support", "ended")
    assert session["session_id"]
    assert session["close_code"]
    assert {"asked", "connected", "ready", "ended"} <= set(stored["moments"][0])
    assert ["caller", WORDS] in stored["lines"]
    assert [who for who, text in stored["lines"] if "look_up" in text] == ["tool"]
    after = await olga.ended(path)
    assert WORDS in after
    assert "agent-ended" in after
    assert KEY not in page + after + stored["plan"] + engine.dump()
    assert agent.violations() == []


async def test_where_an_agent_cannot_be_told_of_keys_the_page_says_so(
    engine: Engine, agent: VoiceAgentPeer, olga: Operator
) -> None:
    async with caller(engine) as phone:
        call = await phone.invite(OPEN, phone.sdp(["PCMU"], telephone_event={101: 8000}))
        await call.answered()
        path = await olga.live_call()
        await call.audio(send_hz=500, codec="PCMU", seconds=0.3)
        await phone.rtp.send_digit(call.rtp_target, "7", payload_type=101, clock_rate_hz=8000)
        line = await olga.reads(path, "could not be passed on")
        assert "this agent's dialect cannot tell it of keys" in line
        await call.hang_up()


async def test_of_an_agent_that_keeps_no_transcript_nothing_said_is_anywhere(
    engine: Engine, agent: VoiceAgentPeer, olga: Operator
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await calls(phone, DISCREET)
        path = await olga.live_call()
        await asyncio.to_thread(agent.do, "user", text=WORDS)
        await asyncio.to_thread(agent.do, "tool", name="look_up")
        page = await shows(olga, path, "look_up", "What is said is not kept")
        # And a transfer from the page leads on to a person, as from any callee.
        await olga.transfer("bob", path)
        incoming = await bob.wait_call()
        await incoming.ring()
        await incoming.answer_in("PCMU")
        await olga.reads(path, "transferred", "now talks to Bob instead of discreet")
        page += await shows(olga, path, "has left")
        await call.hang_up()
        await asyncio.wait_for(incoming.ended.wait(), 15)
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"
    stored = await asyncio.to_thread(rows, engine, path)
    assert [who for who, _ in stored["lines"]] == ["tool"]
    assert stored["sessions"][0]["state"] == "ended"
    assert WORDS not in page + json.dumps(stored) + engine.dump()
