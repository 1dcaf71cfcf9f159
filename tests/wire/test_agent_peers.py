"""Whole calls to servers of agents that are not our code: pipecat's, and OpenAI's by its models."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.peers import descriptions
from tests.peers.dialogs import OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import TCP, free_port
from tests.peers.programs import OTHERS_PYTHON, Program
from tests.peers.rtp import Packet
from tests.peers.waiting import until
from tests.wire.conversation import caller
from tests.wire.directory import configuration

SECRET, KEY = "token-of-twilio", "key-of-openai"
CALLER_HZ, TONE_HZ = 1000, 440
WAIT_S = 30.0
SAID_MS = 40_000
"Far more than is heard before it is interrupted."
CARRIERS = pytest.mark.parametrize("agent", ["twilio", "plivo"])
TELEPHONE_EVENT = 101
SILENCE = b"\xff" * 160


@dataclass(frozen=True)
class Site:
    engine: Engine
    pipecat: Program
    realtime: Program


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Run the product and both servers; pipecat is told how to hang up by our REST call."""
    port = free_port(TCP)
    with Program("tests.peers.realtime", "--key", KEY, python=OTHERS_PYTHON) as realtime:
        carriers = f"ws://127.0.0.1:{port}/ws"
        model = realtime.url("/v1/realtime", model="gpt-realtime")
        mu_law = {"encoding": "audio/pcmu"}
        openai = {"system_prompt": "Be brief.", "voice": "marin", "input": mu_law}
        agents = [
            {"name": "twilio", "dialect": "twilio", "url": carriers, "secret": SECRET},
            {"name": "plivo", "dialect": "plivo", "url": carriers, "secret": SECRET},
            {"name": "openai", "dialect": "openai", "url": model, "secret": KEY, **openai}
            | {"output": mu_law},
        ]
        numbers = {agent["name"]: f"agent:{agent['name']}" for agent in agents}
        with Engine(configuration(numbers=numbers) | {"agents": agents}) as engine:
            rest = f"http://{engine.host}:{engine.http_port}"
            hang_up = ("--rest", rest, "--account", _account(engine), "--token", SECRET)
            where = ("--port", str(port))
            with Program("tests.peers.pipecat", *where, *hang_up, python=OTHERS_PYTHON) as pipecat:
                yield Site(engine, pipecat, realtime)


def _account(engine: Engine) -> str:
    script = (
        "from agents.models import VoiceAgent\nprint(VoiceAgent.objects.get(name='twilio').account)"
    )
    return engine.shell(script).split()[-1]


async def _call(phone: Phone, agent: str) -> OutgoingCall:
    call = await phone.invite(agent, phone.sdp(["PCMU"], telephone_event={101: 8000}))
    await call.answered()
    return call


async def _press(call: OutgoingCall, digits: str) -> None:
    number = next(iter(descriptions.telephone_events(call.answer_sdp)))
    for digit in digits:
        await call.phone.rtp.send_digit(
            call.rtp_target, digit, payload_type=number, clock_rate_hz=8000
        )


async def _hears(call: OutgoingCall, hz: float) -> None:
    """Speak a tone until one of `hz` is heard."""
    async with asyncio.timeout(WAIT_S):
        while not (heard := await call.audio(send_hz=CALLER_HZ, codec="PCMU", seconds=1)).near(hz):
            assert heard is not None


async def _keeps_silent(call: OutgoingCall) -> None:
    """Wait for a quarter of a second of silence."""

    def is_silent() -> bool:
        packets = _sound(call.phone.rtp.packets)
        return len(packets) > 12 and {packet.payload for packet in packets[-12:]} == {SILENCE}

    await until(is_silent, "the agent goes on speaking", timeout_s=WAIT_S)


def _sound(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.payload_type == 0]


async def _session(site: Site, call: OutgoingCall) -> dict[str, Any]:
    """Wait for the end; return the call's record with what is kept of the agent's session."""
    record = await site.engine.record(call.call_id, timeout_s=WAIT_S)
    script = (
        "import json\n"
        "from callengine.models import AgentSession\n"
        f"session = AgentSession.objects.get(call_id={record['id']!r})\n"
        "print(json.dumps({'close': session.close_code, 'barge_ins': session.barge_ins,"
        " 'session_id': session.session_id}))"
    )
    printed = site.engine.shell(script)
    return {**record, "session": json.loads(printed.splitlines()[-1])}


