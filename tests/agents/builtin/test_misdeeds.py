"""Each way in which the built-in agent misbehaves when told to."""

import base64
import json

import pytest

from agents.builtin.conversation import Cut, Shut
from agents.builtin.lobby import Lobby
from agents.builtin.script import Misdeed
from tests.agents.builtin.caller import Caller

pytestmark = pytest.mark.usefixtures("chiming")

PCMU = {"format": {"encoding": "audio/pcmu"}}
LONG = "A speech of some length, so that there is something to cut into pieces. " * 3


def told(*misdeeds: str, lobby: Lobby | None = None) -> Caller:
    prompt = f"misbehave: {', '.join(misdeeds)}"
    return Caller(lobby, system_prompt=prompt, greeting=LONG, input=PCMU, output=PCMU)


def test_never_ready_says_nothing_at_all() -> None:
    caller = told(Misdeed.NEVER_READY)
    assert (caller.conversation, caller.got) == (None, [])


@pytest.mark.parametrize(
    ("misdeed", "code"),
    [(Misdeed.REFUSE, "agent_init_failed"), (Misdeed.UNAUTHORIZED, "unauthorized")],
)
def test_refusals_come_before_ready_with_their_code(misdeed: Misdeed, code: str) -> None:
    caller = told(misdeed)
    assert [message["code"] for message in caller.messages] == [code]
    assert caller.closed == Shut(1008, code)


def test_busy_twice_is_at_capacity_twice_and_then_ready() -> None:
    lobby = Lobby("chimes")
    first = [told(Misdeed.BUSY_TWICE, lobby=lobby).messages[0] for _ in range(6)]
    assert [message.get("code", message["type"]) for message in first] == [
        "at_capacity",
        "at_capacity",
        "session.ready",
    ] * 2


def test_drop_loses_the_socket_and_the_session_can_be_resumed_for_30_seconds() -> None:
    caller = told("drop 1.5")
    caller.wait(1.6)
    assert (caller.closed, max(caller.moments("reply.audio"))) == (
        Cut(),
        pytest.approx(1.5, abs=0.2),
    )
    session_id = caller.messages[0]["session_id"]
    assert caller.conversation is not None
    caller.lobby.left(caller.conversation, caller.now)
    caller.got.clear()
    caller.now += 29
    caller.first({"type": "session.resume", "session_id": session_id})
    caller.wait(30)
    assert caller.messages[0]["session_id"] == session_id
    assert caller.closed is None
    assert caller.messages[-1]["type"] == "reply.done"


def test_a_session_left_for_longer_or_forgotten_is_not_found() -> None:
    for misdeed, away_s in (("drop 1", 31), ("forget 1", 1)):
        caller = told(misdeed)
        caller.wait(2)
        assert caller.closed == Cut()
        session_id = caller.messages[0]["session_id"]
        assert caller.conversation is not None
        caller.lobby.left(caller.conversation, caller.now)
        caller.now += away_s
        caller.first({"type": "session.resume", "session_id": session_id})
        assert caller.messages[-1]["code"] == "session_not_found"


def test_expire_comes_without_warning() -> None:
    caller = told("expire 2")
    caller.wait(5)
    assert caller.of("session.error")[0]["code"] == "session_expired"
    assert caller.moments("session.error") == [2.0]
    assert caller.closed == Shut(1008, "session_expired")


def test_talk_on_sends_audio_after_the_end_and_never_says_that_it_ended() -> None:
    caller = told(Misdeed.TALK_ON)
    caller.wait(1)
    caller.send("session.end")
    caller.wait(12)
    assert max(caller.moments("reply.audio")) > 8
    assert not caller.of("session.ended")
    assert caller.closed == Shut()


@pytest.mark.parametrize(
    ("misdeed", "sizes"),
    [
        (Misdeed.CHUNKS_1, {1, 160}),
        (Misdeed.CHUNKS_300, {300}),
        (Misdeed.CHUNKS_5S, {40_000}),
    ],
)
def test_chunks_have_the_size_told_and_hold_the_same_audio(
    misdeed: Misdeed, sizes: set[int]
) -> None:
    plain, caller = Caller(greeting=LONG, output=PCMU), told(misdeed)
    for one in (plain, caller):
        one.wait(20)
    chunks = [len(base64.b64decode(message["data"])) for message in caller.of("reply.audio")]
    assert set(chunks[:-1]) == sizes
    assert caller.audio("reply_1") == plain.audio("reply_1")


def test_wrong_base64_binary_and_unknown_messages_come_beside_the_right_audio() -> None:
    plain, caller = Caller(greeting=LONG, output=PCMU), told("bad-base64, binary", "unknown")
    for one in (plain, caller):
        one.wait(20)
    chunks = len(plain.of("reply.audio"))
    assert len([item for _, item in caller.got if isinstance(item, bytes)]) == chunks
    assert len(caller.of("vendor.weather")) == chunks
    assert len(caller.of("reply.audio")) == 2 * chunks
    with pytest.raises(ValueError, match="Only base64 data"):
        base64.b64decode(caller.of("reply.audio")[0]["data"], validate=True)
    assert caller.audio("reply_1") == plain.audio("reply_1")


def test_flood_sends_120_s_of_audio_at_once() -> None:
    caller = told(Misdeed.FLOOD)
    caller.wait(0.1)
    assert len(caller.audio("reply_1")) == 120 * 8000
    assert set(caller.moments("reply.audio")) == {0.0}


def test_every_message_is_json_or_meant_not_to_be() -> None:
    caller = told(*Misdeed)
    assert all(json.loads(item) for _, item in caller.got if isinstance(item, str))
