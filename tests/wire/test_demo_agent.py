"""The demo's seventh call: a phone to the built-in voice agent."""

import argparse
import asyncio
import json
import re
from pathlib import Path

import yaml

from agents.builtin.server import BuiltinAgent
from demo import configuration, phones
from demo.examples import AGENT_CALL
from tests.peers.engine import Engine

GATEWAY = "127.0.0.1:9"
"""Nobody is there: no example is played."""
GREETING = "Hi."
TALK_S = 4.5
"""For the short greeting, and the answer to a beep after it."""
READ = """
import json
from callengine.models import AgentSession
for session in AgentSession.objects.all():
    lines = session.call.agent_lines.order_by("number")
    print(json.dumps({
        "name": session.name,
        "how": [session.how_in, session.how_out],
        "moments": sorted(session.moments, key=session.moments.get),
        "lines": [[line.who, line.text] for line in lines],
    }))
"""


def hz_in(text: str) -> int:
    """Return the number of "(a tone of 523 Hz)"."""
    return int(re.sub(r"\D", "", text))


async def test_the_demo_calls_the_built_in_agent_and_both_are_heard(tmp_path: Path) -> None:
    file = tmp_path / "demo.yaml"
    async with BuiltinAgent() as agent:
        configuration.write(file, GATEWAY, agent.url)
        directory = yaml.safe_load(file.read_text())
        directory["agents"][0]["greeting"] = GREETING
        engine = Engine(directory)
        try:
            await asyncio.to_thread(engine.__enter__)
            server = f"127.0.0.1:{engine.port}"
            password = configuration.passwords(file)[AGENT_CALL.caller]
            arguments = argparse.Namespace(sip=server, gateway=GATEWAY)
            phone = await phones.start(AGENT_CALL.caller, password, arguments)
            try:
                called = {AGENT_CALL.caller: phone}
                seen = await phones.play_agent(AGENT_CALL, called, server, TALK_S)
            finally:
                await phone.stop()
            assert seen == AGENT_CALL.expected
            (call,) = await asyncio.to_thread(engine.calls)
            assert call["destination"] == "agent:demo-agent"
            read = await asyncio.to_thread(engine.shell, READ)
        except BaseException as error:
            error.add_note(engine.dump())
            raise
        finally:
            await asyncio.to_thread(engine.stop)
    session = json.loads(read)
    assert session["how"] == ["bytes pass untouched", "resampled 24 → 8 kHz"]
    assert {"asked", "connected", "ready", "first_agent_audio"} <= set(session["moments"])
    assert session["lines"][0] == ["agent", GREETING]
    hz = phones.TONES_HZ[AGENT_CALL.caller]
    (asker, asked), (answerer, answered) = session["lines"][1:3]
    assert (asker, answerer) == ("caller", "agent")
    assert abs(hz_in(asked) - hz) <= 2
    assert abs(hz_in(answered) - hz * 3 / 2) <= 3
