"""Whose calls are closed by whom, when an engine is gone or seems to be."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from callengine.models import Call, CallEvent, EngineNode
from callengine.record import orphans, store
from tests.callengine.record.reading import read
from tests.dashboard.live import demo
from tests.peers import services
from tests.peers.services import Postgres

SEEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINE, OTHERS = "a" * 32, "b" * 32


def begun(identity: str, node: str = "n1", **changes: object) -> demo.CallSnapshot:
    snapshot = demo.call(**changes)
    store.call_started(snapshot=snapshot, plan={}, node=node, identity=identity)
    return snapshot


def alive(identity: str, name: str, seen: datetime = SEEN) -> None:
    EngineNode.objects.update_or_create(
        name=name, defaults={"identity": identity, "started": SEEN, "seen": seen}
    )


def reasons() -> list[str]:
    return list(Call.objects.order_by("node_identity").values_list("reason", flat=True))


@pytest.mark.django_db
def test_an_engine_knows_its_own_calls_by_its_identity_whatever_its_name() -> None:
    begun(MINE, node="old-name")
    begun(OTHERS, node="n1")
    assert orphans.close_orphans(node="n1", identity=MINE) == 1
    assert reasons() == ["engine-restarted", ""]


@pytest.mark.django_db
def test_what_gave_another_sign_meanwhile_is_left_alone() -> None:
    begun(OTHERS)
    alive(OTHERS, "n1", SEEN + timedelta(seconds=3))
    assert orphans.signs(but=MINE) == {OTHERS: (SEEN + timedelta(seconds=3)).isoformat()}
    assert orphans.close_lost(identity=OTHERS, sign=SEEN.isoformat()) == []
    assert reasons() == [""]


@pytest.mark.django_db
def test_a_lost_call_ended_when_its_engine_was_last_heard_of() -> None:
    start = datetime.now(UTC) - timedelta(seconds=100)
    snapshot = begun(OTHERS, started=start.isoformat(), answered=start.isoformat())
    alive(OTHERS, "n1", start + timedelta(seconds=30))
    sign = orphans.signs(but=MINE)[OTHERS]
    (key,) = orphans.close_lost(identity=OTHERS, sign=sign)
    call = Call.objects.get(pk=key)
    assert str(key) == snapshot["id"]
    assert (call.ended_by, call.reason, call.code) == ("engine", "node-lost", 500)
    assert "The engine n1, which held this call" in call.advice
    assert call.ended == start + timedelta(seconds=30)
    assert call.talk_s == 30
    assert call.events.get().kind == "ended"


@pytest.mark.django_db
def test_calls_of_an_engine_without_a_row_are_found_as_well() -> None:
    begun(OTHERS, node="gone")
    assert orphans.signs(but=MINE) == {OTHERS: orphans.NO_SIGN}
    assert len(orphans.close_lost(identity=OTHERS, sign=orphans.NO_SIGN)) == 1
    assert orphans.signs(but=MINE) == {}


@pytest.mark.django_db
def test_an_engine_that_was_only_cut_off_has_the_last_word() -> None:
    up, over = begun(OTHERS), begun(OTHERS)
    assert len(orphans.close_lost(identity=OTHERS, sign=orphans.NO_SIGN)) == 2
    assert store.call_changed(snapshot=up)
    row = Call.objects.get(pk=up["id"])
    assert (row.ended, row.reason, row.advice, row.talk_s) == (None, "", "", None)
    assert store.call_ended(snapshot=demo.ended(over, demo.HUNG_UP))
    assert Call.objects.get(pk=over["id"]).reason == "hangup"
    assert not store.call_changed(snapshot=over)


@pytest.mark.skipif(not services.available(), reason="needs Debian's postgresql")
async def test_of_several_engines_one_closes_a_call(postgres: Postgres) -> None:
    """Eight look at the same moment; each call is closed once and has one last line."""

    def close_at_once() -> int:
        for _ in range(40):
            begun(OTHERS)
        alive(OTHERS, "n1")
        start, counts = threading.Barrier(8), list[int]()

        def close() -> None:
            start.wait()
            counts.append(len(orphans.close_lost(identity=OTHERS, sign=SEEN.isoformat())))
            connections["default"].close()

        threads = [threading.Thread(target=close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert CallEvent.objects.filter(kind="ended").count() == 40
        return sum(counts)

    assert await read(close_at_once) == 40


@pytest.mark.django_db
@pytest.mark.parametrize("old_name", ["a-container", "z-container"])
def test_a_row_of_an_older_name_hides_no_sign_of_life(old_name: str) -> None:
    """As each container has a host name of its own, and one that is killed leaves its row."""
    begun(OTHERS)
    alive(OTHERS, "n1", SEEN + timedelta(hours=1))
    alive(OTHERS, old_name, SEEN)
    (sign,) = orphans.signs(but=MINE).values()
    assert sign == (SEEN + timedelta(hours=1)).isoformat()
    (key,) = orphans.close_lost(identity=OTHERS, sign=sign)
    assert "The engine n1," in Call.objects.get(pk=key).advice


@pytest.mark.django_db
def test_an_engine_under_a_new_name_takes_its_old_one_from_the_list() -> None:
    for identity, name in ((MINE, "old-container"), (MINE, "n1"), (OTHERS, "n2"), ("", "n0")):
        alive(identity, name)
    orphans.close_orphans(node="n1", identity=MINE)
    assert list(EngineNode.objects.values_list("name", flat=True)) == ["n0", "n1", "n2"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["n1", "an-older-name"])
def test_a_call_an_engine_left_ended_with_it_not_when_it_is_back(name: str) -> None:
    start = datetime.now(UTC) - timedelta(days=2)
    begun(MINE, started=start.isoformat(), answered=start.isoformat())
    alive(MINE, name, start + timedelta(seconds=30))
    assert orphans.close_orphans(node="n1", identity=MINE) == 1
    call = Call.objects.get()
    assert (call.ended, call.talk_s) == (start + timedelta(seconds=30), 30)


@pytest.mark.django_db
def test_the_timeline_of_a_call_that_was_not_lost_has_no_end_within() -> None:
    up = begun(OTHERS)
    store.call_events(entries=[line(up, 1, "invite", "It began.")])
    assert len(orphans.close_lost(identity=OTHERS, sign=orphans.NO_SIGN)) == 1
    assert store.call_changed(snapshot=up)
    store.call_events(entries=[line(up, 2, "hold", "The caller holds.")])
    lines = CallEvent.objects.order_by("number").values_list("number", "at", "kind", "text")
    assert list(lines) == [
        (1, SEEN, "invite", "It began."),
        (2, SEEN, "hold", "The caller holds."),
    ]


def line(call: demo.CallSnapshot, number: int, kind: str, text: str) -> store.TimelineEntry:
    return store.TimelineEntry(call["id"], SEEN, "A", kind, text, number)
