"""A topic that fails to take one notice takes the next, and its pages read themselves anew."""

import pytest

from callengine.notices.calls import CallChanged
from callengine.notices.wire import Reader, to_message
from dashboard.live.outbox import READ_ANEW, Outbox, Viewer
from dashboard.live.topics import Topic
from tests.dashboard.live import demo


class Stumbling(Topic):
    """Has a bug with calls that ring."""

    reader = Reader(CallChanged)

    def __init__(self) -> None:
        super().__init__("stumbling")
        self.states: list[str] = []

    def hear(self, told: CallChanged) -> None:
        if told.call["state"] == "ringing":
            raise RuntimeError("a bug")
        self.states.append(told.call["state"])


async def test_a_bug_with_one_notice_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    topic, outbox = Stumbling(), Outbox(Viewer(1, "session", "callengine.view_call"))
    topic.outboxes.add(outbox)
    calls = [demo.ringing(), demo.call()]
    sent = [to_message(CallChanged(call)) for call in calls]
    topic.take({"type": "several", "messages": sent})
    assert topic.states == [calls[1]["state"]]
    assert "live pages could not take CallChanged" in caplog.text
    assert "RuntimeError: a bug" in caplog.text
    assert "Redis" not in caplog.text
    assert await outbox.take() == READ_ANEW
