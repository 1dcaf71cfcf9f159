"""What a call's timeline keeps of what its parties may repeat without end."""

from datetime import UTC, datetime, timedelta

import pytest

from callengine.core.snapshot import EventSnapshot
from callengine.core.timeline import (
    LISTENING,
    MAX_LINES,
    MAX_OF_A_KIND,
    NOBODY_LISTENS,
    Timeline,
)

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Told:
    """A timeline, and what a reader of it sees: the last of each number."""

    def __init__(self) -> None:
        self.timeline, self.lines = Timeline(), dict[int, EventSnapshot]()
        self.now = START

    def add(self, kind: str, leg: str = "A", text: str = "", times: int = 1) -> None:
        for _ in range(times):
            line = self.timeline.add(
                at=self.now.isoformat(), leg=leg, kind=kind, text=text or f"{leg} {kind}."
            )
            self.lines[line["number"]] = line
            self.now += timedelta(seconds=0.1)

    @property
    def texts(self) -> list[str]:
        assert list(self.lines) == list(range(1, len(self.lines) + 1))
        return [line["text"] for line in self.lines.values()]


def test_lines_are_numbered_in_order_and_stay_as_they_were() -> None:
    told = Told()
    for kind in ("invite", "ringing", "answered", "hold", "resume", "hold"):
        told.add(kind)
    assert told.texts == [
        "A invite.",
        "A ringing.",
        "A answered.",
        "A hold.",
        "A resume.",
        "A hold.",
    ]


def test_ten_thousand_keys_are_one_line_that_grows() -> None:
    told = Told()
    told.add("answered")
    told.add("dtmf", times=10_000)
    told.add("hold")
    assert told.texts == ["A answered.", "A dtmf. 10000 times within 999.9 s.", "A hold."]
    assert told.lines[2]["at"] == (START + timedelta(seconds=0.1)).isoformat()


def test_keys_of_both_parties_and_their_refusals_grow_side_by_side() -> None:
    told = Told()
    for _ in range(5):
        told.add("dtmf", "A")
        told.add("dtmf-refused", "B")
        told.add("dtmf", "B")
    assert [text.split(" within")[0] for text in told.texts] == [
        "A dtmf. 5 times",
        "B dtmf-refused. 5 times",
        "B dtmf. 5 times",
    ]


def test_keys_after_anything_else_begin_a_line_anew() -> None:
    told = Told()
    for kind in ("dtmf", "dtmf", "hold", "dtmf"):
        told.add(kind)
    assert told.texts == ["A dtmf. 2 times within 0.1 s.", "A hold.", "A dtmf."]


def test_ten_thousand_holds_leave_room_for_what_else_happens_and_for_the_end() -> None:
    told = Told()
    for _ in range(10_000):
        told.add("hold")
        told.add("resume")
    told.add("transferred")
    told.add("hold")
    told.add("ended")
    assert told.texts[-3:] == ["And 19801 more not kept.", "A transferred.", "A ended."]
    assert len(told.lines) == 2 * MAX_OF_A_KIND + 3


@pytest.mark.parametrize("order", ["kinds in turn", "keys between"])
def test_there_are_so_many_lines_in_all_and_the_end_is_always_kept(order: str) -> None:
    told = Told()
    for number in range(2000):
        told.add(f"kind-{number}")
        if order == "keys between":
            told.add("dtmf")
    told.add("ended")
    assert MAX_LINES < len(told.lines) <= MAX_LINES + 2
    assert told.texts[-1] == "A ended."
    kept = sum(" more not kept" not in text for text in told.texts) - 1
    left_out = (4000 if order == "keys between" else 2000) - kept
    assert f"And {left_out} more not kept." in told.texts


@pytest.mark.parametrize("before", [0, 1, MAX_OF_A_KIND])
def test_who_listens_is_told_however_full_it_is(before: int) -> None:
    """The page goes by the last such line: it said that nobody did, or somebody for ever."""
    told = Told()
    for _ in range(before):
        told.add(LISTENING, text="Ann listens.")
        told.add(NOBODY_LISTENS)
    for number in range(MAX_LINES):
        told.add(f"kind-{number % 7}")
    full = len(told.lines)
    for kind, text in ((LISTENING, "Bea listens."), (NOBODY_LISTENS, "Nobody listens.")):
        told.add(kind, text=text)
        about = [
            line for line in told.lines.values() if line["kind"] in (LISTENING, NOBODY_LISTENS)
        ]
        assert max(about, key=lambda line: line["number"])["text"] == text
    assert len(told.lines) <= full + 1
