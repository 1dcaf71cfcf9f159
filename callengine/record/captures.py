"""Packet captures in the record, and their files. Synchronous."""

import datetime as dt
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import Q
from django.utils import timezone

from callengine.core.snapshot import CaptureSnapshot
from callengine.models import Call, PacketCapture

FOLDER = "captures"
SUFFIX = ".pcapng"
WAITS = dt.timedelta(hours=24)
"How long a party's next call is waited for."
YOUNG_S = 120.0
"A file this new may belong to a row that is not to be seen yet."


@dataclass(frozen=True, slots=True)
class CaptureOrder:
    """What was asked for."""

    key: str
    "UUID with hyphens."
    call: str
    "UUID with hyphens; empty while a party's next call is waited for."
    party: str
    by: str
    whole: bool
    max_s: int
    max_bytes: int
    until: dt.datetime | None


def path(data: Path, key: object) -> Path:
    """Return where the file of a capture lies in an engine's data folder."""
    return data / FOLDER / f"{uuid.UUID(str(key))}{SUFFIX}"


def open_orders() -> list[CaptureOrder]:
    """Return which parties' next calls are waited for, and which calls are to be recorded."""
    waits = Q(call=None, until__gt=timezone.now())
    is_up = Q(call__isnull=False, call__ended=None)
    rows = PacketCapture.objects.filter(waits | is_up, began=None, ended=None)
    return [_order(row) for row in rows]


def order(key: str) -> CaptureOrder | None:
    """Return what was asked for and has not begun; None if there is no such thing."""
    row = PacketCapture.objects.filter(pk=key, began=None, ended=None).first()
    return _order(row) if row is not None else None


def claim(key: str, *, node: str, at: dt.datetime) -> bool:
    """Take a capture as this engine's; False if another has it, or it was called off."""
    row = PacketCapture.objects.filter(pk=key, began=None, ended=None)
    return row.update(began=at, node=node) == 1


def store(*, key: str, columns: Mapping[str, Any]) -> None:
    """Write columns of a capture; one that was deleted stays so."""
    values = dict(columns)
    for name in ("began", "ended"):
        if isinstance(values.get(name), str):
            values[name] = dt.datetime.fromisoformat(values[name])
    if "call_id" in values and not Call.objects.filter(pk=values["call_id"]).exists():
        del values["call_id"]
    PacketCapture.objects.filter(pk=key).update(**values)


def running(call: Call) -> CaptureSnapshot | None:
    """Return the capture that is on, in the shape in which it is shown."""
    if call.ended is not None:
        return None
    row = call.captures.filter(ended=None).exclude(began=None).first()
    if row is None or row.began is None:
        return None
    return {
        "key": str(row.pk),
        "by": row.by,
        "began": row.began.astimezone(dt.UTC).isoformat(),
        "ended": None,
        "whole": row.whole,
        "max_s": row.max_s,
        "max_bytes": row.max_bytes,
    }


def waiting(party: str) -> PacketCapture | None:
    """Return what waits for a party's next call."""
    rows = PacketCapture.objects.filter(Q(party=party), call=None, began=None, ended=None)
    return rows.filter(until__gt=timezone.now()).first()


def sweep(data: Path) -> int:
    """Delete what waited for a call in vain, and files without a row; return how many files."""
    now, count = timezone.now(), 0
    PacketCapture.objects.filter(call=None, until__lt=now - WAITS).delete()
    for file, key in _files(data / FOLDER):
        with suppress(OSError):
            is_old = now.timestamp() - file.stat().st_mtime > YOUNG_S
            if is_old and not PacketCapture.objects.filter(pk=key).exists():
                file.unlink()
                count += 1
    return count


def stored_bytes(data: Path) -> int:
    """Return how much the files in an engine's data folder take."""
    total = 0
    for file, _ in _files(data / FOLDER):
        with suppress(OSError):
            total += file.stat().st_size
    return total


def drop(data: Path, key: object) -> None:
    """Delete the file of a capture, if it lies here."""
    path(data, key).unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[Path, uuid.UUID]]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        with suppress(ValueError):
            if name.endswith(SUFFIX):
                yield folder / name, uuid.UUID(name.removesuffix(SUFFIX))


def _order(row: PacketCapture) -> CaptureOrder:
    return CaptureOrder(
        key=str(row.pk),
        call=str(row.call_id or ""),
        party=row.party,
        by=row.by,
        whole=row.whole,
        max_s=row.max_s,
        max_bytes=row.max_bytes,
        until=row.until,
    )
