"""Links as a person reads them, and the record they lead to."""

from typing import Any

from django.utils import timezone

from callengine.models import Call, CallShare
from callengine.record import reading
from dashboard.calls.ladder import present_ladder
from dashboard.calls.plots import with_measures
from dashboard.calls.presenters import present_call
from dashboard.parts.shown import Badge
from dashboard.shares.forms import ShareForm
from dashboard.shares.numbers import NumberMask


def card(call: Call, *, form: ShareForm | None = None, link: str = "") -> dict[str, Any]:
    """Return what the card of a call's links shows; `link` is a new one, shown once."""
    return {
        "call_uuid": call.pk,
        "shares": [(row, _badge(row)) for row in call.shares.all()],
        "share_form": form or ShareForm(),
        "new_link": link,
    }


def _badge(row: CallShare) -> Badge:
    if row.revoked is not None:
        return Badge("revoked", "idle")
    return Badge("good", "up") if row.until > timezone.now() else Badge("expired", "idle")


def shared(row: CallShare) -> dict[str, Any]:
    """Return what a link shows: the record without what belongs to this server alone.

    Its plan, what was said to a voice agent and its packets are not among it.
    """
    record = reading.with_details(Call.objects.filter(pk=row.call_id)).get()
    told, messages = reading.whole_snapshot(record), reading.ladder(record)
    if row.masks_numbers:
        mask = NumberMask(told, messages)
        told, messages = mask.call(told), mask.whole(messages)
    view = present_call(told, now=timezone.now())
    return {
        "share": row,
        "call": with_measures(view, reading.histories(record)),
        "ladder": present_ladder(view, messages),
    }
