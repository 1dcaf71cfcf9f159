"""Voice agents that hand their caller on, and one behind TLS: whole calls through the engine."""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from callengine.engine.moves.transfers import REST_S
from tests.peers.certificates import Certificate
from tests.peers.dialogs import OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import LOOPBACK
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, registered
from tests.wire.directory import Entry, configuration, connection
from tests.wire.operator import Operator

KEY = "a key that is in no log"
AGENT_HZ, RINGBACK_HZ = 700, 425
SECCOMP_FILTER = "2"
CERTIFICATE = Certificate(Path(tempfile.mkdtemp(prefix="voipnumber-tls-")), "localhost")
ENVIRONMENT = {"SSL_CERT_FILE": str(CERTIFICATE.authority)}
CONFIGURATION = configuration(
    connection("bob", inbound=["PCMU"]), connection("carol", inbound=["PCMA"]), connection("away")
)


def agent(name: str, url: str) -> Entry:
    formats = {"encoding": "audio/pcmu"}
    return {
        "name": name,
        "dialect": "assemblyai",
        "url": url,
        "secret": KEY,
        "system_prompt": "Be friendly.",
        "input": formats,
        "output": formats,
        "codecs": ["PCMU", "PCMA"],
    }


@pytest.fixture(scope="module")
def support(engine: Engine) -> Iterator[VoiceAgentPeer]:
    """Run the strict agent; calls to `support` go there."""
    with VoiceAgentPeer(KEY) as peer:
        engine.provision(
            {
                **CONFIGURATION,
                "agents": [agent("support", peer.url())],
                "numbers": [{"number": "+12025550177", "to": "agent:support"}],
            }
        )
        yield peer


@asynccontextmanager
async def talking(
    engine: Engine, peer: VoiceAgentPeer
) -> AsyncIterator[tuple[Phone, OutgoingCall]]:
    """Call the agent and be answered."""
    before = len(peer.log())
    async with caller(engine) as phone:
        call = await phone.invite("+12025550177", phone.sdp(["PCMU", "PCMA"]))
        await call.answered()
        assert len(peer.log()) == before + 1
        yield phone, call
        if not call.ended.is_set():
            await call.hang_up()


async def _hears_the_agent(phone: Phone, peer: VoiceAgentPeer) -> None:
    phone.rtp.forget()
    await asyncio.to_thread(peer.do, "say", hz=AGENT_HZ, ms=1000)
    heard = 40
    await until(lambda: _sounding(phone) >= heard, "no agent")
    assert phone.rtp.heard({0: "PCMU"}, skip_s=0.3).near(AGENT_HZ)


async def _hears_ringing(phone: Phone) -> None:
    phone.rtp.forget()
    await until(lambda: _sounding(phone) >= 40, "no ringing")
    assert phone.rtp.heard({0: "PCMU"}, skip_s=0).near(RINGBACK_HZ)


def _sounding(phone: Phone) -> int:
    return sum(len(set(packet.payload)) > 1 for packet in phone.rtp.packets)


async def test_an_agent_hands_its_caller_to_a_person(
    engine: Engine, support: VoiceAgentPeer
) -> None:
    async with registered(engine, "carol") as carol, talking(engine, support) as (phone, call):
        await _hears_the_agent(phone, support)
        support.do("tool", name="transfer_call", arguments='{"target": "carol"}')
        target = await carol.wait_call()
        await target.ring()
        await _hears_ringing(phone)  # where the agent says nothing
        await _hears_the_agent(phone, support)
        await target.answer_in("PCMA")
        await until(lambda: support.log()[-1]["is_ended"], "the agent was told nothing")
        after = Conversation(call, target, engine)
        await after.hears_both_ways(codec_a="PCMU", codec_b="PCMA")
        record = await after.end()
    assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]
    assert record["termination"]["reason"] == "caller-hung-up"
    assert support.log()[-1]["violations"] == []


async def test_a_page_transfers_an_agents_caller_who_hears_it_ring(
    engine: Engine, support: VoiceAgentPeer
) -> None:
    """One that fails leaves the caller with the agent, whom nobody has told of it."""
    operator = await asyncio.to_thread(Operator, engine)
    async with (
        registered(engine, "bob") as bob,
        registered(engine, "carol") as carol,
        talking(engine, support) as (phone, call),
    ):
        path = await operator.transfer("bob")
        await (await bob.wait_call()).reject(486)
        await operator.reads(path, "transfer failed", "Rule: callee-busy")
        await _hears_the_agent(phone, support)
        assert support.log()[-1]["results"] == []
        await asyncio.sleep(REST_S)
        await operator.transfer("carol", path)
        target = await carol.wait_call()
        await target.ring()
        await _hears_ringing(phone)
        await target.answer_in("PCMA")
        await until(lambda: support.log()[-1]["is_ended"], "the agent was told nothing")
        after = Conversation(call, target, engine)
        await after.hears_both_ways(codec_a="PCMU", codec_b="PCMA")
        record = await after.end()
    assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2", "B3"]
    assert support.log()[-1]["violations"] == []


@pytest.mark.parametrize(("target", "code"), [("away", 480), ("bob", 486)])
async def test_after_a_failed_transfer_the_agent_has_its_caller_back_with_the_sip_code(
    engine: Engine, support: VoiceAgentPeer, target: str, code: int
) -> None:
    async with registered(engine, "bob") as bob, talking(engine, support) as (phone, _):
        support.do("tool", name="transfer_call", arguments=f'{{"target": "{target}"}}')
        if code == 486:
            await (await bob.wait_call()).reject(486)
        await until(lambda: bool(support.log()[-1]["results"]), "no tool.result")
        (result,) = support.log()[-1]["results"]
        assert result["is_error"] is True
        assert str(code) in result["result"]
        await _hears_the_agent(phone, support)
    assert support.log()[-1]["violations"] == []


# TLS


@asynccontextmanager
async def behind_tls(port: int) -> AsyncIterator[int]:
    """Take TLS connections, and hand on what is inside to a port."""

    writers: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = await asyncio.open_connection(LOOPBACK, port)
        writers.extend((writer, inside[1]))
        ways = (carry(reader, inside[1]), carry(inside[0], writer))
        await asyncio.gather(*ways, return_exceptions=True)

    context: ssl.SSLContext = CERTIFICATE.context()
    async with await asyncio.start_server(take, LOOPBACK, 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
        for writer in writers:
            with suppress(AttributeError):  # of one whose TLS is over, in some versions of Python
                writer.transport.abort()
        await asyncio.sleep(0)  # in which their sockets are closed


def _confined(engine: Engine) -> list[int]:
    """Return the engine's processes whose system calls are filtered."""
    states = {pid: Path(f"/proc/{pid}/status").read_text() for pid in engine.children()}
    return [pid for pid, state in states.items() if f"Seccomp:\t{SECCOMP_FILTER}" in state]


async def test_a_confined_call_process_speaks_tls(engine: Engine, support: VoiceAgentPeer) -> None:
    async with behind_tls(support.port) as port:
        engine.provision(
            {
                "agents": [agent("secure", f"wss://localhost:{port}/v1/ws")],
                "numbers": [{"number": "+12025550178", "to": "agent:secure"}],
            }
        )
        async with caller(engine) as phone:
            call = await phone.invite("+12025550178", phone.sdp(["PCMU"]))
            await call.answered()
            assert _confined(engine)
            await _hears_the_agent(phone, support)
            support.do("tool", name="end_call")
            await asyncio.wait_for(call.ended.wait(), 15)
            record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "agent-ended"
    assert KEY not in engine.dump()
