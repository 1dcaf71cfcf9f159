"""What past calls would have become by other lists, and what cannot be said of them."""

import datetime as dt
from typing import Any

import pytest

from callengine.core.hindsight import Hindsight, NewLists, PastCall, judge, retell

PLAIN, TRANSCODED = Hindsight.PLAIN, Hindsight.TRANSCODED
DECLINED, UNKNOWN = Hindsight.DECLINED, Hindsight.UNKNOWN


def past(**more: Any) -> PastCall:
    """Return an answered call: OPUS from the caller, PCMU to a phone that answered so."""
    values: dict[str, Any] = {
        "id": "1",
        "started": dt.datetime(2026, 11, 26, tzinfo=dt.UTC),
        "caller": "Alice",
        "callee": "bob",
        "source": "connection:alice",
        "destination": "connection:bob",
        "offered": ("OPUS", "PCMU"),
        "vn_a": ("OPUS", "PCMU"),
        "codec_a": "OPUS",
        "codec_b": "PCMU",
        "was_answered": True,
        "had_no_common_codec": False,
        "callee_has": frozenset({"PCMU"}),
    }
    return PastCall(**values | more)


@pytest.mark.parametrize(
    ("call", "lists", "verdict"),
    [
        (past(), NewLists(None, None), TRANSCODED),
        (past(), NewLists(("PCMU",), None), PLAIN),
        (past(), NewLists(("G722",), None), DECLINED),
        (past(), NewLists(None, ("PCMU",)), TRANSCODED),
        # It answered PCMU: whether it has OPUS is not on record.
        (past(), NewLists(None, ("OPUS", "PCMU")), UNKNOWN),
        (past(callee_lacks=frozenset({"OPUS"})), NewLists(None, ("OPUS", "PCMU")), TRANSCODED),
        (past(callee_is_known=True), NewLists(None, ("OPUS", "PCMU")), TRANSCODED),
        (past(callee_is_known=True), NewLists(None, ("OPUS",)), DECLINED),
        (past(callee_has=frozenset({"OPUS", "PCMU"})), NewLists(None, ("OPUS",)), PLAIN),
        (past(), NewLists(("G722",), ("OPUS",)), DECLINED),
        (past(was_answered=False, codec_b=""), NewLists(None, ("OPUS",)), PLAIN),
        (past(was_answered=False, codec_b=""), NewLists(("G722",), None), DECLINED),
        (
            past(was_answered=False, codec_b="", had_no_common_codec=True, callee_has=frozenset()),
            NewLists(None, ("OPUS",)),
            UNKNOWN,
        ),
        (
            past(was_answered=False, codec_b="", had_no_common_codec=True),
            NewLists(None, None),
            DECLINED,
        ),
        # A voice agent's leg has no codec.
        (past(codec_b=""), NewLists(("PCMU",), None), PLAIN),
        # Without an offer the caller answered ours.
        (past(offered=None), NewLists(("OPUS",), None), TRANSCODED),
        (past(offered=None), NewLists(("G722", "OPUS"), None), UNKNOWN),
        (past(was_transferred=True), NewLists(("PCMU",), None), UNKNOWN),
        (past(was_transferred=True), NewLists(("G722",), None), DECLINED),
        (past(), NewLists((), None), DECLINED),
    ],
)
def test_a_verdict(call: PastCall, lists: NewLists, verdict: Hindsight) -> None:
    assert judge(call, lists) is verdict


def test_only_calls_of_which_both_can_be_said_are_counted() -> None:
    stored, better, odd = NewLists(None, None), NewLists(("PCMU",), None), NewLists(None, ("OPUS",))
    future = retell([(past(), stored, better), (past(), stored, stored), (past(), stored, odd)])
    assert future.count(TRANSCODED) == (2, 1)
    assert (len(future.changed), future.untold) == (1, 1)
