"""Captures that were asked for while this engine heard nothing: it learns of them all the same."""

from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from callengine.engine.captures import recording as captures
from callengine.engine.captures.recording import Captures
from callengine.models import Call, PacketCapture
from tests.dashboard.live import demo
from tests.peers.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


async def test_what_was_not_heard_of_is_found_once_the_database_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was read once, at the start, and never again if that failed or Redis was away."""
    monkeypatch.setattr(captures, "LOOK_S", 0.02)
    begun: list[tuple[object, str]] = []
    monkeypatch.setattr(
        Captures, "_begin_late", lambda _, call, order: begun.append((call, order.call))
    )
    is_away = [True]

    async def read(query: Any) -> Any:
        if is_away:
            is_away.clear()
            raise OperationalError("the database is away")
        return await sync_to_async(query)()

    shown = demo.call()
    await sync_to_async(demo.store)(shown)
    call = SimpleNamespace(capture=None)
    book = SimpleNamespace(calls={shown["id"].replace("-", ""): call})
    settings = SimpleNamespace(node="n", data=None, captures=None)
    rig: dict[str, Any] = {"book": book, "pool": None, "edge": None, "read": read}
    asked: Any = Captures(settings, **rig)  # type: ignore[arg-type]
    await asked.start()
    row = await Call.objects.aget(pk=shown["id"])
    more = {"by": "ann", "asked": row.started, "whole": False, "max_s": 60, "max_bytes": 1000}
    late = row.started.replace(year=row.started.year + 1)
    await PacketCapture.objects.acreate(party="connection:bob", until=late, **more)
    await PacketCapture.objects.acreate(call=row, **more)
    await until(lambda: "connection:bob" in asked._wanted, "nobody waits for bob's next call")
    await until(lambda: (call, shown["id"]) in begun, "the call is not recorded")
    await asked.stop()
