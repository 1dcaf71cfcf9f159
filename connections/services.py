"""What others may do with connections; each function owns its transaction."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from connections.models import Connection, Registration
from connections.templates import ConnectionTemplate, lock_templates
from sip.digest import kept_ha1
from sip.passwords import generate_password
from sip.revisions import ConflictError, news, save

HA1_FIELDS = ("ha1_realm", "ha1_md5", "ha1_sha256", "ha1b_md5", "ha1b_sha256")
"What `set_password` changes, in the order of `kept_ha1`."


def set_password(*, connection: Connection, password: str) -> bool:
    """Keep the digest HA1s of a password for the realm of the settings; return if they changed.

    The connection may be unsaved; it is not saved here. An empty password takes the right to
    authenticate away.
    """
    before = tuple(getattr(connection, name) for name in HA1_FIELDS)
    after = kept_ha1(
        username=connection.sip_user, realm=settings.VOIPNUMBER_REALM, password=password
    )
    for name, value in zip(HA1_FIELDS, after, strict=True):
        setattr(connection, name, value)
    return before != after


@transaction.atomic
def add_connection(*, name: str, sip_user: str, password: str = "") -> tuple[Connection, str]:
    """Store a new connection; return it with its password, which was made up if none is given.

    Raises ValidationError if the SIP user is taken or a value is not allowed.
    """
    password = password or generate_password()
    connection = Connection(name=name, sip_user=sip_user)
    set_password(connection=connection, password=password)
    connection.full_clean()
    connection.save()
    return connection, password


@transaction.atomic
def change_connection(
    *, pk: int, changes: Mapping[str, Any], seen: Mapping[str, Any]
) -> tuple[Connection, str]:
    """Write these fields and no others; return the connection and its new password, if any.

    `seen` holds what the person saw in the fields of `changes`. Another SIP user takes another
    password, as the digest binds both: it is made up here. Raises ConflictError for what somebody
    else changed (see `sip.revisions`), ValidationError for values that are not allowed,
    Connection.DoesNotExist if it was deleted.
    """
    row = Connection.objects.select_for_update().get(pk=pk)
    stored = {field: _plain(getattr(row, field)) for field in changes}
    written = news(stored=stored, seen=seen, wanted=changes)
    if not written:
        return row, ""
    for field, value in written.items():
        setattr(row, field, value)
    password = generate_password() if "sip_user" in written and row.ha1_md5 else ""
    if password:
        set_password(connection=row, password=password)
    row.full_clean()
    row.save(update_fields=[*written, *(HA1_FIELDS if password else ())])
    return row, password


def _plain(value: object) -> object:
    # What a form shows of a text has no spaces around it.
    return value.strip() if isinstance(value, str) else value


@transaction.atomic
def replace_password(*, pk: int, password: str = "") -> str:
    """Give a connection a new password, made up if none is given, and return it.

    Raises Connection.DoesNotExist if it was deleted.
    """
    row = Connection.objects.select_for_update().get(pk=pk)
    password = password or generate_password()
    set_password(connection=row, password=password)
    row.save(update_fields=HA1_FIELDS)
    return password


def set_enabled(*, pk: int, enabled: bool) -> bool:
    """Let a connection register and call, or not; return whether that changed anything."""
    with transaction.atomic():
        row = Connection.objects.select_for_update().exclude(enabled=enabled).filter(pk=pk).first()
        if row is not None:
            row.enabled = enabled
            row.save(update_fields=["enabled"])
        return row is not None


@transaction.atomic
def change_many(
    *,
    keys: Sequence[int],
    field: str,
    value: Any,
    seen: str,
    mark: Callable[[Sequence[Connection]], str],
) -> int:
    """Give these connections one value of a field; return how many had another.

    `seen` is what `mark` said of them when they were shown. Raises ConflictError if it says
    something else by now.
    """
    if isinstance(value, ConnectionTemplate) and not lock_templates([value.pk]):
        raise ConflictError(f"Not saved: somebody deleted the template {value.name} meanwhile.")
    rows = list(Connection.objects.select_for_update().filter(pk__in=keys).order_by("pk"))
    if seen != mark(rows):
        text = "Not saved: somebody else changed one of them meanwhile. They are shown as they are."
        raise ConflictError(text)
    others = [row for row in rows if getattr(row, field) != value]
    for row in others:
        setattr(row, field, value)
        row.save(update_fields=[field])
    return len(others)


@transaction.atomic
def add_template(*, values: Mapping[str, Any]) -> ConnectionTemplate:
    """Store a new template of these fields; raises ValidationError for what is not allowed."""
    row = ConnectionTemplate(**{name: _plain(value) for name, value in values.items()})
    row.full_clean()
    save(row)
    return row


@transaction.atomic
def change_template(*, pk: int, changes: Mapping[str, Any]) -> ConnectionTemplate:
    """Write these fields of a template and no others; who follows it gets its lists.

    Raises ValidationError for what is not allowed, ConnectionTemplate.DoesNotExist if it is gone.
    """
    row = _locked_template(pk)
    wanted = {name: _plain(value) for name, value in changes.items()}
    written = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in written:
        setattr(row, name, wanted[name])
    if written:
        row.full_clean()
        save(row, fields=written)
    return row


@transaction.atomic
def delete_template(*, pk: int) -> None:
    """Delete a template; those who follow it keep its lists as their own.

    Raises ConnectionTemplate.DoesNotExist if it is gone.
    """
    _locked_template(pk).delete()


@transaction.atomic
def follow_template(*, template_pk: int, sip_user: str) -> Connection:
    """Have a connection follow a template in place of another one, or of lists of its own.

    Raises ConnectionTemplate.DoesNotExist or Connection.DoesNotExist for which of them is none.
    """
    template = _locked_template(template_pk)
    row = Connection.objects.select_for_update().get(sip_user=sip_user)
    if row.template_id != template.pk:
        row.template = template
        row.save(update_fields=["template"])
    return row


@transaction.atomic
def leave_template(*, template_pk: int, sip_user: str) -> None:
    """Have a connection that follows a template keep its lists as its own.

    Raises ConnectionTemplate.DoesNotExist for what is none, Connection.DoesNotExist for who does
    not follow it.
    """
    template = _locked_template(template_pk)
    row = Connection.objects.select_for_update().get(sip_user=sip_user, template=template)
    row.template = None
    row.save(update_fields=["template"])


def _locked_template(pk: int) -> ConnectionTemplate:
    # Before those who follow it: see `connections.templates`.
    for row in lock_templates([pk]):
        return row
    raise ConnectionTemplate.DoesNotExist


@transaction.atomic
def delete_connection(*, pk: int) -> None:
    """Delete a connection with its registrations; calls on record stay.

    Raises ProtectedError while numbers or voice agents lead to it, Connection.DoesNotExist if it
    is gone.
    """
    Connection.objects.select_for_update().get(pk=pk).delete()


def unexpired_registrations(*, sip_user: str, now: datetime) -> list[Registration]:
    """Return the bindings still valid at `now`, the most recently refreshed first. One query."""
    return list(Registration.objects.filter(connection__sip_user=sip_user, expires_at__gt=now))


class Unwritten(NamedTuple):
    """What an engine has decided of one connection's bindings and not stored yet."""

    written: tuple[Registration, ...]
    removed: Mapping[tuple[str, str], datetime]
    "By Contact and instance, with when it was: what is refreshed later stays."


