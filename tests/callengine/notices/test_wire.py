"""Notices travel as plain dicts, and whatever cannot be read is left alone and named in the log."""

import json
from typing import Any

import pytest

from callengine.core.reasons import Reason
from callengine.core.states import CallState
from callengine.notices import calls, commands, lab, nodes, viewers
from callengine.notices.wire import Reader, to_message
from tests.dashboard.live import demo

CALL = demo.call()
NOTICES: list[Any] = [
    calls.CallChanged(CALL),
    calls.CallEventAdded(CALL["events"][0]),
    calls.CallMessagesAdded(demo.ladder()),
    calls.CallQualityMeasured({"A": demo.quality(4.1)}),
    nodes.NodesChanged([], 3),
    viewers.SessionEnded("mark"),
    viewers.ViewerChanged(None),
    commands.HangUpCall(CALL["id"], "olga"),
    commands.Transfer(CALL["id"], "bob", "olga"),
    commands.LiftBan("192.0.2.1", ""),
    lab.AskForLab("channel"),
    lab.PlaceLabCall("channel", {"source": "free"}, {}, "olga", 3.5),
    lab.LabOffer("channel"),
    lab.LabBusy("no"),
    lab.LabRefused("no"),
    lab.LabPlaced("0" * 32),
]
ALL: Reader[Any] = Reader(*(type(told) for told in NOTICES))


def names(told: object) -> str:
    return type(told).__name__


@pytest.mark.parametrize("told", NOTICES, ids=names)
def test_each_comes_back_as_it_was_sent(told: Any) -> None:
    assert ALL.read(json.loads(json.dumps(to_message(told)))) == [told]


def test_words_of_an_enum_are_texts_to_a_page_of_the_same_process() -> None:
    call = demo.ended(CALL, demo.HUNG_UP)
    assert call["termination"] is not None
    words = {**call["termination"], "reason": Reason.CALLER_HUNG_UP}
    told = calls.CallChanged({**call, "state": CallState.ENDED, "termination": words})  # type: ignore[typeddict-item]
    assert ALL.read(to_message(told)) == [told]


def test_several_arrive_in_their_order() -> None:
    sent = {"type": "several", "messages": [to_message(told) for told in NOTICES]}
    assert ALL.read(sent) == NOTICES


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({}, "'None': its type is not known here"),
        ({"type": "call.forgotten"}, "'call.forgotten': its type is not known here"),
        ({"type": "engine.command", "command": "reboot"}, "'reboot': its type is not known here"),
        ({"type": "engine.command", "command": "hangup"}, "'hangup': call is missing"),
        (
            {"type": "engine.command", "command": "hangup", "call": 7, "by": "olga"},
            "'hangup': call is not a text",
        ),
        ({"type": "call.changed", "call": {**CALL, "legs": [{}]}}, "call.legs[0].name is missing"),
        ({"type": "several", "messages": 7}, "messages is not a list"),
        ({"type": "several", "messages": [7]}, "it is not a mapping"),
    ],
)
def test_what_cannot_be_read_is_named_and_left_alone(
    message: dict[str, Any], complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader: Reader[Any] = Reader(calls.CallChanged, commands.HangUpCall)
    assert reader.read(message) == []
    assert complaint in caplog.text


def test_what_others_in_a_group_wait_for_is_nothing_to_complain_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = Reader(calls.CallChanged)
    assert [told for told in NOTICES if not isinstance(told, calls.CallChanged)]
    sent = {"type": "several", "messages": [to_message(told) for told in NOTICES]}
    assert all(isinstance(told, calls.CallChanged) for told in reader.read(sent))
    assert caplog.text == ""


def test_one_that_cannot_be_read_keeps_no_other_from_being_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = to_message(commands.LiftBan("192.0.2.1", ""))
    sent = {"type": "several", "messages": [{"type": "odd"}, good, {"type": "odd"}]}
    reader = Reader(commands.LiftBan)
    for _ in range(50):
        assert reader.read(sent) == [commands.LiftBan("192.0.2.1", "")]
    assert caplog.text.count("odd") == 1, "one complaint a minute is enough"
