"""What agents do wrong, and how calls to them end: a real call process, a strict server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agents.formats import Encoding
from callengine.core.control.agents import AgentFacts, AgentLine
from callengine.core.control.calls import Idle
from callengine.core.reasons import Reason
from tests.callengine.worker.agent.rig import AgentCall, agent_call, support
from tests.peers.ports import free_port
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.peers.voiceagent.sounds import tone
from tests.peers.waiting import until

MAX_GROWTH_KB = 20_000


async def talking(call: AgentCall, url: str, **more: Any) -> None:
    await call.calls(support(url, secret="key", **more))
    await call.is_answered()
    await call.is_ready()


def rss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


# Never answered


@pytest.mark.parametrize(
    ("told", "reason", "words"),
    [
        ({"ready_after_ms": -1}, Reason.AGENT_NOT_READY, "was not ready within 1.5 s"),
        ({"error": "forbidden"}, Reason.AGENT_REFUSED, "forbidden: told to"),
        ({"http": 403}, Reason.AGENT_REFUSED, "HTTP 403: told to"),
        ({"close": 1011}, Reason.AGENT_UNREACHABLE, "1011"),
        ({"http": 503}, Reason.AGENT_BUSY, "HTTP 503"),
    ],
)
async def test_an_agent_that_cannot_be_had_is_503_with_its_own_reason(
    agent: VoiceAgentPeer, told: dict[str, int | str], reason: Reason, words: str
) -> None:
    async with agent_call() as call:
        await call.calls(support(agent.url(**told), secret="key", ready_timeout_s=1.5))
        await call.edge.hears("SIP/2.0 180")
        await call.edge.hears("SIP/2.0 503", 30)
        end = await call.ended()
        assert (end.by, end.reason, end.code) == ("callee", reason, 503)
        assert words in end.advice
        await call.hears(Idle)


async def test_a_wrong_key_is_said_to_be_one(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await call.calls(support(agent.url(), secret="another"))
        end = await call.ended()
        assert end.reason == Reason.AGENT_REFUSED
        assert "unauthorized: the key is wrong" in end.advice
        assert "wrong" not in repr(support(agent.url(), secret="wrong"))
        assert call.asked == 1


async def test_a_host_where_nobody_listens_is_unreachable() -> None:
    async with agent_call() as call:
        await call.calls(support(f"ws://127.0.0.1:{free_port()}/v1/ws"))
        end = await call.ended()
        assert end.reason == Reason.AGENT_UNREACHABLE
        assert "connection refused" in end.advice.lower()
        assert call.asked == 2


async def test_an_agent_that_is_busy_twice_answers_the_third_time(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        url = agent.url(error="at_capacity", times=2, ready_after_ms=1)
        await talking(call, url)
        assert call.asked == 3
        assert sum(note.startswith("The agent's connection failed") for note in call.notes()) == 2


# Lost


async def test_an_agent_whose_socket_breaks_resumes_its_session(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(drop_after_ms=400, tone=440))
        await call.hears(AgentFacts, lambda facts: facts.state == "reconnecting")
        await until(lambda: call.asked == 2, "it was not tried again")
        await until(lambda: call.facts.state == "ready", "it did not come back")
        log = agent.log()
        assert log[-1]["first"] == {
            "type": "session.resume",
            "session_id": log[-2]["session_id"],
        }
        call.rtp.forget()
        await until(lambda: len(call.sounds()) > 10, "nothing is heard of it")
        call.hangs_up()
        assert (await call.ended()).reason == Reason.CALLER_HUNG_UP
        assert log[-1]["violations"] == log[-2]["violations"] == []


async def test_one_that_refuses_to_resume_gets_a_new_session(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(drop_after_ms=300, drop_code=1011, resume="refuse"))
        await until(lambda: call.asked == 3, "no third socket", timeout_s=15)
        await until(lambda: call.facts.state == "ready", "it did not come back", timeout_s=15)
        assert agent.log()[-1]["first"]["type"] == "session.update"


async def test_an_expired_session_ends_the_call_by_its_own_reason(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(expire_after_ms=300))
        await call.edge.hears("BYE", 30)
        assert (await call.ended()).reason == Reason.AGENT_EXPIRED
        assert call.facts.state == "ended"


# The end


async def test_the_goodbye_is_heard_whole_before_bye(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await talking(call, agent.url())
        agent.do("say", hz=440, ms=1500)
        agent.do("tool", name="end_call")
        await call.edge.hears("BYE", 30)
        await call.rtp.catches_up()
        assert b"".join(call.sounds()) == tone("audio/pcmu", 440, 1500)
        assert (await call.ended()).reason == Reason.AGENT_ENDED
        assert agent.log()[-1]["violations"] == []


@pytest.mark.parametrize("sends_on", [0, 1])
async def test_bye_comes_within_two_seconds_of_the_agents_end(
    agent: VoiceAgentPeer, sends_on: int
) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(end_after_ms=300, sends_on=sends_on))
        ended = call.facts.moments["ready"] + 0.3
        await call.edge.hears("BYE", 30)
        end = await call.ended()
        assert end.reason == Reason.AGENT_ENDED
        assert call.facts.moments["ended"] - ended < 2


async def test_an_agent_that_does_not_say_goodbye_is_not_waited_for(
    agent: VoiceAgentPeer,
) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(answers_end=0))
        began = asyncio.get_running_loop().time()
        call.hangs_up()
        await call.ended()
        assert 1.5 < asyncio.get_running_loop().time() - began < 10
        await until(lambda: bool(agent.log()[-1]["close"]), "the socket stays open")
        log = agent.log()[-1]
        assert log["messages"]["session.end"] == 1
        assert log["violations"] == []


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"silence_timeout_s": 1.0}, Reason.AGENT_SILENT),
        ({"max_duration_s": 1.0}, Reason.AGENT_DURATION),
    ],
)
async def test_limits_of_our_own_end_the_call(
    agent: VoiceAgentPeer, limits: dict[str, float], reason: Reason
) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(), **limits)
        await call.edge.hears("BYE", 30)
        end = await call.ended()
        assert (end.by, end.reason) == ("engine", reason)


async def test_a_caller_from_whom_nothing_comes_any_more_is_gone(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await call.calls(support(agent.url(), secret="key"), media_timeout_s=2.0)
        await call.edge.hears("BYE", 30)
        assert (await call.ended()).reason == Reason.NO_MEDIA
        await until(lambda: bool(agent.log()[-1]["close"]), "the socket stays open")
        assert agent.log()[-1]["violations"] == []


# What must be borne


async def test_odd_messages_are_noted_and_change_nothing(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(odd=1))
        agent.do("say", hz=440, ms=200)
        await until(lambda: len(call.sounds()) >= 10, "it is heard no more")
        await until(lambda: len(_ignored(call)) >= 4, "it is not noted")
        agent.do("user", text="hello there")
        line = await call.hears(AgentLine, lambda line: line.is_final)
        assert (line.who, line.text) == ("caller", "hello there")


def _ignored(call: AgentCall) -> list[str]:
    return [note for note in call.notes() if note.startswith("Ignored of what the agent sent")]


async def test_two_minutes_of_audio_in_a_moment_cost_less_than_20_mb(
    agent: VoiceAgentPeer,
) -> None:
    async with agent_call() as call:
        await call.calls(support(agent.url(), Encoding.PCM, secret="key"))
        await call.is_answered()
        await call.is_ready()
        rest_kb = rss_kb(call.pid)
        agent.do("say", hz=440, ms=120_000, chunk=200_000)
        await until(lambda: call.facts.queue_ms > 100_000, "it is not queued", timeout_s=20)
        assert rss_kb(call.pid) - rest_kb < MAX_GROWTH_KB
        agent.do("interrupt")
        await until(lambda: call.facts.queue_ms == 0, "it is not thrown away", timeout_s=20)


async def test_formats_that_differ_are_told(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(ready_input="audio/pcm"))
        await until(lambda: any("input.format" in note for note in call.notes()), "not told")


async def _is_quiet(call: AgentCall) -> None:
    """Wait until nothing has come for a while."""
    async with asyncio.timeout(30):
        while call.rtp.packets:
            call.rtp.forget()
            await asyncio.sleep(0.3)


async def test_on_hold_nothing_is_sent_and_the_agent_hears_silence(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await talking(call, agent.url(tone=440))
        await until(lambda: len(call.sounds()) > 5, "no tone")
        await call.describes("sendonly")
        await _is_quiet(call)
        already = len(agent.heard())
        await call.sends(0, [bytes(range(160))] * 40)
        await until(lambda: len(agent.heard()) >= already + 40, "the agent is sent nothing")
        await call.rtp.catches_up()
        assert call.rtp.packets == []
        heard = [audio for _, audio in agent.heard()[already:]]
        assert set(b"".join(heard)) == {0xFF}
        await call.describes("sendrecv")
        await until(lambda: len(call.sounds()) > 5, "no tone after the hold")
        assert agent.log()[-1]["violations"] == []


async def test_a_fault_of_ours_ends_the_call_and_leaves_the_process_free(
    agent: VoiceAgentPeer,
) -> None:
    async with agent_call(plugs=["conversation.frame"]) as call:
        await call.calls(support(agent.url(), secret="key"))
        await call.edge.hears("BYE", 30)
        assert (await call.ended()).reason == Reason.LEG_FAILED
        await call.hears(Idle)
        await until(lambda: bool(agent.log()[-1]["close"]), "the socket stays open")