@transaction.atomic
def store_registrations(unwritten: Mapping[int, Unwritten]) -> None:
    """Store bindings, by their connections' keys, beside what other engines have stored.

    Of one binding, and of one device (instance), the later refresh stays. What belongs to a
    connection that is gone is dropped. Two queries, and one each for what is removed and written.
    """
    # No registration refers to the key of another, so the weaker lock will do; in one order.
    rows = Connection.objects.select_for_update(no_key=True).filter(pk__in=unwritten)
    stored: dict[int, list[_Stored]] = {
        key: [] for key in rows.order_by("pk").values_list("pk", flat=True)
    }
    columns = ("connection", "pk", "contact", "instance", "registered_at")
    for key, *values in Registration.objects.filter(connection__in=stored).values_list(*columns):
        stored[key].append(_Stored(*values))
    gone: list[int] = []
    written: list[Registration] = []
    for key, bindings in stored.items():
        change = unwritten[key]
        gone += [one.pk for one in bindings if one.is_removed(change)]
        for row in change.written:
            rivals = [one for one in bindings if _is_rival(one, row)]
            if any(one.registered_at > row.registered_at for one in rivals):
                continue
            # Before it is written: a device is at one address.
            gone += [one.pk for one in rivals if one.contact != row.contact]
            written.append(row)
    if gone:
        Registration.objects.filter(pk__in=gone).delete()
    Registration.objects.bulk_create(
        written, update_conflicts=True, unique_fields=_KEY, update_fields=_REFRESHED
    )


class _Stored(NamedTuple):
    pk: int
    contact: str
    instance: str
    registered_at: datetime

    def is_removed(self, change: Unwritten) -> bool:
        at = change.removed.get((self.contact, self.instance))
        return at is not None and self.registered_at <= at


def _is_rival(stored: _Stored, row: Registration) -> bool:
    is_same_device = bool(row.instance) and stored.instance == row.instance
    return is_same_device or (stored.contact, stored.instance) == (row.contact, row.instance)


_KEY = ("connection", "contact", "instance")
_REFRESHED = [
    field.name for field in Registration._meta.concrete_fields if field.name not in (*_KEY, "id")
]


def registered_count(*, now: datetime) -> int:
    """Return how many connections have at least one valid binding. One query."""
    rows = Registration.objects.filter(expires_at__gt=now)
    return rows.values("connection_id").distinct().count()


def delete_expired_registrations(*, now: datetime) -> int:
    """Delete bindings that expired before `now` and return how many. One query."""
    return Registration.objects.filter(expires_at__lte=now).delete()[0]
