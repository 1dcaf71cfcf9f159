"""The gateways of a trunk."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from trunks.models import Gateway, Trunk
from trunks.services.lists import MAX_POSITION, check_order, check_room


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
def add_gateway(*, trunk: Trunk, uri: str) -> Gateway:
    """Add a gateway that is tried after all others.

    Raises ValidationError if the trunk has it already or has as many as it may.
    """
    rows = _locked_gateways(trunk)
    if any(row.uri == uri for row in rows):
        raise ValidationError(f"{uri!r} is a gateway of this trunk already.", code="duplicate")
    check_room(len(rows), "gateways")
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
    check_order([row.pk for row in rows], based_on, order)
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
