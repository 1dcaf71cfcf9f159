"""Whether a connection can be reached, and by what: one rule, for one row and for queries."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import (
    Case,
    Exists,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    TextChoices,
    Value,
    When,
)

from connections.models import Connection, Registration


class ConnectionState(TextChoices):
    """What a call to a connection would find."""

    REGISTERED = "registered", "Registered"
    FIXED = "fixed", "Fixed address"
    NOT_REGISTERED = "not-registered", "Not registered"
    DISABLED = "disabled", "Disabled"


def state_of(connection: Connection, bindings: Sequence[Registration]) -> ConnectionState:
    """Return the state of a connection with these unexpired bindings."""
    if not connection.enabled:
        return ConnectionState.DISABLED
    if connection.address:
        return ConnectionState.FIXED
    return ConnectionState.REGISTERED if bindings else ConnectionState.NOT_REGISTERED


def in_state(
    connections: QuerySet[Connection], state: ConnectionState, *, now: datetime
) -> QuerySet[Connection]:
    """Return those in a state at `now`; the same rule as `state_of`."""
    return connections.filter(_conditions(now)[state])


def with_state_rank(connections: QuerySet[Connection], *, now: datetime) -> QuerySet[Connection]:
    """Add `state_rank`, by which registered ones sort first and disabled ones last."""
    whens = [
        When(condition, then=Value(rank))
        for rank, condition in enumerate(_conditions(now).values())
    ]
    return connections.annotate(state_rank=Case(*whens, output_field=IntegerField()))


def with_bindings(connections: QuerySet[Connection], *, now: datetime) -> QuerySet[Connection]:
    """Fetch the unexpired registrations along, as the list `bindings`. One query more.

    They are in the order in which they were made: none changes its place as it is renewed.
    """
    valid = Registration.objects.filter(expires_at__gt=now).order_by("since", "pk")
    return connections.prefetch_related(
        Prefetch("registrations", queryset=valid, to_attr="bindings")
    )


def _conditions(now: datetime) -> dict[ConnectionState, Q]:
    valid = Q(Exists(Registration.objects.filter(connection=OuterRef("pk"), expires_at__gt=now)))
    enabled, fixed = Q(enabled=True), ~Q(address="")
    return {
        ConnectionState.REGISTERED: enabled & ~fixed & valid,
        ConnectionState.FIXED: enabled & fixed,
        ConnectionState.NOT_REGISTERED: enabled & ~fixed & ~valid,
        ConnectionState.DISABLED: ~enabled,
    }
