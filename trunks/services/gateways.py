"""The gateways of a trunk."""

from collections.abc import Sequence
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.services import as_one
from trunks.models import Gateway, Trunk
from trunks.services.lists import MAX_POSITION, check_order, check_room


class GatewayValues(NamedTuple):
    """One gateway as it is to be."""

    uri: str
    priority: int
    weight: int = 1


@transaction.atomic
def replace_gateways(*, trunk: Trunk, gateways: Sequence[GatewayValues]) -> bool:
    """Make these the trunk's gateways; return whether that changed any."""
    wanted = {one.uri: one for one in gateways}
    rows = {row.uri: row for row in _locked_gateways(trunk)}
    gone = [row.pk for uri, row in rows.items() if uri not in wanted]
    moved = [row for uri, row in rows.items() if uri in wanted and _takes(row, wanted[uri])]
    new = [Gateway(trunk=trunk, **one._asdict()) for uri, one in wanted.items() if uri not in rows]
    with as_one(trunk, "gateways", lambda: _told(trunk)):
        # What is known of the others' addresses stays.
        Gateway.objects.filter(pk__in=gone).delete()
        Gateway.objects.bulk_update(moved, ["priority", "weight"])
        Gateway.objects.bulk_create(new)
    return bool(gone or moved or new)


def _told(trunk: Trunk) -> list[str]:
    """Return a trunk's gateways as the audit log keeps them, first to try first."""
    rows = Gateway.objects.filter(trunk=trunk)
    return [f"{row.uri} (priority {row.priority}, weight {row.weight})" for row in rows]


def _takes(row: Gateway, wanted: GatewayValues) -> bool:
    """Take over priority and weight; return whether that changed one."""
    before = (row.priority, row.weight)
    row.priority, row.weight = wanted.priority, wanted.weight
    return before != (row.priority, row.weight)


@transaction.atomic
def change_gateway(*, trunk: Trunk, gateway_id: int, priority: int, weight: int) -> bool:
    """Give a gateway another priority and weight; False if it is gone."""
    rows = Gateway.objects.filter(trunk=trunk, pk=gateway_id)
    with as_one(trunk, "gateways", lambda: _told(trunk)):
        return bool(rows.update(priority=priority, weight=weight))


@transaction.atomic
def add_gateway(*, trunk: Trunk, uri: str) -> Gateway:
    """Add a gateway that is tried after all others.

    Raises ValidationError if the trunk has it already or has as many as it may.
    """
    rows = _locked_gateways(trunk)
    if any(row.uri == uri for row in rows):
        raise ValidationError(f"{uri!r} is a gateway of this trunk already.", code="duplicate")
    check_room(len(rows), "gateways")
    with as_one(trunk, "gateways", lambda: _told(trunk)):
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
    with as_one(trunk, "gateways", lambda: _told(trunk)):
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
    with as_one(trunk, "gateways", lambda: _told(trunk)):
        return _number([by_id[pk] for pk in order])


def _number(rows: Sequence[Gateway]) -> bool:
    changed = False
    for position, row in enumerate(rows, start=1):
        changed = changed or row.priority != position
        row.priority = position
    Gateway.objects.bulk_update(rows, ["priority"])
    return changed


def _locked_gateways(trunk: Trunk) -> list[Gateway]:
    """Return a trunk's gateways; until the transaction ends nobody else changes them."""
    Trunk.objects.select_for_update().get(pk=trunk.pk)
    return list(Gateway.objects.filter(trunk=trunk))
