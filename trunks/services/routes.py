"""Routes and the trunks they go to."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.services import as_one
from sip.revisions import save
from trunks.models import Route, RouteTrunk, Trunk
from trunks.services.lists import check_order, check_room


@transaction.atomic
def replace_route_trunks(*, route: Route, trunks: Sequence[Trunk]) -> bool:
    """Make these the route's trunks, in order; return whether that changed anything."""
    rows = RouteTrunk.objects.filter(route=route)
    if [row.trunk_id for row in rows] == [trunk.pk for trunk in trunks]:
        return False
    with as_one(route, "trunks", lambda: _told(route)):
        rows.delete()
        RouteTrunk.objects.bulk_create(
            RouteTrunk(route=route, trunk=trunk, position=position)
            for position, trunk in enumerate(trunks)
        )
    return True


def _told(route: Route) -> list[str]:
    """Return the names of a route's trunks as the audit log keeps them, first to try first."""
    steps = RouteTrunk.objects.filter(route=route)
    return list(steps.values_list("trunk__name", flat=True))


@transaction.atomic
def create_route(*, route: Route, trunk: Trunk) -> Route:
    """Store a new route and its first trunk; both or nothing."""
    save(route)
    with as_one(route, "trunks", lambda: _told(route)):
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
    check_room(len(rows), "trunks")
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
    check_order(list(trunks), based_on, order)
    return replace_route_trunks(route=route, trunks=[trunks[pk] for pk in order])


def _locked_steps(route: Route) -> list[RouteTrunk]:
    """Return a route's steps; until the transaction ends nobody else changes them."""
    Route.objects.select_for_update().get(pk=route.pk)
    return list(RouteTrunk.objects.filter(route=route).select_related("trunk"))
