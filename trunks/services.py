"""What others may do with trunks; each function owns its transaction."""

from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from sip.digest import kept_ha1
from sip.revisions import ConflictError, is_news, save
from trunks.access import parse_address
from trunks.models import Gateway, Route, RouteTrunk, Trunk
from trunks.validators import parse_access_list

MAX_STEPS = 50
"Gateways of a trunk, and trunks of a route, at most."
MAX_POSITION = 32767
HA1_FIELDS = ("in_ha1_realm", "in_ha1_md5", "in_ha1_sha256", "in_ha1b_md5", "in_ha1b_sha256")
"What `set_in_password` changes, in the order of `kept_ha1`."
_CHANGED = (
    "Not saved: somebody else changed the list meanwhile. It is shown as it is now; put it in "
    "order again."
)


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


@transaction.atomic
def create_trunk(*, trunk: Trunk, gateway: str = "") -> Trunk:
    """Store a new trunk and its first gateway; both or nothing."""
    save(trunk)
    if gateway:
        Gateway.objects.create(trunk=trunk, uri=gateway)
    return trunk


@transaction.atomic
def add_gateway(*, trunk: Trunk, uri: str) -> Gateway:
    """Add a gateway that is tried after all others.

    Raises ValidationError if the trunk has it already or has as many as it may.
    """
    rows = _locked_gateways(trunk)
    if any(row.uri == uri for row in rows):
        raise ValidationError(f"{uri!r} is a gateway of this trunk already.", code="duplicate")
    _check_room(len(rows), "gateways")
    if rows and rows[-1].priority >= MAX_POSITION:
        _number(rows)
    after = max((row.priority for row in rows), default=0)
    return Gateway.objects.create(trunk=trunk, uri=uri, priority=after + 1)


@transaction.atomic
def remove_gateway(*, trunk: Trunk, gateway_id: int) -> str:
    """Remove a gateway and return its URI; empty if it was gone already."""
    row = next((row for row in _locked_gateways(trunk) if row.pk == gateway_id), None)
    if row is None:
        return ""
    row.delete()
    return row.uri


@transaction.atomic
def order_gateways(*, trunk: Trunk, based_on: Sequence[int], order: Sequence[int]) -> bool:
    """Give the gateways the priorities 1, 2, 3 in this order; return whether anything changed.

    Both are lists of gateway ids. Raises ConflictError if somebody else changed the list.
    """
    rows = _locked_gateways(trunk)
    _check_order([row.pk for row in rows], based_on, order)
    by_id = {row.pk: row for row in rows}
    return _number([by_id[pk] for pk in order])


def _number(rows: Sequence[Gateway]) -> bool:
    changed = False
    for position, row in enumerate(rows, start=1):
        changed = changed or (row.priority, row.order) != (position, 0)
        row.priority, row.order = position, 0
    Gateway.objects.bulk_update(rows, ["priority", "order"])
    return changed


def _locked_gateways(trunk: Trunk) -> list[Gateway]:
    """Return a trunk's gateways; until the transaction ends nobody else changes them."""
    Trunk.objects.select_for_update().get(pk=trunk.pk)
    return list(Gateway.objects.filter(trunk=trunk))


def _check_room(count: int, what: str) -> None:
    if count >= MAX_STEPS:
        raise ValidationError(f"{count} {what}; allowed: up to {MAX_STEPS}.", code="full")


def _check_order(stored: Sequence[int], based_on: Sequence[int], order: Sequence[int]) -> None:
    if sorted(order) != sorted(stored):
        raise ConflictError(_CHANGED, list(stored))
    is_news(stored=list(stored), seen=list(based_on), wanted=list(order), text=_CHANGED)


@transaction.atomic
def create_route(*, route: Route, trunk: Trunk) -> Route:
    """Store a new route and its first trunk; both or nothing."""
    save(route)
    RouteTrunk.objects.create(route=route, trunk=trunk)
    return route


@transaction.atomic
def add_route_trunk(*, route: Route, trunk: Trunk) -> None:
    """Add a trunk that is tried after all others.

    Raises ValidationError if the route has it already or has as many as it may.
    """
    rows = _locked_steps(route)
    if any(row.trunk_id == trunk.pk for row in rows):
        raise ValidationError(f"{trunk} is a trunk of this route already.", code="duplicate")
    _check_room(len(rows), "trunks")
    replace_route_trunks(route=route, trunks=[*(row.trunk for row in rows), trunk])


@transaction.atomic
def remove_route_trunk(*, route: Route, trunk: Trunk) -> bool:
    """Take a trunk out of a route; return whether it was there.

    Raises ValidationError for the last one: a route to nowhere refuses what a shorter prefix
    would have carried.
    """
    rows = _locked_steps(route)
    left = [row.trunk for row in rows if row.trunk_id != trunk.pk]
    if rows and not left:
        raise ValidationError(
            f"{trunk} is the only trunk of {route}. Add another one first, or delete the route.",
            code="last",
        )
    return replace_route_trunks(route=route, trunks=left)


@transaction.atomic
def order_route_trunks(*, route: Route, based_on: Sequence[int], order: Sequence[int]) -> bool:
    """Put a route's trunks in this order; return whether anything changed.

    Both are lists of trunk ids. Raises ConflictError if somebody else changed the list.
    """
    trunks = {row.trunk_id: row.trunk for row in _locked_steps(route)}
    _check_order(list(trunks), based_on, order)
    return replace_route_trunks(route=route, trunks=[trunks[pk] for pk in order])


def _locked_steps(route: Route) -> list[RouteTrunk]:
    """Return a route's steps; until the transaction ends nobody else changes them."""
    Route.objects.select_for_update().get(pk=route.pk)
    return list(RouteTrunk.objects.filter(route=route).select_related("trunk"))


def set_enabled(*, trunk: Trunk, enabled: bool) -> None:
    """Let a trunk take part in calls, or not; nothing else of its row is written."""
    trunk.enabled = enabled
    Trunk.objects.filter(pk=trunk.pk).update(enabled=enabled)


def delete_trunk(*, trunk: Trunk) -> bool:
    """Delete a trunk with its gateways; return False if something leads to it."""
    try:
        with transaction.atomic():
            Trunk.objects.filter(pk=trunk.pk).delete()
    except ProtectedError:
        return False
    return True
