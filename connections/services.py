"""What others may do with connections; each function owns its transaction."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from audiocodecs.sipnames import digest_ha1
from connections.models import Connection, Registration


def set_password(*, connection: Connection, password: str) -> bool:
    """Keep the digest HA1s of a password for the realm of the settings; return if they changed.

    The connection may be unsaved; it is not saved here. An empty password takes the right to
    authenticate away.
    """
    realm = settings.VOIPNUMBER_REALM if password else ""
    md5, sha256 = "", ""
    if password:
        md5, sha256 = digest_ha1(username=connection.sip_user, realm=realm, password=password)
    before = (connection.ha1_realm, connection.ha1_md5, connection.ha1_sha256)
    connection.ha1_realm, connection.ha1_md5, connection.ha1_sha256 = realm, md5, sha256
    return before != (realm, md5, sha256)


def unexpired_registrations(*, sip_user: str, now: datetime) -> list[Registration]:
    """Return the bindings still valid at `now`, the most recently refreshed first. One query."""
    return list(Registration.objects.filter(connection__sip_user=sip_user, expires_at__gt=now))


@transaction.atomic
def replace_registrations(
    *, sip_user: str, registrations: Sequence[Registration], now: datetime
) -> None:
    """Store exactly these bindings for a connection.

    `registrations` are unsaved rows without `connection` and `registered_at`; a binding that is
    the same as before keeps the time it was last refreshed. Raises LookupError if there is no
    such connection.
    """
    # The lock makes two REGISTERs of one user, on two nodes, take turns.
    connection = Connection.objects.select_for_update().filter(sip_user=sip_user).first()
    if connection is None:
        raise LookupError(f"no connection has the SIP user {sip_user!r}")
    before = {row.contact: row for row in Registration.objects.filter(connection=connection)}
    for row in registrations:
        known = before.get(row.contact)
        unchanged = known is not None and (known.call_id, known.cseq, known.expires_at) == (
            row.call_id,
            row.cseq,
            row.expires_at,
        )
        row.connection = connection
        row.registered_at = known.registered_at if known is not None and unchanged else now
    Registration.objects.filter(connection=connection).delete()
    Registration.objects.bulk_create(registrations)


def registered_count(*, now: datetime) -> int:
    """Return how many connections have at least one valid binding. One query."""
    rows = Registration.objects.filter(expires_at__gt=now)
    return rows.values("connection_id").distinct().count()


def delete_expired_registrations(*, now: datetime) -> int:
    """Delete bindings that expired before `now` and return how many. One query."""
    return Registration.objects.filter(expires_at__lte=now).delete()[0]
