"""`manage.py calls` and `manage.py rejections`: what a script reads, what a person reads."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from callengine.core.outcomes import Rejection
from callengine.record import store
from tests.callengine.record.test_records import ENDED, call, leg

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().splitlines()


def test_calls_as_json_have_exactly_the_documented_shape():
    legs = [
        leg("A", codec="OPUS", remote="127.0.0.1:4000"),
        leg("B", codec="G722", remote="127.0.0.1:4002"),
    ]
    one = call(legs=legs, answered="2026-01-02T03:04:07+00:00", transcoded=True)
    store.call_started(snapshot=one, plan={"waves": []}, node="n1")
    ended = "2026-01-02T03:05:00+00:00"
    store.call_ended(snapshot={**one, "ended": ended, "termination": ENDED})
    (line,) = run("calls", "--json")
    assert json.loads(line) == {
        "id": one["id"],
        "started": "2026-01-02T03:04:05+00:00",
        "answered": "2026-01-02T03:04:07+00:00",
        "ended": ended,
        "from": "alice",
        "to": "bob",
        "source": "connection:alice",
        "destination": "connection:bob",
        "taken_by": "",
        "state": "ended",
        "transcoded": True,
        "legs": [
            {
                "name": name,
                "call_id": f"{name}@host",
                "offered": ["OPUS", "G722"],
                "allowed": ["G722", "PCMU"],
                "codec": codec,
                "remote": remote,
                "encryption": "",
            }
            for name, codec, remote in (
                ("A", "OPUS", "127.0.0.1:4000"),
                ("B", "G722", "127.0.0.1:4002"),
            )
        ],
        "termination": ENDED,
    }


def test_calls_are_newest_last_and_last_n_are_the_newest():
    ids = []
    for minute in (3, 1, 2):
        one = call(started=f"2026-01-02T03:0{minute}:00+00:00")
        store.call_started(snapshot=one, plan={}, node="n1")
        ids.append(one["id"])
    oldest_first = [ids[1], ids[2], ids[0]]
    assert [json.loads(line)["id"] for line in run("calls", "--json")] == oldest_first
    last_two = run("calls", "--json", "--last", "2")
    assert [json.loads(line)["id"] for line in last_two] == oldest_first[1:]
    assert json.loads(last_two[0])["termination"] is None


def test_calls_as_a_table_show_both_codecs_and_nothing_that_drives_a_terminal():
    phones = [leg("A", codec="OPUS"), leg("B"), leg("B2", codec="G722")]
    one = call(legs=phones, **{"from": "evil\x1b[2J"})
    store.call_started(snapshot=one, plan={}, node="n1")
    heading, row = run("calls")
    assert heading.split()[:3] == ["started", "from", "to"]
    assert "OPUS" in row
    assert "G722" in row
    assert "evil?[2J" in row


def test_after_a_transfer_the_table_shows_the_codec_of_who_is_talked_to():
    legs = [leg("A", codec="OPUS"), leg("B", codec="PCMU"), leg("B2", codec="G722")]
    one = call(legs=legs, answered="2026-01-02T03:04:07+00:00")
    store.call_started(snapshot=one, plan={}, node="n1")
    _, row = run("calls")
    assert "G722" in row
    assert "PCMU" not in row


def test_rejections_as_json_and_as_a_table():
    start = datetime(2026, 1, 2, tzinfo=UTC)
    for number in range(3):
        store.rejected(
            rejection=Rejection(
                "203.0.113.7", f"u{number}", "INVITE", 403, "not-on-access-list", "Add it."
            ),
            at=start + timedelta(seconds=number),
        )
    lines = run("rejections", "--json", "--last", "2")
    assert [json.loads(line)["user"] for line in lines] == ["u1", "u2"]
    assert json.loads(lines[-1]) == {
        "at": "2026-01-02T00:00:02+00:00",
        "source_address": "203.0.113.7",
        "user": "u2",
        "method": "INVITE",
        "code": 403,
        "rule": "not-on-access-list",
        "advice": "Add it.",
        "to": "",
        "call_id": "",
    }
    assert len(run("rejections", "--json")) == 3
    assert len(run("rejections")) == 4


@pytest.mark.parametrize("command", ["calls", "rejections"])
def test_nothing_recorded_prints_nothing_as_json_and_a_heading_as_a_table(command):
    assert run(command, "--json") == []
    assert len(run(command)) == 1


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5"])
def test_a_wrong_count_is_refused(count):
    with pytest.raises(CommandError, match="whole number"):
        run("calls", f"--last={count}")
