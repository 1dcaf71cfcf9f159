"""AssemblyAI's tool calls: each row is what comes, and what is answered when."""

import json

import pytest

from agents.dialects.assemblyai import HELD_TOOLS_S
from agents.dialects.interface import Effect, Flush, HangUp, KeepCall, Odd, Tool, TransferTo
from agents.dialects.tooldesk import END_GRACE_S, MAX_TRANSFERS
from tests.agents.dialects.assemblyai import DONE, INTERRUPTED, STARTED, after, call, ready
from tests.agents.dialects.tables import others, sent, text


@pytest.mark.parametrize(
    ("messages", "is_answered"),
    [
        ([call("f")], False),
        ([call("f"), DONE], True),
        ([STARTED, call("f"), DONE], True),
        ([DONE, call("f")], False),
        ([DONE, call("f"), STARTED, DONE], True),
        ([call("f"), INTERRUPTED], False),
        ([call("f"), INTERRUPTED, DONE], False),
        ([call("f"), text(type="input.speech.started")], False),
        ([call("f", arguments="{broken"), DONE], True),
    ],
)
def test_an_unknown_tool_is_answered_when_the_reply_is_done(
    messages: list[str], is_answered: bool
) -> None:
    results = sent(after(ready(), *messages))
    assert len(results) == is_answered
    for result in results:
        assert (result["type"], result["call_id"]) == ("tool.result", "c-1")
        assert result["is_error"] is True
        assert json.loads(result["result"])["error"].startswith("f is not known here")


def test_an_answer_is_not_held_for_ever() -> None:
    dialect = ready()
    after(dialect, DONE, call("f"), now=1.0)
    assert dialect.next_deadline() == 1.0 + HELD_TOOLS_S
    assert len(sent(dialect.tick(1.0 + HELD_TOOLS_S))) == 1
    assert dialect.next_deadline() is None


def test_tools_that_the_server_runs_are_never_answered() -> None:
    dialect = ready({"tools": [{"name": "f", "http": {"url": "x"}}, {"name": "g"}, 7, {}]})
    effects = after(dialect, call("f"), DONE)
    assert sent(effects) == []
    assert Tool("f", "run by the agent's server") in effects


def test_a_tool_call_without_a_name_is_odd() -> None:
    for broken in ({}, {"call_id": "c"}, {"name": "f"}, {"call_id": 1, "name": "f"}):
        (effect,) = after(ready(), text(type="tool.call", **broken))
        assert isinstance(effect, Odd)


def test_tool_calls_are_bounded() -> None:
    dialect = ready()
    for number in range(200):
        after(dialect, call("f", f"c-{number}"))
    assert len(sent(after(dialect, DONE))) == 64


def test_end_call_is_one_hang_up_however_often_it_is_called() -> None:
    dialect = ready()
    effects = after(dialect, STARTED, call("end_call", "c-1"), call("end_call", "c-2"))
    assert others(effects) == [Tool("end_call", "the call ends after the goodbye")]
    effects = after(dialect, DONE, call("end_call", "c-3"), DONE)
    assert [effect for effect in effects if isinstance(effect, HangUp)] == [
        HangUp("The agent called end_call")
    ]
    assert [message["call_id"] for message in sent(effects)] == ["c-1", "c-2", "c-3"]


def test_a_goodbye_that_follows_end_call_is_waited_for() -> None:
    dialect = ready()
    audio = text(type="reply.audio", data="AAAA")
    after(dialect, call("end_call"), now=1.0)
    assert dialect.next_deadline() == 1.0 + END_GRACE_S
    after(dialect, audio, now=1.5)
    assert dialect.next_deadline() == 1.5 + END_GRACE_S
    assert dialect.tick(2.4) == []
    assert dialect.tick(2.5) == [HangUp("The agent called end_call")]


@pytest.mark.parametrize("is_due", [True, False])
def test_an_interrupted_goodbye_is_off(is_due: bool) -> None:
    dialect = ready()
    after(dialect, call("end_call"), *([DONE] if is_due else []))
    effects = others(after(dialect, INTERRUPTED))
    assert effects == [*([KeepCall()] if is_due else []), Flush("The caller interrupted the agent")]
    assert dialect.next_deadline() is None
    after(dialect, call("end_call", "c-9"))
    assert HangUp("The agent called end_call") in after(dialect, DONE)


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ({"target": "+12025550100"}, "+12025550100"),
        ('{"target": "alice"}', "alice"),
        ({"target": " alice "}, "alice"),
        ({"target": ""}, ""),
        ({"target": 7}, ""),
        ({"target": "a\nb"}, ""),
        ({"target": "x" * 129}, ""),
        ({}, ""),
        ([], ""),
        ("nonsense", ""),
        (None, ""),
        ("[" * 100_000, ""),
    ],
)
def test_transfer_call_wants_a_target(arguments: object, target: str) -> None:
    effects = after(ready(), call("transfer_call", arguments=arguments), DONE)
    transfers = [effect for effect in effects if isinstance(effect, TransferTo)]
    assert transfers == ([TransferTo(target, "c-1")] if target else [])
    assert [message["is_error"] for message in sent(effects)] == ([] if target else [True])


def test_transfers_are_bounded_even_if_each_is_interrupted() -> None:
    dialect = ready()
    effects: list[Effect] = []
    for number in range(100):
        asked = call("transfer_call", f"c-{number}", {"target": "a"})
        effects += after(dialect, asked, INTERRUPTED)
    assert sum(isinstance(effect, TransferTo) for effect in effects) == MAX_TRANSFERS
    (result,) = sent(after(dialect, call("transfer_call", "c", {"target": "a"}), DONE))
    assert "too many transfers; allowed: 20" in result["result"]


def test_a_failed_transfer_is_answered_with_its_code() -> None:
    dialect = ready()
    after(dialect, call("transfer_call", arguments={"target": "a"}), DONE)
    (result,) = sent(dialect.transfer_over("c-1", 486, "busy here", 5.0))
    value = {"error": "the transfer failed: busy here", "sip_code": 486}
    assert json.loads(result["result"]) == value
    assert dialect.transfer_over("c-1", 486, "once more", 5.0) == []
    assert dialect.transfer_over("never", 486, "heard of", 5.0) == []


def test_a_failed_transfer_waits_for_the_end_of_the_reply() -> None:
    dialect = ready()
    after(dialect, call("transfer_call", arguments={"target": "a"}), DONE, STARTED)
    assert dialect.transfer_over("c-1", 480, "away", 5.0) == []
    assert dialect.next_deadline() == 5.0 + HELD_TOOLS_S
    assert len(sent(after(dialect, DONE, now=6.0))) == 1
