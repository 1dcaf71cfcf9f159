"""`manage.py prune` deletes what is old, whole, and nothing else."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from callengine.models import Call, CallEvent, Direction, Leg, Rejection, SipMessage
from callengine.record import retention
from connections.models import Connection, Registration
from tests.dashboard.record import call, rejection

pytestmark = pytest.mark.django_db
DAY_S = 86400


def prune(days: Any) -> str:
    out = io.StringIO()
    call_command("prune", f"--days={days}", stdout=out)
    return out.getvalue().strip()


def whole_call(**values: Any) -> Call:
    made = call(**values)
    CallEvent.objects.create(call=made, at=made.started, kind="invite", text="INVITE")
    SipMessage.objects.create(
        call=made, number=1, at=made.started, direction=Direction.IN, summary="INVITE"
    )
    return made


def registered(name: str, expires_in_s: float) -> None:
    now = timezone.now()
    Registration.objects.create(
        connection=Connection.objects.create(name=name, sip_user=name),
        contact=f"sip:{name}@192.0.2.1",
        call_id=name,
        cseq=1,
        expires_at=now + timedelta(seconds=expires_in_s),
        flow="udp:192.0.2.1:5060",
        registered_at=now,
    )


def test_what_is_old_goes_with_all_that_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        whole_call(ago_s=40 * DAY_S)
        rejection(ago_s=40 * DAY_S)
    young = whole_call(ago_s=20 * DAY_S)
    talking = whole_call(outcome="in-progress", ago_s=31 * DAY_S)
    whole_call(outcome="in-progress", ago_s=38 * DAY_S)
    refused = rejection(ago_s=29 * DAY_S)
    registered("gone", -5)
    registered("here", 500)
    assert prune(30) == "deleted: 6 calls, 5 rejections, 1 expired registrations"
    kept = {young.pk, talking.pk}
    assert set(Call.objects.values_list("pk", flat=True)) == kept
    for model in (Leg, CallEvent, SipMessage):
        assert set(model.objects.values_list("call", flat=True)) == kept
    assert list(Rejection.objects.values_list("pk", flat=True)) == [refused.pk]
    assert [row.connection.sip_user for row in Registration.objects.all()] == ["here"]
    assert prune(30) == "deleted: 0 calls, 0 rejections, 0 expired registrations"


@pytest.mark.parametrize("days", ["0", "-1", "ten", "1.5", "999999"])
def test_nonsense_is_named_and_deletes_nothing(days: str) -> None:
    whole_call(ago_s=40 * DAY_S)
    with pytest.raises(CommandError, match="is not a whole number from 1 to 36500"):
        prune(days)
    assert Call.objects.exists()


def test_days_must_be_said() -> None:
    with pytest.raises(CommandError, match="--days"):
        call_command("prune")
