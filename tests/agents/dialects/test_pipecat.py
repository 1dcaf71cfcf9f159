"""The carriers' dialects against pipecat, whose serializers and transport are not our code."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from agents.dialects.interface import Failed, Failure, Flush, HangUp, Mark, Session
from agents.dialects.twilio import call_sid
from agents.formats import AudioFormat, Encoding
from tests.agents.dialects.client import Client
from tests.peers.programs import OTHERS_PYTHON, Program
from tests.peers.voiceagent import sounds

ACCOUNT, TOKEN, CALL = "AC" + "1" * 32, "token-of-the-test", "a" * 32
CARRIERS = pytest.mark.parametrize("dialect", ["twilio", "plivo"])
SILENCE = b"\xff" * 160


@pytest.fixture(scope="module")
def pipecat() -> Iterator[Program]:
    arguments = ("--account", ACCOUNT, "--token", TOKEN)
    with Program("tests.peers.pipecat", *arguments, python=OTHERS_PYTHON) as program:
        yield program


def client(pipecat: Program, dialect: str) -> Client:
    mu_law = AudioFormat(Encoding.PCMU)
    session = Session(
        url=pipecat.url("/ws"),
        secret=TOKEN,
        input=mu_law,
        output=mu_law,
        parameters={"customer": "42"},
        call_uuid=CALL,
        sip_call_id="abc@example.com",
        from_user="+12025550100",
        to_user="+12025550177",
        account=ACCOUNT,
    )
    return Client(dialect, session)


def tone(number: int) -> bytes:
    return sounds.tone(Encoding.PCMU, 1000, 20, 20 * number)


async def quiet(caller: Client) -> None:
    """Have the echo off; pipecat reads two messages to know the dialect, and heeds what follows."""
    await caller.talk(0.06, lambda _: SILENCE)
    caller.press("7")


@CARRIERS
async def test_a_tone_comes_back(pipecat: Program, dialect: str) -> None:
    async with client(pipecat, dialect) as caller:
        # Their resampler and their transport keep the last of it back.
        await caller.talk(1.4, tone)
        await caller.until(lambda: len(caller.arrived) > 8000)
        hz, amplitude = sounds.pitch(Encoding.PCMU, bytes(caller.arrived[2000:8000]))
        caller.end()
        await caller.closed()
        assert hz == pytest.approx(1000, abs=2)
        assert amplitude == pytest.approx(sounds.AMPLITUDE, rel=0.1)
        assert not caller.odd


@CARRIERS
async def test_each_key_arrives_once(pipecat: Program, dialect: str) -> None:
    async with client(pipecat, dialect) as caller:
        await quiet(caller)
        for digit in "42#*8":
            caller.press(digit)
        await caller.until(lambda: pipecat.log()[-1]["digits"] == "742#*8")
        caller.end()
        await caller.closed()


@CARRIERS
async def test_a_mark_is_reached_once_the_audio_before_it_was_played(
    pipecat: Program, dialect: str
) -> None:
    async with client(pipecat, dialect) as caller:
        await quiet(caller)
        caller.press("1")
        await caller.until(lambda: caller.of(Mark))
        await caller.until(lambda: caller.reached)
        assert caller.reached == [("tone-end", True)]
        # Their resampler and their transport keep the last of the two seconds back.
        assert 15_000 < len(caller.played) <= len(caller.arrived)
        assert sounds.pitch(Encoding.PCMU, bytes(caller.played[2000:14_000]))[0] == pytest.approx(
            440, abs=2
        )
        caller.end()
        await caller.closed()


@CARRIERS
async def test_an_interruption_flushes(pipecat: Program, dialect: str) -> None:
    async with client(pipecat, dialect) as caller:
        await quiet(caller)
        caller.press("1")
        await caller.until(lambda: len(caller.played) > 1000)
        caller.press("9")
        await caller.until(lambda: caller.of(Flush))
        arrived = len(caller.arrived)
        await caller.talk(0.2, lambda _: SILENCE)
        assert len(caller.arrived) == arrived
        caller.end()
        await caller.closed()
        assert not caller.odd


@CARRIERS
async def test_it_hangs_up_by_its_socket(pipecat: Program, dialect: str) -> None:
    async with client(pipecat, dialect) as caller:
        await quiet(caller)
        caller.press("0")
        await caller.closed()
    assert caller.of(HangUp) == [HangUp("The agent has closed its websocket")]
    assert not caller.of(Failed)


async def test_it_hangs_up_by_rest_as_the_account_we_named(pipecat: Program) -> None:
    async with client(pipecat, "twilio") as caller:
        await quiet(caller)
        caller.press("0")
        await caller.until(lambda: pipecat.log()[-1]["kind"] == "rest")
        await caller.closed()
    asked = pipecat.log()[-1]
    assert (asked["account"], asked["call"]) == (ACCOUNT, call_sid(CALL))
    assert asked["body"] == "Status=completed"
    assert asked["authorization"] == "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


@CARRIERS
async def test_a_close_with_1011_is_a_loss(pipecat: Program, dialect: str) -> None:
    async with client(pipecat, dialect) as caller:
        await caller.talk(0.8, tone)
        await caller.until(lambda: caller.arrived)
        caller.press("5")
        assert await caller.closed() == 1011
    (failed,) = caller.of(Failed)
    assert (failed.kind, failed.code) == (Failure.LOST, "closed 1011")
    assert not failed.is_retryable
    assert not caller.of(HangUp)


async def test_it_is_told_of_the_call(pipecat: Program) -> None:
    async with client(pipecat, "twilio") as caller:
        await caller.talk(0.1, lambda _: SILENCE)
        await caller.until(lambda: pipecat.log()[-1].get("stream") == f"MZ{CALL}")
        caller.end()
        await caller.closed()
    note: dict[str, Any] = pipecat.log()[-1]
    assert note["call"] == call_sid(CALL)
    assert note["body"] == {
        "customer": "42",
        "From": "+12025550100",
        "To": "+12025550177",
        "from_number": "+12025550100",
        "to_number": "+12025550177",
        "sipCallId": "abc@example.com",
    }
    assert note["headers"]["x-twilio-signature"]
    assert note["headers"]["user-agent"] == "VoIPNumber"
