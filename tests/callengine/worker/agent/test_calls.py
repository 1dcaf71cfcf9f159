"""Calls to a voice agent in a real call process: RTP on one side, a strict server on the other."""

import asyncio
import os
import re
import signal
from typing import Any

import pytest

from agents.formats import Encoding
from callengine.core.control.agents import AgentFacts
from callengine.core.control.levels import LevelsMeasured, MeasureLevels
from callengine.core.lateness import STEADY_MS
from tests.callengine.worker.agent.rig import CALL, AgentCall, agent_call, support
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.peers.voiceagent.sounds import tone
from tests.peers.waiting import until

STALL_S = 0.6
TRIES = 5


def every_value() -> list[bytes]:
    """Return payloads that together hold all 256 values, none of which may change."""
    return [bytes((start + n) % 256 for n in range(160)) for start in range(0, 256, 16)]


def _holds(heard: list[bytes], payloads: list[bytes]) -> bool:
    """Tell whether these payloads were heard, one after the other."""
    starts = [place for place, payload in enumerate(heard) if payload == payloads[0]]
    return any(heard[start : start + len(payloads)] == payloads for start in starts)


@pytest.mark.parametrize(
    ("codec", "encoding"), [(("PCMU", 0), Encoding.PCMU), (("PCMA", 8), Encoding.PCMA)]
)
async def test_the_same_g711_on_both_sides_passes_byte_for_byte(
    agent: VoiceAgentPeer, codec: tuple[str, int], encoding: Encoding
) -> None:
    async with agent_call(codec) as call:
        await call.calls(support(agent.url(echo=1), encoding, secret="key"))
        await call.edge.hears("SIP/2.0 180")
        await call.is_answered()
        payloads = every_value()
        # What a busy machine holds up is caught up with, and then not every packet is heard.
        speech = asyncio.create_task(call.sends(codec[1], payloads * 40))
        await until(lambda: _holds(call.sounds(), payloads), "no echo", timeout_s=12)
        heard = [audio for _, audio in agent.heard()]
        speech.cancel()
        assert _holds(heard, payloads)
        assert {packet.payload_type for packet in call.rtp.packets} == {codec[1]}
        call.hangs_up()
        end = await call.ended()
        assert (end.by, end.reason) == ("caller", "caller-hung-up")
        facts = await call.hears(AgentFacts, lambda facts: facts.state == "ended")
        assert facts.how_in == facts.how_out == "bytes pass untouched"
        assert facts.close_code == 1000
        log = agent.log()[-1]
        assert log["violations"] == []
        assert log["is_ended"]


async def _is_up(
    call: AgentCall, url: str, encoding: Encoding = Encoding.PCMU, **more: Any
) -> None:
    await call.calls(support(url, encoding, secret="key", **more))
    await call.is_answered()


async def test_the_first_20_ms_of_a_greeting_are_heard(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await _is_up(call, agent.url(greet_hz=440, greet_ms=100))
        await until(lambda: len(call.sounds()) >= 5, "no greeting")
        assert call.sounds()[0] == tone("audio/pcmu", 440, 20)


async def test_a_stall_of_ours_leaves_no_lasting_delay_of_an_agent_that_streams(
    agent: VoiceAgentPeer,
) -> None:
    async with agent_call() as call:
        await _is_up(call, agent.url(tone=440, pauses_ms=400))
        for _ in range(TRIES):  # a busy machine has stalls of its own, and more of them
            await asyncio.sleep(STEADY_MS / 1000 * 1.5)
            os.kill(call.pid, signal.SIGSTOP)
            await asyncio.sleep(STALL_S)
            os.kill(call.pid, signal.SIGCONT)
            await asyncio.sleep(STEADY_MS / 1000 * 1.5)
            told = re.findall(r"(\d+) ms later than before a stall", "\n".join(call.notes()))
            if (late_ms := max(map(int, told), default=0)) > STALL_S * 1000 / 2:
                break
        assert late_ms > STALL_S * 1000 / 2, told
        peak_ms = max(facts.queue_ms for facts in call.told(AgentFacts))
        await until(lambda: 0 < call.facts.queue_ms < peak_ms - late_ms / 2, "it stays behind")
        call.hangs_up()
        await call.ended()
        assert "of silence in its audio were left out." in call.notes()[-1]


async def test_how_loud_both_are_is_told_while_somebody_looks(agent: VoiceAgentPeer) -> None:
    async with agent_call() as call:
        await _is_up(call, agent.url(tone=440), Encoding.PCM)
        await call.is_ready()
        speech = asyncio.create_task(call.sends(0, [tone("audio/pcmu", 300, 20)] * 2000))
        call.tell(MeasureLevels(CALL, 60))
        both = await call.hears(LevelsMeasured, lambda told: min(_levels(told)) > 0.5)
        assert max(_levels(both)) < 1
        speech.cancel()
        call.said.clear()
        quiet = await call.hears(LevelsMeasured, lambda told: _levels(told)[0] == 0)
        assert quiet.legs["B"] > 0.5


def _levels(told: LevelsMeasured) -> tuple[float, float]:
    return told.legs.get("A", 0.0), told.legs.get("B", 0.0)


async def test_what_the_caller_says_before_the_agent_is_ready_reaches_it(
    agent: VoiceAgentPeer,
) -> None:
    async with agent_call() as call:
        url = agent.url(ready_after_ms=1000)
        await _is_up(call, url, answers_at_once=True)
        payloads = [bytes([number]) * 160 for number in range(40)]
        await call.sends(0, payloads)
        await call.is_ready()
        await until(lambda: len(agent.heard()) >= 40, "nothing was kept")
        heard = [audio for _, audio in agent.heard()]
        assert _holds(heard, payloads[-20:])
        ringing = [packet.payload for packet in call.rtp.packets[:20]]
        assert all(len(set(payload)) > 1 for payload in ringing)  # as audio
        assert agent.log()[-1]["violations"] == []
