"""Addresses that a phone is set up from: made with a password, good once and not for long."""

import base64
import datetime as dt
import hashlib
import secrets

from cryptography.fernet import Fernet
from django.db import transaction
from django.utils import timezone

from connections.models import Connection
from provisioning.models import PhoneSetup

LIFETIME = dt.timedelta(minutes=15)
AGAIN = dt.timedelta(minutes=1)
"How long a phone that has fetched its file may fetch it again: some ask twice."
BYTES = 32


def invite(*, connection: Connection, password: str) -> str:
    """Return a token under which this password can be fetched; earlier ones end."""
    token = secrets.token_urlsafe(BYTES)
    now = timezone.now()
    PhoneSetup.objects.filter(expires_at__lte=now).delete()
    PhoneSetup.objects.filter(connection=connection).delete()
    PhoneSetup.objects.create(
        connection=connection,
        digest=_digest(token),
        sealed=_cipher(token).encrypt(password.encode()).decode(),
        expires_at=now + LIFETIME,
    )
    return token


@transaction.atomic
def take(token: str) -> tuple[Connection, str] | None:
    """Return whose settings a token is for, and the password; None if it is good no more."""
    now = timezone.now()
    rows = PhoneSetup.objects.select_for_update(of=("self",)).select_related("connection")
    row = rows.filter(digest=_digest(token), expires_at__gt=now).first()
    if row is None or (row.used_at is not None and now - row.used_at > AGAIN):
        return None
    if row.used_at is None:
        row.used_at = now
        row.save(update_fields=["used_at"])
    return row.connection, _cipher(token).decrypt(row.sealed.encode()).decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _cipher(token: str) -> Fernet:
    # The token is random and long: a hash of it is a key.
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"key:{token}".encode()).digest()))
