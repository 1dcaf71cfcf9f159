"""Asking for packets to be recorded, and no more; each stands in the audit log."""

from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.services import did
from callengine.models import Call, PacketCapture
from callengine.notices.captures import CaptureAsked, DropCapture, StopCapture
from callengine.notices.groups import ENGINES, tell
from callengine.record import captures
from connections.models import Connection


def party_of(connection: Connection) -> str:
    """Return what calls name a connection by."""
    return f"connection:{connection.sip_user}"


def parties(call: Call) -> str:
    """Return who calls whom, for the audit log."""
    return f"{call.from_user} to {call.to_user}"


def record_call(call: Call, *, by: str, **asked: Any) -> PacketCapture:
    """Have packets of a live call recorded from now on; ValidationError if that cannot be."""
    if call.ended is not None:
        raise ValidationError("The call had already ended.")
    if call.captures.filter(ended=None).exists():
        raise ValidationError("Packets of this call are being recorded already.")
    row = PacketCapture.objects.create(call=call, by=by, asked=timezone.now(), **asked)
    did(f"began to record packets ({_what(row)})", row=call, name=parties(call))
    _tell(CaptureAsked(str(row.pk)))
    return row


def record_next_call(connection: Connection, *, by: str, **asked: Any) -> PacketCapture:
    """Have packets of a connection's next call recorded."""
    party = party_of(connection)
    if captures.waiting(party) is not None:
        raise ValidationError("Packets of its next call are to be recorded already.")
    now = timezone.now()
    until = now + captures.WAITS
    row = PacketCapture.objects.create(party=party, by=by, asked=now, until=until, **asked)
    did(f"asked to record packets of the next call ({_what(row)})", row=connection)
    _tell(CaptureAsked(str(row.pk)))
    return row


def stop(row: PacketCapture) -> None:
    """Record no more, or wait no more."""
    if row.ended is not None:
        return
    if row.began is None:
        PacketCapture.objects.filter(pk=row.pk, began=None).update(
            ended=timezone.now(), why="cancelled"
        )
    _did("stopped recording packets" if row.began else "called off recording packets", row)
    _tell(StopCapture(str(row.pk)))


def delete(row: PacketCapture) -> None:
    """Delete a capture with its file, wherever that lies."""
    _did("deleted recorded packets", row)
    key = str(row.pk)
    row.delete()
    captures.drop(settings.VOIPNUMBER_DATA, key)
    _tell(DropCapture(key))


def fetched(row: PacketCapture) -> None:
    """Note that somebody has a file now."""
    _did("downloaded recorded packets", row)


def _did(note: str, row: PacketCapture) -> None:
    """Write what somebody did with a capture, at its call, or whose next call it waits for."""
    if row.call is not None:
        did(note, row=row.call, name=parties(row.call))
        return
    user = row.party.removeprefix("connection:")
    did(note, row=Connection.objects.filter(sip_user=user).first(), name=row.party)


def _what(row: PacketCapture) -> str:
    payload = "with payload" if row.whole else "without payload"
    return f"{payload}, at most {row.max_s // 60} min and {row.max_bytes // 1_000_000} MB"


def _tell(command: CaptureAsked | StopCapture | DropCapture) -> None:
    async_to_sync(tell)(ENGINES, command)
