"""Where calls go when voice agents take part: to them, and from them on to others."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers import descriptions
from tests.peers.dialogs import OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.peers.waiting import until
from tests.wire.conversation import CALLER_HZ, Conversation, caller, nobody_was_rung, registered
from tests.wire.directory import configuration, connection, trunk

AGENT_HZ = 440
RINGBACK_HZ = 425
KEY = "sk-hunter2"
TRIES = 10
CARRIER = "127.0.0.41"
CARRIER_PORT = free_sip_port(CARRIER)


def agent(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "dialect": "assemblyai",
        "url": url,
        "secret": KEY,
        "system_prompt": "Be brief.",
        **more,
    }


def directory(peer: VoiceAgentPeer) -> dict[str, Any]:
    """Return agents that go well and that fail in each way, and what leads to them."""
    going_well = peer.url(greet_hz=AGENT_HZ, greet_ms=20_000)
    failing = {
        "refused": peer.url(error="unauthorized"),
        "busy": peer.url(http=503),
        "never": peer.url(ready_after_ms=-1),
        "dead": "ws://127.0.0.1:9/",
    }
    to_bob = {"codecs": ["PCMA"], "fallback": "connection:bob", "ready_timeout_s": 1}
    agents = [
        agent("support", going_well, input={"encoding": "audio/pcmu"}, codecs=["PCMU", "G722"]),
        agent("first", failing["dead"], fallback="number:2"),
        agent("asleep", going_well, enabled=False),
        agent("alone", failing["dead"]),
        *(agent(name, url, **to_bob) for name, url in failing.items()),
    ]
    to_support = {"to": "agent:support"}
    made = configuration(
        connection("carol"),
        connection("bob", inbound=["G722"], force=True, concurrent_calls=1),
        connection("away", agent=to_support),
        connection("desk", agent={**to_support, "when": "busy"}),
        connection("shared", agent={**to_support, "when": "always"}),
        trunks=[trunk("carrier", gateway=f"sip:{CARRIER}:{CARRIER_PORT}", codecs=["PCMU"])],
        numbers={"+1": "agent:support", "1": "agent:first", "2": "agent:support"}
        | {name: f"agent:{name}" for name in (*failing, "alone", "asleep")},
    )
    routes = [{"prefix": "+44", "trunks": ["carrier"], "last_resort": "agent:support"}]
    return made | {"agents": agents, "routes": routes}


@pytest.fixture(scope="module")
def peer() -> Iterator[VoiceAgentPeer]:
    with VoiceAgentPeer(key=KEY) as agent:
        yield agent


@pytest.fixture(scope="module")
def engine(peer: VoiceAgentPeer) -> Iterator[Engine]:
    with Engine(directory(peer)) as running:
        yield running


async def _talks_to_support(engine: Engine, phone: Phone, to: str, *codecs: str) -> dict[str, Any]:
    """Call, hear the agent, hang up; return the record."""
    a = await phone.invite(to, phone.sdp(list(codecs or ("PCMU",))))
    return await _ends_at_support(engine, a)


async def _ends_at_support(engine: Engine, a: OutgoingCall) -> dict[str, Any]:
    await a.answered()
    await _hears(a, AGENT_HZ)
    assert (await a.hang_up()).code == 200
    record = await engine.record(a.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"
    return record


async def _hears(call: OutgoingCall, hz: float) -> None:
    """Wait until the tone is heard; a busy machine begins late, and stutters."""
    codec = descriptions.names(call.answer_sdp)[0]
    for _ in range(TRIES):
        heard = await call.audio(send_hz=CALLER_HZ, codec=codec, seconds=1.0)
        if heard.near(hz):
            return
    raise AssertionError(f"{hz} Hz were not heard: {heard}")


async def test_a_number_leads_to_an_agent_by_its_own_codec_list(
    engine: Engine, peer: VoiceAgentPeer
) -> None:
    async with caller(engine) as phone:
        record = await _talks_to_support(engine, phone, "+1", "OPUS", "G722", "PCMU")
    assert record["destination"] == "agent:support"
    assert record["legs"][0]["codec"] == "PCMU"
    assert peer.violations() == []
    assert KEY not in engine.manage("dumpdata", "callengine") + engine.dump()


async def test_an_agent_that_is_disabled_is_refused(engine: Engine) -> None:
    async with caller(engine, "carol") as phone:
        call = await phone.invite("asleep", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 480
        stored = await engine.rejection(code=480, user="carol")
        assert (stored["rule"], stored["advice"]) == (
            "destination-disabled",
            "asleep is disabled. Enable the voice agent.",
        )


async def test_an_agent_takes_the_calls_of_a_phone_that_is_not_registered(engine: Engine) -> None:
    async with caller(engine) as phone:
        record = await _talks_to_support(engine, phone, "away")
        assert record["destination"] == "agent:support"
        async with registered(engine, "away") as away:
            a = await phone.invite("away", phone.sdp(["PCMU"]))
            await (await away.wait_call()).reject(486)
            assert (await a.wait_final()).code == 486


async def test_an_agent_takes_the_calls_of_a_phone_that_says_it_is_busy(engine: Engine) -> None:
    async with registered(engine, "desk") as desk, caller(engine) as phone:
        for code in (486, 600):
            a = await phone.invite("desk", phone.sdp(["PCMU"]))
            await (await desk.wait_call()).reject(code)
            record = await _ends_at_support(engine, a)
            assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]
        for code in (480, 603):
            a = await phone.invite("desk", phone.sdp(["PCMU"]))
            await (await desk.wait_call()).reject(code)
            assert (await a.wait_final()).code == code


async def test_an_agent_for_all_calls_leaves_the_phone_in_peace(engine: Engine) -> None:
    async with registered(engine, "shared") as shared, caller(engine) as phone:
        await _talks_to_support(engine, phone, "shared")
        await nobody_was_rung(shared)


async def test_a_routes_last_resort_takes_what_the_carrier_does_not(engine: Engine) -> None:
    async with (
        Phone("gateway", host=CARRIER, port=CARRIER_PORT) as carrier,
        caller(engine, "carol") as phone,
    ):
        a = await phone.invite("+442079460018", phone.sdp(["PCMU"]))
        await (await carrier.wait_call()).reject(503)
        record = await _ends_at_support(engine, a)
    assert record["destination"] == "trunk:carrier"
    assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]


@pytest.mark.parametrize("name", ["refused", "busy", "never", "dead"])
async def test_a_call_goes_on_to_the_fallback_and_to_its_codec_list(
    engine: Engine, name: str
) -> None:
    """The agent's list was PCMA; the phone forces G722, so the caller is offered that anew."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        a = await phone.invite(name, phone.sdp(["PCMA", "G722"]))
        b = await bob.wait_call()
        await b.answer_in("G722")
        await a.answered()
        assert descriptions.names(a.answer_sdp) == ["PCMA"]
        await asyncio.wait_for(a.reoffers.get(), 20)
        await until(lambda: phone.received()[-1].startswith("ACK"), "no ACK to the re-INVITE")
        talk = Conversation(a, b, engine)
        if name == "refused":  # once is enough for what all have in common
            await talk.hears_both_ways(codec_a="G722", codec_b="G722", seconds=1.0)
        record = await talk.end()
    assert record["termination"]["reason"] == "caller-hung-up"
    assert [leg["codec"] for leg in record["legs"]] == ["G722", None, "G722"]
    assert (record["destination"], record["taken_by"]) == (f"agent:{name}", "connection:bob")


