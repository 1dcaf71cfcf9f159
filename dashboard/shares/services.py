"""Links to one call's record: made, looked up, revoked; each stands in the audit log."""

import datetime as dt
import hashlib
import secrets

from django.db.models import F
from django.utils import timezone

from audit.services import did
from callengine.models import Call, CallShare

BYTES = 32
LASTS = {
    "hour": ("1 hour", dt.timedelta(hours=1)),
    "day": ("1 day", dt.timedelta(days=1)),
    "week": ("7 days", dt.timedelta(days=7)),
}
"By the word that the form sends."


def parties(call: Call) -> str:
    """Return who calls whom, for the audit log."""
    return f"{call.from_user} to {call.to_user}"


def share(call: Call, *, by: str, lasts: str, masks_numbers: bool) -> str:
    """Return the token of a new link, which is kept nowhere."""
    token = secrets.token_urlsafe(BYTES)
    word, lifetime = LASTS[lasts]
    now = timezone.now()
    CallShare.objects.create(
        call=call,
        digest=_digest(token),
        by=by,
        made=now,
        until=now + lifetime,
        masks_numbers=masks_numbers,
    )
    numbers = "masked" if masks_numbers else "shown"
    did(f"made a link to the record for {word}, numbers {numbers}", row=call, name=parties(call))
    return token


def revoke(row: CallShare) -> None:
    """Have a link lead nowhere any more."""
    if CallShare.objects.filter(pk=row.pk, revoked=None).update(revoked=timezone.now()):
        did("revoked a link to the record", row=row.call, name=parties(row.call))


def find(token: str) -> CallShare | None:
    """Return the link of a token, and count that it was looked at; None if it is good no more."""
    now = timezone.now()
    rows = CallShare.objects.filter(digest=_digest(token), revoked=None, until__gt=now)
    row = rows.select_related("call").first()
    if row is None:
        return None
    CallShare.objects.filter(pk=row.pk).update(looks=F("looks") + 1, last_look=now)
    if not row.looks:
        text = f"a link to the record, made by {row.by}, was opened for the first time"
        did(text, row=row.call, name=parties(row.call))
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
