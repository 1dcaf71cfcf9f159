"""Agents' sessions in the record: written and rewritten, read as they were, gone with the call."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from callengine.core.snapshot import AgentSnapshot, SpokenSnapshot
from callengine.models import AgentSession, AgentSessionLine, Call
from callengine.record import agents, changes, orphans, reading, retention, store
from tests.callengine.record.test_records import ENDED, call, leg

pytestmark = pytest.mark.django_db


def session(**different: object) -> AgentSnapshot:
    same: AgentSnapshot = {
        "leg": "B",
        "name": "support",
        "dialect": "assemblyai",
        "session_id": "sess_1",
        "state": "ready",
        "moments": {"asked": "2026-01-02T03:04:05+00:00"},
        "queue_ms": 120.0,
        "barge_ins": 1,
        "close_code": None,
        "close_reason": "",
        "input": "audio/pcmu",
        "output": "audio/pcm",
        "how_in": "bytes pass untouched",
        "how_out": "resampled 24 → 8 kHz",
        "keeps_transcript": True,
    }
    return {**same, **different}  # type: ignore[typeddict-item]


def line(number: int, text: str, **different: object) -> SpokenSnapshot:
    same: SpokenSnapshot = {
        "number": number,
        "at": "2026-01-02T03:04:06+00:00",
        "leg": "B",
        "who": "agent",
        "text": text,
        "is_final": True,
        "is_interrupted": False,
    }
    return {**same, **different}  # type: ignore[typeddict-item]


def opened() -> dict:
    shown = call(legs=[leg("A"), leg("B")], agents=[session()])
    store.call_started(snapshot=shown, plan={}, node="n")
    store.call_changed(snapshot=shown)
    return shown


def test_a_session_is_read_as_it_was_written() -> None:
    shown = opened()
    assert reading.whole_snapshot(Call.objects.get(pk=shown["id"]))["agents"] == [session()]


def test_it_is_written_anew_and_closed_with_the_call() -> None:
    shown = opened()
    gone = session(state="ended", close_code=1011, close_reason="internal\0 error", barge_ins=3)
    ended = {**shown, "agents": [gone], "ended": shown["started"], "termination": ENDED}
    for _ in range(2):  # it may come again
        store.call_ended(snapshot=ended)
    row = AgentSession.objects.get()
    assert (row.state, row.close_code, row.barge_ins) == ("ended", 1011, 3)
    assert row.close_reason == "internal\ufffd error"


def test_a_call_of_an_older_engine_has_none() -> None:
    shown = call(legs=[leg("A")])
    shown.pop("agents", None)
    store.call_started(snapshot=shown, plan={}, node="n")
    store.call_changed(snapshot=shown)
    assert "agents" not in reading.whole_snapshot(Call.objects.get())


def test_lines_come_back_in_their_places_the_newest_of_each() -> None:
    shown = opened()
    told = changes.call_spoken(
        call_id=shown["id"], lines=[line(2, "Hi\0!", is_interrupted=True), line(1, "Hello?")]
    )
    changed = changes.call_spoken(call_id=shown["id"], lines=[line(1, "Hello.")])
    for change in (told, changed):
        kept = changes.read(changes.line(change))  # as it would come from the file
        assert kept is not None
        kept()
    spoken = agents.spoken(Call.objects.get())
    assert [(row["text"], row["is_interrupted"]) for row in spoken] == [
        ("Hello.", False),
        ("Hi\ufffd!", True),
    ]


def test_lines_of_an_unknown_call_are_left_out() -> None:
    changes.call_spoken(call_id=str(uuid.uuid4()), lines=[line(1, "Hello?")])()
    assert not AgentSessionLine.objects.exists()


def test_they_go_with_their_call() -> None:
    shown = opened()
    changes.call_spoken(call_id=shown["id"], lines=[line(1, "Hello?")])()
    Call.objects.update(ended=timezone.now() - timedelta(days=40))
    assert list(retention.prune_calls(before=timezone.now() - timedelta(days=30))) == [1]
    assert not AgentSession.objects.exists()
    assert not AgentSessionLine.objects.exists()


def test_sessions_of_an_engine_that_is_gone_have_ended() -> None:
    shown = opened()
    assert orphans.close_orphans(node="n") == 1
    assert AgentSession.objects.get(call=shown["id"]).state == "ended"
