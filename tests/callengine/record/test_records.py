"""The record of a call, from its first line to its one termination."""

import asyncio
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import CharField
from hypothesis import given
from hypothesis import strategies as st

from callengine.core.outcomes import Rejection
from callengine.core.snapshot import CallSnapshot
from callengine.models import Call, CallEvent, EngineNode, Leg
from callengine.models import Rejection as RejectionRow
from callengine.record import nodes, orphans, reading, store
from callengine.record.cleaning import clean_json, clean_text

pytestmark = pytest.mark.django_db

START = "2026-01-02T03:04:05+00:00"
QUALITY = {
    "mos": 4.3,
    "loss_percent": 0.1,
    "jitter_ms": 3.0,
    "round_trip_ms": None,
    "packets_received": 50,
    "packets_sent": 51,
    "packets_due": 50,
}
ENDED = {"by": "caller", "reason": "hangup", "code": 200, "advice": "Nothing to do."}


def leg(name: str, **changes) -> dict:
    return {
        "name": name,
        "label": "Alice",
        "call_id": f"{name}@host",
        "user_agent": "Phone/1.0",
        "offered": ["OPUS", "G722"],
        "allowed": ["G722", "PCMU"],
        "codec": None,
        "payload_type": None,
        "remote": "",
        "encryption": "",
        "state": "trying",
        "quality": None,
        **changes,
    }


def call(**changes) -> dict:
    return {
        "id": str(uuid.uuid4()),
        "started": START,
        "answered": None,
        "ended": None,
        "from": "alice",
        "from_name": "Alice",
        "to": "bob",
        "source": "connection:alice",
        "destination": "connection:bob",
        "state": "trying",
        "transcoded": False,
        "legs": [leg("A")],
        "termination": None,
        "events": [],
        "vn_a_source": "outbound list of Alice",
        "vn_b_source": "inbound list of Bob",
        **changes,
    }


def stored(call_id: str) -> dict:
    return reading.snapshot(Call.objects.get(pk=call_id))


def test_a_call_from_start_to_end_reads_back_as_it_was_told(django_assert_max_num_queries):
    one = call()
    with django_assert_max_num_queries(4):
        store.call_started(snapshot=one, plan={"waves": []}, node="n1")
    assert stored(one["id"]) == one
    answered = {
        **one,
        "answered": "2026-01-02T03:04:07+00:00",
        "state": "answered",
        "transcoded": True,
        "legs": [
            leg("A", codec="OPUS", payload_type=111, remote="127.0.0.1:4000", quality=QUALITY),
            leg("B", codec="G722", payload_type=9),
            leg("B2", state="ended"),
            leg("B10", state="ended"),
        ],
    }
    with django_assert_max_num_queries(4):
        assert store.call_changed(snapshot=answered)
    assert stored(one["id"]) == answered
    ended = {
        **answered,
        "ended": "2026-01-02T03:05:00+00:00",
        "state": "ended",
        "termination": ENDED,
    }
    assert store.call_ended(snapshot=ended)
    assert stored(one["id"]) == ended
    assert Call.objects.get().plan["waves"] == []
    assert Leg.objects.count() == 4


def test_what_a_call_came_to_is_kept_with_it():
    one = call()
    store.call_started(snapshot=one, plan={}, node="n1")
    figures = {"worst_mos_a": 2.4, "worst_mos_b": None, "post_dial_s": 0.41, "was_silent": True}
    ended = {**one, "ended": START, "state": "ended", "termination": ENDED, "figures": figures}
    assert store.call_ended(snapshot=ended)
    assert stored(one["id"])["figures"] == figures


def test_a_call_ends_once_and_stays_as_it_ended():
    one = call()
    store.call_started(snapshot=one, plan={}, node="n1")
    ended = {**one, "ended": START, "state": "ended", "termination": ENDED}
    assert store.call_ended(snapshot=ended)
    late = {**ended, "termination": {**ENDED, "reason": "another"}}
    assert not store.call_ended(snapshot=late)
    assert not store.call_changed(snapshot={**one, "state": "answered"})
    assert stored(one["id"]) == ended


def test_an_unknown_call_changes_nothing():
    assert not store.call_changed(snapshot=call())
    assert not store.call_ended(snapshot=call())
    store.call_event(call_id=str(uuid.uuid4()), at=datetime.now(UTC), leg="A", kind="k", text="t")
    assert not Call.objects.exists()
    assert not CallEvent.objects.exists()


ODD = "\x00\ud800" + "x" * 5000


