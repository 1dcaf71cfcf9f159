"""One look at what the overview says, and what becomes of it: rows that several processes share."""

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Iterable, Sequence

from django.conf import settings
from django.db.models import Q

from dashboard.alerts.hysteresis import Hysteresis
from dashboard.alerts.message import AlertMessage
from dashboard.models import AlertKind, AlertSettings, OpenAlert
from dashboard.overview.figures import trunks_now
from dashboard.overview.now import Concern, every_concern
from dashboard.parts.engines import pill
from dashboard.parts.shown import EngineView

logger = logging.getLogger(__name__)

OF_A_MACHINE = frozenset({AlertKind.CERTIFICATE, AlertKind.DISK})
"Each web process judges its own machine's and nobody else's."
BY_AN_ENGINE = frozenset({AlertKind.SILENT, AlertKind.TRUNK, AlertKind.PHONE})
"Nothing new is known of these while no engine runs."


def look(hysteresis: Hysteresis, *, now_s: float, now: dt.datetime) -> list[AlertMessage]:
    """Return what is to be told now.

    Ten queries at most, one for each of them, and one for each address refused less often now.

    A row says that an alert is open, so it is told by the process that made the row and is not
    told again, whatever is restarted; its end by the process that deleted it.
    """
    kinds = AlertSettings.load().kinds
    OpenAlert.objects.exclude(kind__in=kinds).delete()
    engine = pill()
    concerns = every_concern(engine=engine, trunks=trunks_now(most=None))
    open_ = {row.key: row for row in OpenAlert.objects.filter(_ours())}
    said = _to_tell([one for one in concerns if one.kind in kinds], open_)
    unknown = _unknown(engine, said, open_.values())
    begun, over = hysteresis.look(now_s, said=said, open_=open_, unknown=unknown)
    return [
        *(message for key in begun for message in _begin(key, said[key], now)),
        *(message for key in over for message in _end(open_[key], now)),
    ]


def key_of(concern: Concern) -> str:
    """Return what an alert is known by, in every process."""
    if concern.kind in OF_A_MACHINE:
        return f"{concern.kind}@{settings.VOIPNUMBER_NODE}"
    return f"{concern.kind}:{concern.of}" if concern.of else concern.kind


def _to_tell(concerns: Sequence[Concern], open_: Collection[str]) -> dict[str, Concern]:
    """Return what is told, by key.

    Of so many of a kind that a sentence is about all of them, that one is told in place of each;
    those that were told before are not over for that.
    """
    together = {one.kind for one in concerns if not one.of}
    said = {key_of(one): one for one in concerns}
    return {
        key: one
        for key, one in said.items()
        if not one.of or one.kind not in together or key in open_
    }


def _ours() -> Q:
    mine = [f"{kind}@{settings.VOIPNUMBER_NODE}" for kind in OF_A_MACHINE]
    return ~Q(kind__in=OF_A_MACHINE) | Q(key__in=mine)


def _unknown(engine: EngineView, said: Iterable[str], rows: Iterable[OpenAlert]) -> set[str]:
    if any(node.up for node in engine.nodes):
        return set()
    keys = {*said, *(row.key for row in rows)}
    return {key for key in keys if key.partition(":")[0] in BY_AN_ENGINE}


def _begin(key: str, concern: Concern, now: dt.datetime) -> list[AlertMessage]:
    values = {"kind": concern.kind, "text": concern.sentence, "since": now}
    row, is_ours = OpenAlert.objects.get_or_create(key=key, defaults=values)
    return [_message("begun", row, now)] if is_ours else []


def _end(row: OpenAlert, now: dt.datetime) -> list[AlertMessage]:
    deleted, _ = OpenAlert.objects.filter(pk=row.pk).delete()
    return [_message("over", row, now)] if deleted else []


def _message(event: str, row: OpenAlert, now: dt.datetime) -> AlertMessage:
    logger.info("alert %s: %s: %s", row.key, event, row.text)
    is_over = event == "over"
    return AlertMessage(
        key=str(uuid.uuid4()),
        event="over" if is_over else "begun",
        kind=row.kind,
        text=row.text,
        at=now,
        node=settings.VOIPNUMBER_NODE,
    )
