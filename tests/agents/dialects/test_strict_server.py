"""The AssemblyAI dialect against a strict server that is a process of its own."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from agents.dialects.interface import (
    Close,
    Failed,
    Failure,
    Flush,
    HangUp,
    KeepCall,
    Line,
    Ready,
    ReplyDone,
    Session,
    SessionOver,
    Tool,
    TransferTo,
)
from agents.formats import AudioFormat, Encoding
from tests.agents.dialects.client import Client
from tests.peers.voiceagent import sounds
from tests.peers.voiceagent.driving import VoiceAgentPeer

KEY = "key-of-the-test"


@pytest.fixture(scope="module")
def server() -> Iterator[VoiceAgentPeer]:
    with VoiceAgentPeer(KEY) as peer:
        yield peer


@pytest.fixture(autouse=True)
def without_violations(server: VoiceAgentPeer) -> Iterator[None]:
    """Whatever happens, we keep to the protocol."""
    before = len(server.violations())
    yield
    assert server.violations()[before:] == []


def client(url: str, encoding: Encoding = Encoding.PCMU, **settings: Any) -> Client:
    both = AudioFormat(encoding)
    values: dict[str, Any] = {"secret": KEY, "system_prompt": "Be brief.", "voice": "ivy"}
    return Client("assemblyai", Session(url=url, input=both, output=both, **values | settings))


async def over(caller: Client) -> None:
    """End the call in good order."""
    caller.end()
    await caller.closed()


@pytest.mark.parametrize("encoding", Encoding)
async def test_audio_comes_back_byte_for_byte(server: VoiceAgentPeer, encoding: Encoding) -> None:
    frames = [sounds.tone(encoding, 1000, 20, 20 * number) for number in range(25)]
    async with client(server.url(echo=1), encoding) as caller:
        await caller.ready()
        await caller.talk(0.5, frames.__getitem__)
        await caller.until(lambda: len(caller.arrived) == len(b"".join(frames)))
        assert bytes(caller.arrived) == b"".join(frames)
        await over(caller)
    assert [audio for _, audio in server.heard()] == frames


async def test_all_settings_are_taken(server: VoiceAgentPeer) -> None:
    tool = {"type": "function", "name": "end_call", "description": "d", "parameters": {}}
    settings: dict[str, Any] = {
        "greeting": "Hello",
        "keyterms": ("VoIP",),
        "turn_detection": {"vad_threshold": 0.5},
        "tools": (tool,),
        "volume": 80,
        "parameters": {"customer": "42"},
    }
    async with client(server.url(), **settings) as caller:
        ready = await caller.ready()
        await caller.until(lambda: server.log()[-1]["messages"].get("session.update") == 2)
        await over(caller)
    session = server.log()[-1]["first"]["session"]
    assert session["tools"] == [tool]
    assert session["system_prompt"].endswith('- "customer": "42"')
    assert ready.session_id == server.log()[-1]["session_id"]
    assert ready.differences == ()


async def test_a_stored_agent_is_named_and_nothing_else(server: VoiceAgentPeer) -> None:
    settings = {"agent_id": "agent-1", "greeting": "Hello", "volume": None}
    async with client(server.url(), Encoding.PCM, **settings) as caller:
        await caller.ready()
        await over(caller)
    assert server.log()[-1]["first"]["session"] == {"agent_id": "agent-1"}


async def test_a_stored_agent_with_other_formats_is_told_of(server: VoiceAgentPeer) -> None:
    async with client(server.url(), agent_id="agent-1") as caller:
        ready = await caller.ready()
        await over(caller)
    assert [text.split(",")[0] for text in ready.differences] == [
        "The agent has input.format.encoding audio/pcm",
        "The agent has output.format.encoding audio/pcm",
    ]


@pytest.mark.parametrize("chunk", [1, 300, 0])
async def test_chunks_of_any_size_are_the_same_audio(server: VoiceAgentPeer, chunk: int) -> None:
    async with client(server.url(greet_hz=440, greet_ms=100, chunk=chunk)) as caller:
        await caller.until(lambda: caller.of(ReplyDone))
        assert bytes(caller.arrived) == sounds.tone(Encoding.PCMU, 440, 100)
        await over(caller)


async def test_barge_in_flushes_what_was_sent_long_ago(server: VoiceAgentPeer) -> None:
    async with client(server.url(greet_hz=440, greet_ms=5000)) as caller:
        await caller.until(lambda: caller.of(ReplyDone) and caller.played)
        server.do("interrupt")
        await caller.until(lambda: caller.of(Flush))
        heard = len(caller.played)
        assert heard < len(caller.arrived) == 40_000
        await caller.talk(0.1, lambda _: b"\xff" * 160)
        assert len(caller.played) == heard
        await over(caller)


async def test_what_must_be_ignored_is_counted(server: VoiceAgentPeer) -> None:
    async with client(server.url(odd=1, greet_hz=440)) as caller:
        await caller.until(lambda: len(caller.of(ReplyDone)) == 2)
        assert caller.odd == {
            "binary message": 1,
            "message that is not JSON": 1,
            "message that is not a JSON object": 1,
            "message without type": 1,
            "message of unknown type never.heard.of": 1,
            "audio that is not base64": 1,
            "audio message without audio": 1,
        }
        assert bytes(caller.arrived) == sounds.tone(Encoding.PCMU, 440, 500)
        await over(caller)


REFUSALS = [
    ("error=unauthorized", Failure.REFUSED, "unauthorized", False),
    ("error=FORBIDDEN", Failure.REFUSED, "forbidden", False),
    ("error=agent_init_failed&error_type=error", Failure.REFUSED, "agent_init_failed", False),
    ("error=at_capacity", Failure.BUSY, "at_capacity", True),
    ("error=concurrency_exceeded", Failure.BUSY, "concurrency_exceeded", True),
    ("error=agent_timeout", Failure.LATE, "agent_timeout", False),
    ("close=1011", Failure.LOST, "closed 1011", True),
    ("close=1008", Failure.REFUSED, "closed 1008", False),
    ("close=1013", Failure.BUSY, "closed 1013", True),
]


@pytest.mark.parametrize(("told", "kind", "code", "is_retryable"), REFUSALS)
async def test_refusals_before_ready(
    server: VoiceAgentPeer, told: str, kind: Failure, code: str, is_retryable: bool
) -> None:
    async with client(f"{server.url()}?{told}") as caller:
        await caller.closed()
    (failed,) = caller.of(Failed)
    assert (failed.kind, failed.code, failed.is_retryable) == (kind, code, is_retryable)
    assert not caller.of(Ready)


async def test_busy_twice_then_ready(server: VoiceAgentPeer) -> None:
    url = server.url(error="at_capacity", times=2, greet_ms=1)
    for _ in range(2):
        async with client(url) as caller:
            await caller.closed()
        assert [failed.is_retryable for failed in caller.of(Failed)] == [True]
    async with client(url) as caller:
        await caller.ready()
        await over(caller)


@pytest.mark.parametrize("code", [0, 1000, 1011])
async def test_a_lost_websocket_is_resumed(server: VoiceAgentPeer, code: int) -> None:
    url = server.url(drop_after_ms=20, drop_code=code)
    async with client(url) as caller:
        await caller.closed()
    session_id = caller.of(Ready)[0].session_id
    (failed,) = caller.of(Failed)
    assert (failed.kind, failed.is_retryable, failed.keeps_session) == (Failure.LOST, True, True)
    async with client(url, resume=session_id) as caller:
        assert (await caller.ready()).session_id == session_id
        await over(caller)
    assert server.log()[-1]["first"] == {"type": "session.resume", "session_id": session_id}


@pytest.mark.parametrize("said", ["refuse", "silent"])
async def test_who_may_not_resume_begins_anew(server: VoiceAgentPeer, said: str) -> None:
    async with client(server.url(resume=said), resume="session-x") as caller:
        await caller.closed()
    (failed,) = caller.of(Failed)
    assert (failed.is_retryable, failed.keeps_session) == (True, False)


async def test_an_expired_session_is_not_tried_again(server: VoiceAgentPeer) -> None:
    async with client(server.url(expire_after_ms=20)) as caller:
        await caller.closed()
    (failed,) = caller.of(Failed)
    assert (failed.kind, failed.is_retryable) == (Failure.EXPIRED, False)


async def test_the_agent_ends_the_session(server: VoiceAgentPeer) -> None:
    async with client(server.url(end_after_ms=20, sends_on=1)) as caller:
        await caller.closed()
    assert len(caller.of(SessionOver)) == 1
    assert not caller.of(Failed)
    assert not caller.arrived


async def test_an_end_that_is_not_answered_is_waited_for_two_seconds(
    server: VoiceAgentPeer,
) -> None:
    async with client(server.url(answers_end=0, sends_on=1)) as caller:
        await caller.ready()
        began = asyncio.get_running_loop().time()
        await over(caller)
        assert 1.9 < asyncio.get_running_loop().time() - began < 15
    assert caller.of(Close)
    assert not caller.arrived


async def test_the_goodbye_of_end_call_is_waited_for(server: VoiceAgentPeer) -> None:
    async with client(server.url()) as caller:
        await caller.ready()
        server.do("tool", name="end_call", done=0)
        server.do("tool", name="end_call", done=0)
        await caller.until(lambda: caller.of(Tool))
        assert not caller.of(HangUp)
        server.do("say", hz=440, ms=200)
        await caller.until(lambda: caller.of(HangUp))
        assert len(caller.arrived) == 1600
        await caller.until(lambda: len(server.log()[-1]["results"]) == 2)
        await over(caller)
    assert caller.of(HangUp) == [HangUp("The agent called end_call")]


async def test_an_interrupted_goodbye_keeps_the_call(server: VoiceAgentPeer) -> None:
    async with client(server.url()) as caller:
        await caller.ready()
        server.do("tool", name="end_call")
        await caller.until(lambda: caller.of(HangUp))
        server.do("interrupt")
        await caller.until(lambda: caller.of(Flush))
        kinds = [type(effect) for effect in caller.effects]
        assert kinds.index(KeepCall) < kinds.index(Flush)
        await over(caller)


async def test_tools_are_answered_at_the_end_of_the_reply(server: VoiceAgentPeer) -> None:
    async with client(server.url(theirs="lookup")) as caller:
        await caller.ready()
        server.do("tool", name="order_pizza", done=0)
        server.do("tool", name="lookup", done=0)
        await caller.until(lambda: len(caller.of(Tool)) == 2)
        server.do("done")
        await caller.until(lambda: server.log()[-1]["results"])
        await over(caller)
    (result,) = server.log()[-1]["results"]
    assert result["is_error"] is True
    assert "order_pizza is not known here" in result["result"]


async def test_an_interrupted_reply_is_owed_no_answers(server: VoiceAgentPeer) -> None:
    async with client(server.url()) as caller:
        await caller.ready()
        server.do("tool", name="order_pizza", done=0)
        server.do("interrupt")
        server.do("say", hz=440, ms=20)
        await caller.until(lambda: caller.of(ReplyDone))
        await over(caller)
    assert server.log()[-1]["results"] == []


async def test_a_failed_transfer_comes_back_with_its_code(server: VoiceAgentPeer) -> None:
    async with client(server.url()) as caller:
        await caller.ready()
        server.do("tool", name="transfer_call", arguments='{"target": "+12025550100"}')
        await caller.until(lambda: caller.of(TransferTo) and caller.of(ReplyDone))
        (transfer,) = caller.of(TransferTo)
        assert transfer.target == "+12025550100"
        caller.refuse_transfer(transfer.key, 486, "busy")
        await caller.until(lambda: server.log()[-1]["results"])
        await over(caller)
    (result,) = server.log()[-1]["results"]
    assert '"sip_code": 486' in result["result"]


async def test_what_was_said_becomes_lines(server: VoiceAgentPeer) -> None:
    async with client(server.url()) as caller:
        await caller.ready()
        server.do("user", text="Hello there")
        server.do("agent", text="Good day")
        await caller.until(lambda: len(caller.of(Line)) == 3)
        await over(caller)
    first, whole, answer = caller.of(Line)
    assert (first.who, first.text, first.is_final) == ("caller", "Hel", False)
    assert whole == Line(first.key, "caller", "Hello there", is_final=True)
    assert answer == Line(answer.key, "agent", "Good day", is_final=True)
    assert answer.key != first.key


async def test_settings_change_while_it_lasts(server: VoiceAgentPeer) -> None:
    async with client(server.url()) as caller:
        await caller.ready()
        caller.change({"system_prompt": "Be long.", "volume": 10, "keyterms": ("a",)})
        await caller.until(lambda: server.log()[-1]["updates"])
        await over(caller)
    assert server.log()[-1]["updates"] == [
        {"system_prompt": "Be long.", "output": {"volume": 10}, "input": {"keyterms": ["a"]}}
    ]
