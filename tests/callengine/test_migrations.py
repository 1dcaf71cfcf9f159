"""Rows recorded before a column was there get it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.migrating import empty_database, migrate

__all__ = ["empty_database"]

BEFORE, AFTER = ("callengine", "0001_initial"), ("callengine", "0002_history_and_ladder")
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.usefixtures("empty_database")
def test_calls_recorded_earlier_get_their_codecs_and_the_time_talked() -> None:
    old = migrate(BEFORE)
    call_row, leg_row = old.get_model("callengine", "Call"), old.get_model("callengine", "Leg")
    talked = {"answered": START, "ended": START + timedelta(seconds=61.7)}
    for name, times in (
        ("talked", talked),
        ("missed", {"ended": START}),
        ("up", {"answered": START}),
    ):
        call = call_row.objects.create(started=START, from_user=name, source="x", **times)
        for leg, codec in (("A", "OPUS"), ("B", ""), ("B10", "PCMA"), ("B2", "G722")):
            leg_row.objects.create(call=call, name=leg, codec=codec)
    found = (
        migrate(AFTER)
        .get_model("callengine", "Call")
        .objects.values_list("from_user", "codec_a", "codec_b", "talk_s")
    )
    assert sorted(found) == [
        ("missed", "OPUS", "", None),
        ("talked", "OPUS", "G722", 62),
        ("up", "OPUS", "G722", None),
    ]
