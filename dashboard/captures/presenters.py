"""Captures as a person reads them."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from callengine.core import capturewords
from callengine.models import Call, PacketCapture
from callengine.record import captures
from dashboard.captures.forms import CaptureForm
from dashboard.parts.durations import duration_text
from dashboard.parts.shown import Badge

JUST_NOW = dt.timedelta(seconds=15)
"How long the page asks again for what an engine has not written yet."


@dataclass(frozen=True, slots=True)
class CaptureView:
    """One capture of a call."""

    key: str
    badge: Badge
    by: str
    began: dt.datetime | None
    lasted: str
    size: str
    packets: int
    lost: int
    whole: bool
    limits: str
    said: str
    "What became of it, or why there is nothing."
    has_file: bool
    "Whether it can be downloaded here."
    is_on: bool
    is_settling: bool
    "Whether more is about to be known of it."


def card(call: Call, form: CaptureForm | None = None) -> dict[str, Any]:
    """Return what the card of a call's captures shows."""
    views = [present(row, call) for row in call.captures.all()]
    return {
        "call_uuid": call.pk,
        "captures": views,
        "capture_form": form or CaptureForm(),
        "may_begin": call.ended is None and not any(view.is_on for view in views),
        "is_settling": any(view.is_settling for view in views),
        "is_live": call.ended is None,
    }


def of_next_call(party: str) -> PacketCapture | None:
    """Return what waits for a party's next call."""
    return captures.waiting(party)


def last_of(party: str) -> PacketCapture | None:
    """Return the last capture that was asked for a party's next call and has one."""
    rows = PacketCapture.objects.filter(Q(party=party)).exclude(call=None)
    return rows.select_related("call").first()


def present(row: PacketCapture, call: Call) -> CaptureView:
    """Return what is shown of one capture."""
    now = timezone.now()
    over = row.ended or call.ended
    is_on = over is None
    file = captures.path(settings.VOIPNUMBER_DATA, row.pk)
    size = file.stat().st_size if row.began is not None and file.exists() else row.bytes
    lasted = ((over or now) - row.began).total_seconds() if row.began else 0.0
    since = row.ended or row.asked
    return CaptureView(
        key=str(row.pk),
        badge=_badge(row, is_on=is_on),
        by=row.by,
        began=row.began,
        lasted=duration_text(max(lasted, 0.0)),
        size=filesizeformat(size) if size else "",
        packets=row.packets,
        lost=row.lost,
        whole=row.whole,
        limits=f"{row.max_s // 60} min, {row.max_bytes // 1_000_000} MB",
        said=_said(row, call, has_file=file.exists()),
        has_file=row.began is not None and file.exists(),
        is_on=is_on,
        is_settling=(row.began is None and is_on)
        or (row.ended is not None and not row.bytes and now - since < JUST_NOW),
    )


def _badge(row: PacketCapture, *, is_on: bool) -> Badge:
    if is_on:
        return Badge("recording", "fail") if row.began else Badge("beginning", "wait")
    return Badge("recorded", "idle") if row.began else Badge("nothing", "idle")


def _said(row: PacketCapture, call: Call, *, has_file: bool) -> str:
    if row.began is None:
        if call.ended is not None and row.ended is None:
            return "It did not begin: the call was over first."
        return capturewords.WHY.get(row.why, "")
    if row.ended is None:
        # It ended with its engine.
        return "" if call.ended is None else "The engine stopped while it was on."
    words = capturewords.WHY.get(row.why, "")
    if not has_file and row.bytes:
        return f"{words} The file lies in the data folder of the engine {row.node}, on its machine."
    return words
