"""The codec lab calls a voice agent: one built-in phone, a real session, and it hears the tone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.callengine.engine.visitor import Visitor, ended
from tests.callengine.lab.test_lab import ADMIN, eventually, phones
from tests.peers.engine import Engine
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.peers.voiceagent.sounds import pitch
from tests.wire.directory import configuration, connection

KEY = "the-key-of-the-agent"
ROW = """
from agents.models import VoiceAgent
VoiceAgent.objects.create(
    name="tester", dialect="assemblyai", url="{url}", secret="{key}", system_prompt="Be kind.",
    input_encoding="audio/pcmu", output_encoding="audio/pcmu", codecs=["PCMU", "G722"],
)
"""
CASE = {"source": "free", "destination": "agent", "destination_name": "tester", "a": "G722,PCMU"}


@pytest.fixture(scope="module")
def peer() -> Iterator[VoiceAgentPeer]:
    with VoiceAgentPeer(key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def engine(peer: VoiceAgentPeer) -> Iterator[Engine]:
    with Engine(configuration(connection("alice"))) as running:
        running.shell(ADMIN + ROW.format(url=peer.url(), key=KEY))
        yield running


def test_a_built_in_phone_talks_to_an_agent(engine: Engine, peer: VoiceAgentPeer) -> None:
    visitor = Visitor(engine)
    query = "&".join(f"{name}={value}" for name, value in CASE.items())
    page = visitor.get(f"/lab/?{query}")
    assert "voice agent, tester" in page
    assert "list of tester" in page
    assert "PCMU on the caller&#x27;s leg" in page
    led_to = visitor.post("/lab/call/", {**CASE, "talk_s": "3"})
    call = led_to.rstrip("/").rpartition("/")[2]
    assert "/calls/" in led_to, led_to
    record: dict[str, Any] = ended(engine, call, within_s=30)
    assert record["destination"] == "lab:agent:tester"
    assert record["legs"][0]["codec"] == "PCMU"
    assert record["termination"]["reason"] == "lab-call-over"
    assert "As predicted" in visitor.get(f"/lab/calls/{call}/")
    audio = b"".join(part for _, part in peer.heard())
    hz, _ = pitch("audio/pcmu", audio[-8000:])
    assert hz == pytest.approx(440, abs=5)
    assert peer.violations() == []
    eventually(lambda: not phones(engine))


def test_an_agent_that_is_not_there_is_an_error_of_its_field(engine: Engine) -> None:
    page = Visitor(engine).get("/lab/?source=free&destination=agent&destination_name=nobody")
    assert "No voice agent is named &#x27;nobody&#x27;." in page
