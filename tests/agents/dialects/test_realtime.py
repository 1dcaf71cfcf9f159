"""The OpenAI dialect against a server that judges by OpenAI's own models."""

from collections.abc import Iterator
from typing import Any

import pytest

from agents.dialects.interface import Failed, Failure, Flush, HangUp, Session, Tool, TransferTo
from agents.dialects.openai import TRANSCRIBED_BY
from agents.formats import AudioFormat, Encoding
from tests.agents.dialects.client import Client
from tests.peers.programs import OTHERS_PYTHON, Program

KEY = "key-of-the-test"
TOOL = {
    "type": "function",
    "name": "end_call",
    "description": "End the call",
    "parameters": {"type": "object", "properties": {}},
}
SETTINGS: dict[str, Any] = {
    "system_prompt": "Be brief.",
    "greeting": "Hello",
    "voice": "marin",
    "tools": (TOOL,),
    "turn_detection": {"type": "server_vad", "interrupt_response": True},
    "parameters": {"customer": "42"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[Program]:
    with Program("tests.peers.realtime", "--key", KEY, python=OTHERS_PYTHON) as program:
        yield program


@pytest.fixture(autouse=True)
def without_violations(server: Program) -> Iterator[None]:
    """Their models find nothing wrong in what we send, whatever happens."""
    yield
    assert [text for note in server.log() for text in note["violations"]] == []


def client(server: Program, encoding: Encoding = Encoding.PCMU, **settings: Any) -> Client:
    url = server.url("/v1/realtime", model="gpt-realtime")
    both = AudioFormat(encoding)
    return Client("openai", Session(url=url, secret=KEY, input=both, output=both, **settings))


@pytest.mark.parametrize("encoding", Encoding)
async def test_audio_comes_back_byte_for_byte(server: Program, encoding: Encoding) -> None:
    size = AudioFormat(encoding).frame_bytes
    async with client(server, encoding, **SETTINGS) as caller:
        await caller.ready()
        await caller.talk(0.4, lambda number: bytes([number, number + 100]) * (size // 2))
        await caller.until(lambda: len(caller.arrived) == 20 * size)
        assert caller.arrived[:2] == b"\x00\x64"
        assert caller.arrived[-2:] == b"\x13\x77"
        caller.end()
        assert await caller.closed() == 1000
        assert not caller.odd


async def test_their_models_know_all_that_is_sent(server: Program) -> None:
    async with client(server, Encoding.PCM, transcribes=True, **SETTINGS) as caller:
        ready = await caller.ready()
        await caller.until(lambda: "response.create" in server.log()[-1]["events"])
        session = server.log()[-1]["session"]
        assert session["audio"]["input"]["transcription"] == {"model": TRANSCRIBED_BY}
        caller.change({"system_prompt": "Be long.", "turn_detection": {"type": "semantic_vad"}})
        await caller.until(lambda: server.log()[-1]["events"].count("session.update") == 3)
        caller.end()
        await caller.closed()
    assert ready.session_id.startswith("session-")
    assert ready.differences == ()
    assert session["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "marin",
    }
    assert session["instructions"].startswith("Be brief.")
    assert session["instructions"].endswith('- "customer": "42"')


async def test_barge_in_cuts_at_what_was_heard(server: Program) -> None:
    async with client(server) as caller:
        await caller.ready()
        server.ask("/do/say", hz=440, ms=5000)
        await caller.until(lambda: len(caller.played) >= 2000)
        server.ask("/do/speech")
        await caller.until(lambda: caller.of(Flush))
        await caller.until(lambda: server.log()[-1]["truncated"])
        ((_, heard_ms),) = server.log()[-1]["truncated"]
        assert heard_ms == len(caller.played) // 8
        assert 250 <= heard_ms < 5000
        caller.end()
        await caller.closed()


async def test_nothing_is_cut_where_all_was_heard(server: Program) -> None:
    async with client(server) as caller:
        await caller.ready()
        server.ask("/do/say", hz=440, ms=100)
        await caller.until(lambda: len(caller.played) == 800)
        server.ask("/do/speech")
        await caller.until(lambda: caller.of(Flush))
        caller.end()
        await caller.closed()
    assert server.log()[-1]["truncated"] == []


async def test_end_call_ends_the_call(server: Program) -> None:
    async with client(server, tools=(TOOL,)) as caller:
        await caller.ready()
        server.ask("/do/tool", name="end_call")
        await caller.until(lambda: caller.of(HangUp))
        await caller.until(lambda: server.log()[-1]["outputs"])
        caller.end()
        await caller.closed()
    assert "response.create" not in server.log()[-1]["events"]


async def test_a_failed_transfer_comes_back_with_its_code(server: Program) -> None:
    async with client(server) as caller:
        await caller.ready()
        server.ask("/do/tool", name="transfer_call", arguments='{"target": "alice"}')
        await caller.until(lambda: caller.of(TransferTo))
        caller.refuse_transfer(caller.of(TransferTo)[0].key, 480, "nobody answers")
        await caller.until(lambda: "response.create" in server.log()[-1]["events"])
        caller.end()
        await caller.closed()
    (output,) = server.log()[-1]["outputs"]
    assert '"sip_code": 480' in output["output"]
    assert caller.of(Tool) == [Tool("transfer_call", "to alice")]


async def test_an_hour_is_the_end(server: Program) -> None:
    async with client(server) as caller:
        await caller.ready()
        server.ask("/do/expire")
        await caller.closed()
    (failed,) = caller.of(Failed)
    assert (failed.kind, failed.is_retryable) == (Failure.EXPIRED, False)


async def test_a_close_with_1011_is_a_loss(server: Program) -> None:
    async with client(server) as caller:
        await caller.ready()
        server.ask("/do/close", code=1011)
        assert await caller.closed() == 1011
    (failed,) = caller.of(Failed)
    assert (failed.kind, failed.keeps_session) == (Failure.LOST, False)
