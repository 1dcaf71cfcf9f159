"""What others may do with trunks; each function owns its transaction."""

from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from audiocodecs.sipnames import digest_ha1
from trunks.access import parse_address
from trunks.models import Gateway, Route, RouteTrunk, Trunk
from trunks.validators import parse_access_list


def set_in_password(*, trunk: Trunk, password: str) -> bool:
    """Keep the digest HA1s of the IN password for the realm of the settings; tell if they changed.

    The trunk may be unsaved; it is not saved here. An empty password, or no IN user name, takes
    them away.
    """
    before = (trunk.in_ha1_realm, trunk.in_ha1_md5, trunk.in_ha1_sha256)
    after = ("", "", "")
    if password and trunk.in_username:
        realm = settings.VOIPNUMBER_REALM
        hashes = digest_ha1(username=trunk.in_username, realm=realm, password=password)
        after = (realm, *hashes)
    trunk.in_ha1_realm, trunk.in_ha1_md5, trunk.in_ha1_sha256 = after
    return before != after


@transaction.atomic
def replace_gateways(*, trunk: Trunk, gateways: Sequence[tuple[str, int]]) -> bool:
    """Make these (URI, priority) pairs the trunk's gateways, in order; return if that changed."""
    wanted = [(uri, priority, order) for order, (uri, priority) in enumerate(gateways)]
    rows = Gateway.objects.filter(trunk=trunk).order_by("order", "id")
    # Only their order counts: what a person numbered 1, 2, 3 is what a file lists as 0, 1, 2.
    if [(row.uri, row.priority) for row in rows] == [(uri, prio) for uri, prio, _ in wanted]:
        return False
    rows.delete()
    Gateway.objects.bulk_create(
        Gateway(trunk=trunk, uri=uri, priority=priority, order=order)
        for uri, priority, order in wanted
    )
    return True


@transaction.atomic
def replace_route_trunks(*, route: Route, trunks: Sequence[Trunk]) -> bool:
    """Make these the route's trunks, in order; return whether that changed anything."""
    rows = RouteTrunk.objects.filter(route=route)
    if [row.trunk_id for row in rows] == [trunk.pk for trunk in trunks]:
        return False
    rows.delete()
    RouteTrunk.objects.bulk_create(
        RouteTrunk(route=route, trunk=trunk, position=position)
        for position, trunk in enumerate(trunks)
    )
    return True


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
