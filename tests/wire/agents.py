"""Voice agents for wire tests: a strict server, and the engine that calls it.

A module has the servers by importing the fixtures `peer` and `carrier`.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.peers.dialogs import OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.programs import OTHERS_PYTHON, Program
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.wire.directory import Entry, configuration

KEY = "a-key-of-the-tests"
FORMATS = ("audio/pcm", "audio/pcmu", "audio/pcma")
WAIT_S = 30.0


@pytest.fixture(scope="module")
def peer() -> Iterator[VoiceAgentPeer]:
    with VoiceAgentPeer(KEY) as running:
        yield running


@pytest.fixture(scope="module")
def carrier() -> Iterator[Program]:
    """Run an agent that takes keys: pipecat, by Twilio's dialect."""
    with Program("tests.peers.pipecat", python=OTHERS_PYTHON) as running:
        yield running


def agent(name: str, url: str, heard: str, said: str, **more: Any) -> Entry:
    """Return an agent of AssemblyAI's dialect; its prompt is its name, by which it is found."""
    return {
        "name": name, "dialect": "assemblyai", "url": url, "secret": KEY, "system_prompt": name,
        "input": {"encoding": heard}, "output": {"encoding": said}, **more,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """A running engine, and the number of each of its agents."""

    engine: Engine
    numbers: Mapping[str, str]


@contextmanager
def site_with(agents: Iterable[Entry], **more: Any) -> Iterator[Site]:
    """Run an engine with these agents."""
    entries = list(agents)
    numbers = {entry["name"]: f"+1202555{index:04}" for index, entry in enumerate(entries)}
    settings = configuration(numbers={n: f"agent:{name}" for name, n in numbers.items()})
    with Engine({**settings, "agents": entries}, **more) as engine:
        yield Site(engine, numbers)


def conversation_of(peer: VoiceAgentPeer, name: str) -> dict[str, Any]:
    """Return what the server knows of its newest conversation with this agent's prompt."""
    for number, conversation in reversed(list(enumerate(peer.log()))):
        session = (conversation["first"] or {}).get("session", {})
        if session.get("system_prompt") == name:
            return {**conversation, "call": number}
    raise AssertionError(f"no conversation with {name}")


async def eventually(holds: Callable[[], Any], why: str, timeout_s: float = WAIT_S) -> Any:
    """Wait until something is true, and return it."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not (found := await asyncio.to_thread(holds)):
        assert asyncio.get_running_loop().time() < deadline, why
        await asyncio.sleep(0.05)
    return found


async def talk(phone: Phone, number: str, codec: str, **sdp: Any) -> OutgoingCall:
    """Call an agent in one codec, and wait until it has answered."""
    call = await phone.invite(number, phone.sdp([codec], **sdp))
    await call.answered()
    return call


async def digits_of(carrier: Program, count: int) -> str:
    """Wait for so many keys, and a little for one too many."""

    def told() -> str:
        return "".join(carrier.log()[-1]["digits"])

    await eventually(lambda: len(told()) >= count, "too few keys")
    await asyncio.sleep(0.3)
    return told()