def test_no_odd_header_makes_a_write_fail():
    one = call(**dict.fromkeys(("from", "from_name", "to", "source", "destination"), ODD))
    one["legs"] = [
        leg("A", label=ODD, call_id=ODD, user_agent=ODD, remote=ODD, offered=[ODD], state=ODD)
    ]
    store.call_started(snapshot=one, plan={"x\x00": [ODD, float("nan")]}, node=ODD)
    store.call_changed(snapshot=one)
    at = datetime.now(UTC)
    store.call_event(call_id=one["id"], at=at, leg=ODD, kind=ODD, text=ODD)
    termination = {"by": ODD, "reason": ODD, "code": 200, "advice": ODD}
    assert store.call_ended(snapshot={**one, "ended": START, "termination": termination})
    store.rejected(rejection=Rejection(ODD, ODD, ODD, 400, ODD, ODD, ODD, ODD), at=at)
    for model in (Call, Leg, CallEvent, RejectionRow):
        row = model.objects.get()
        for field in model._meta.concrete_fields:
            text = str(getattr(row, field.attname))
            assert "\x00" not in text
            if isinstance(field, CharField):
                assert len(text) <= field.max_length
    assert Call.objects.get().from_user == "\ufffd\ufffd" + "x" * 126


@given(st.text(), st.integers(0, 50))
def test_cleaned_text_can_be_stored(text, limit):
    cleaned = clean_text(text, limit)
    assert len(cleaned) <= limit
    cleaned.encode()
    assert "\x00" not in cleaned


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(json_data)
def test_cleaned_json_is_json_without_nul(value):
    text = json.dumps(clean_json(value), allow_nan=False, ensure_ascii=False)
    text.encode()  # no surrogate is left
    assert "\\u0000" not in text


def test_the_timeline_keeps_its_order_in_one_query(django_assert_num_queries):
    one = call()
    store.call_started(snapshot=one, plan={}, node="n1")
    at = datetime(2026, 1, 2, tzinfo=UTC)
    first = store.TimelineEntry(one["id"], at, "A", "invite", "INVITE from alice")
    entries = [replace(first, text=f"line {number}") for number in range(20)]
    with django_assert_num_queries(1):
        store.call_events(entries=[*entries, replace(first, call_id=str(uuid.uuid4()))])
    events = stored(one["id"])["events"]
    assert [event["text"] for event in events] == [f"line {number}" for number in range(20)]
    assert events[0] == {
        "number": 1,
        "at": "2026-01-02T00:00:00+00:00",
        "leg": "A",
        "kind": "invite",
        "text": "line 0",
    }


def test_what_a_dead_engine_left_open_is_closed_with_its_own_reason():
    mine, others, over = call(), call(), call()
    store.call_started(snapshot=mine, plan={}, node="n1")
    store.call_started(snapshot=others, plan={}, node="n2")
    store.call_started(snapshot=over, plan={}, node="n1")
    store.call_ended(snapshot={**over, "ended": START, "termination": ENDED})
    assert orphans.close_orphans(node="n1") == 1
    closed = stored(mine["id"])
    assert closed["termination"]["reason"] == "engine-restarted"
    assert closed["termination"]["by"] == "engine"
    assert closed["state"] == "ended"
    assert {one["state"] for one in closed["legs"]} == {"ended"}
    assert len(closed["events"]) == 1
    assert stored(others["id"])["ended"] is None
    assert stored(over["id"])["termination"]["reason"] == "hangup"
    assert orphans.close_orphans(node="n1") == 0


def live_calls() -> list[CallSnapshot]:
    rows = reading.with_details(Call.objects.filter(ended__isnull=True))
    return [reading.snapshot(row) for row in rows]


def test_live_calls_are_three_queries_however_many(django_assert_num_queries):
    for minute in range(5):
        started = f"2026-01-02T03:0{5 - minute}:00+00:00"
        store.call_started(snapshot=call(started=started), plan={}, node="n1")
    gone = call()
    store.call_started(snapshot=gone, plan={}, node="n1")
    store.call_ended(snapshot={**gone, "ended": START, "termination": ENDED})
    with django_assert_num_queries(3):
        live = live_calls()
    assert len(live) == 5
    assert [one["started"] for one in live] == sorted(one["started"] for one in live)


def test_a_node_is_one_row_however_often_it_is_seen():
    start = datetime(2026, 1, 2, tzinfo=UTC)
    for second in range(3):
        nodes.node_seen(
            name="n1",
            started=start,
            seen=start + timedelta(seconds=second),
            listening=["udp:0.0.0.0:5060"],
            codecs=["PCMU"],
            unavailable_codecs={"OPUS": "libopus.so.0 is missing"},
            unconfined=[],
            calls=second,
            max_calls=100,
        )
    row = EngineNode.objects.get()
    assert (row.seen, row.calls) == (start + timedelta(seconds=2), 2)
    nodes.node_gone(name="n1")
    assert not EngineNode.objects.exists()


@pytest.mark.django_db(transaction=True)
async def test_records_can_be_written_from_an_event_loops_threads():
    calls = [call() for _ in range(4)]
    for one in calls:
        await asyncio.to_thread(store.call_started, snapshot=one, plan={}, node="n1")
    assert len(await asyncio.to_thread(live_calls)) == 4
    await asyncio.to_thread(Call.objects.all().delete)
