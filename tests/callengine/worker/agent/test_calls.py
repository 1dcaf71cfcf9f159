"""Calls to a voice agent in a real call process: RTP on one side, a strict server on the other."""

import asyncio
from collections.abc import Iterator

import pytest

from agents.formats import Encoding
from callengine.core.control import AgentFacts
from tests.callengine.worker.agent.rig import agent_call, support
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.peers.waiting import until


@pytest.fixture(scope="module")
def agent() -> Iterator[VoiceAgentPeer]:
    with VoiceAgentPeer("key") as running:
        yield running


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
