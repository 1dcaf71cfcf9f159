"""A trunk as a whole, and who may send its calls."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from sip.digest import kept_ha1
from sip.revisions import locked, save
from trunks.access import parse_address
from trunks.models import Gateway, Trunk
from trunks.validators import parse_access_list

HA1_FIELDS = ("in_ha1_realm", "in_ha1_md5", "in_ha1_sha256", "in_ha1b_md5", "in_ha1b_sha256")
"What `set_in_password` changes, in the order of `kept_ha1`."


def set_in_password(*, trunk: Trunk, password: str) -> bool:
    """Keep the digest HA1s of the IN password for the realm of the settings; tell if they changed.

    The trunk may be unsaved; it is not saved here. An empty password, or no IN user name, takes
    them away.
    """
    before = tuple(getattr(trunk, name) for name in HA1_FIELDS)
    after = kept_ha1(
        username=trunk.in_username,
        realm=settings.VOIPNUMBER_REALM,
        password=password if trunk.in_username else "",
    )
    for name, value in zip(HA1_FIELDS, after, strict=True):
        setattr(trunk, name, value)
    return before != after


@transaction.atomic
def allow_address(*, trunk: Trunk, address: str) -> bool:
    """Put one IP address on a trunk's access list; return whether it was not there by itself.

    `trunk` is brought up to date. Raises ValidationError if this is no single IP address or the
    list is full, and Trunk.DoesNotExist if the trunk was deleted meanwhile.
    """
    parsed = parse_address(address.strip())
    if parsed is None:
        raise ValidationError(f"{address!r} is not an IP address", code="invalid")
    # Two people may add to the same list at once: each reads it under the lock.
    row = Trunk.objects.select_for_update().get(pk=trunk.pk)
    entries = parse_access_list([*row.in_allowed_addresses])
    (entry,) = parse_access_list([str(parsed)])
    added = entry not in entries
    if added:
        row.in_allowed_addresses = parse_access_list([*entries, entry])
        row.save(update_fields=["in_allowed_addresses"])
    trunk.in_allowed_addresses = row.in_allowed_addresses
    return added


@transaction.atomic
def create_trunk(*, trunk: Trunk, gateway: str = "") -> Trunk:
    """Store a new trunk and its first gateway; both or nothing."""
    save(trunk)
    if gateway:
        Gateway.objects.create(trunk=trunk, uri=gateway)
    return trunk


@transaction.atomic
def set_enabled(*, trunk: Trunk, enabled: bool) -> None:
    """Let a trunk take part in calls, or not; nothing else of its row is written."""
    trunk.enabled = enabled
    if locked(Trunk, trunk.pk) is not None:
        trunk.save(update_fields=["enabled"])


def delete_trunk(*, trunk: Trunk) -> bool:
    """Delete a trunk with its gateways; return False if something leads to it."""
    try:
        with transaction.atomic():
            Trunk.objects.filter(pk=trunk.pk).delete()
    except ProtectedError:
        return False
    return True