@CARRIERS
async def test_pipecat_is_heard_and_hears_barge_in_keys_and_marks(site: Site, agent: str) -> None:
    async with caller(site.engine) as phone:
        call = await _call(phone, agent)
        await _hears(call, CALLER_HZ)
        await _press(call, "7")
        await _keeps_silent(call)
        await _press(call, "1")
        await until(lambda: site.pipecat.log()[-1]["marks"], "no mark came", timeout_s=WAIT_S)
        await _keeps_silent(call)
        phone.rtp.forget()
        await _press(call, "1")
        await until(lambda: _is_loud(phone), "no second tone", timeout_s=WAIT_S)
        await _press(call, "9")
        await _keeps_silent(call)
        assert (await call.hang_up()).code == 200
        ended = await _session(site, call)
    note = site.pipecat.log()[-1]
    assert (note["digits"], note["marks"][0]) == ("7119", "tone-end")
    assert note["kind"] == agent
    assert ended["termination"]["reason"] == "caller-hung-up"
    assert ended["session"]["barge_ins"] == 1


def _is_loud(phone: Phone) -> bool:
    return any(packet.payload != SILENCE for packet in _sound(phone.rtp.packets))


@pytest.mark.parametrize(
    ("agent", "key", "by_socket"),
    [("plivo", "0", True), ("twilio", "6", False)],
    ids=["by its socket", "by Twilio's REST call"],
)
async def test_pipecat_hangs_up(site: Site, agent: str, key: str, by_socket: bool) -> None:
    async with caller(site.engine) as phone:
        call = await _call(phone, agent)
        await _hears(call, CALLER_HZ)
        await _press(call, key)
        await asyncio.wait_for(call.ended.wait(), WAIT_S)
        ended = await _session(site, call)
    assert ended["termination"]["reason"] == "agent-ended"
    assert ended["termination"]["by"] == "callee"
    assert ("closed its websocket" in ended["termination"]["advice"]) == by_socket


@CARRIERS
async def test_a_close_with_1011_loses_the_agent(site: Site, agent: str) -> None:
    async with caller(site.engine) as phone:
        call = await _call(phone, agent)
        await _hears(call, CALLER_HZ)
        await _press(call, "5")
        await asyncio.wait_for(call.ended.wait(), WAIT_S)
        ended = await _session(site, call)
    assert ended["termination"]["reason"] == "agent-lost"
    assert ended["session"]["close"] == 1011


async def test_openais_models_find_nothing_wrong(site: Site) -> None:
    async with caller(site.engine) as phone:
        call = await _call(phone, "openai")
        await _hears(call, CALLER_HZ)
        phone.rtp.forget()
        site.realtime.ask("/do/speech")
        site.realtime.ask("/do/say", hz=TONE_HZ, ms=SAID_MS)
        await until(lambda: _is_loud(phone), "nothing is said", timeout_s=WAIT_S)
        site.realtime.ask("/do/speech")
        await _keeps_silent(call)
        cuts = site.realtime.log
        await until(lambda: cuts()[-1]["truncated"], "nothing is cut", timeout_s=WAIT_S)
        heard_ms = cuts()[-1]["truncated"][-1][1]
        # The item has silence in it as well: what the peer sent back before it spoke.
        packets = _sound(phone.rtp.packets)
        loud = sum(packet.payload != SILENCE for packet in packets)
        assert 20 * loud - 40 <= heard_ms <= 20 * len(packets) + 40 < SAID_MS
        site.realtime.ask("/do/tool", name="end_call")
        await asyncio.wait_for(call.ended.wait(), WAIT_S)
        ended = await _session(site, call)
    assert ended["termination"]["reason"] == "agent-ended"
    assert ended["session"]["session_id"] == "session-0"
    assert site.realtime.log()[-1]["violations"] == []


async def test_a_close_with_1011_loses_openais_agent(site: Site) -> None:
    async with caller(site.engine) as phone:
        call = await _call(phone, "openai")
        await _hears(call, CALLER_HZ)
        site.realtime.ask("/do/close", code=1011)
        await asyncio.wait_for(call.ended.wait(), WAIT_S)
        ended = await _session(site, call)
    assert ended["termination"]["reason"] == "agent-lost"
    assert ended["session"]["close"] == 1011
    assert site.realtime.log()[-1]["violations"] == []