async def test_a_caller_whose_agent_is_lost_comes_to_its_fallback(engine: Engine) -> None:
    """Three more websockets are tried, after 1, 2 and 4 s; meanwhile the caller stays."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        with VoiceAgentPeer(key=KEY) as gone:
            url = gone.url(greet_hz=AGENT_HZ, greet_ms=20_000)
            leading = {"number": "gone", "to": "agent:gone"}
            lost = agent("gone", url, fallback="connection:bob")
            engine.provision({"agents": [lost], "numbers": [leading]})
            a = await phone.invite("gone", phone.sdp(["G722"]))
            await a.answered()
            await _hears(a, AGENT_HZ)
        b = await bob.wait_call(30)
        await b.ring()
        await _hears(a, RINGBACK_HZ)
        await b.answer_in("G722")
        talk = Conversation(a, b, engine)
        await talk.hears_both_ways(codec_a="G722", codec_b="G722", seconds=1.0)
        # Who took it has a call now, and may have no more.
        async with caller(engine) as another:
            refused = await another.invite("bob", another.sdp(["G722"]))
            assert (await refused.wait_final()).code == 486
        record = await talk.end()
    assert record["termination"]["reason"] == "caller-hung-up"
    assert (record["destination"], record["taken_by"]) == ("agent:gone", "connection:bob")
    (note,) = [one["text"] for one in engine.events(record["id"]) if one["kind"] == "fallback"]
    assert "The connection to the agent gone was lost and could not be made anew" in note


async def test_an_agent_may_fall_back_to_another(engine: Engine) -> None:
    async with caller(engine) as phone:
        record = await _talks_to_support(engine, phone, "1")
    assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]


async def test_an_agent_that_cannot_be_had_and_has_no_fallback_costs_503(engine: Engine) -> None:
    async with caller(engine) as phone:
        call = await phone.invite("alone", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 503
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "agent-unreachable"
    assert record["destination"] == "agent:alone"
