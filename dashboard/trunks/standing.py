"""How a trunk stands: its state, its registration, and each address of its gateways."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from dashboard.parts.shown import Badge
from trunks.models import Gateway, GatewayTarget, RegistrationState, Trunk
from trunks.states import (
    GatewayState,
    TrunkState,
    gateway_state,
    registration_state,
    state_of,
    with_standing,
)

UNKNOWN = Badge(str(GatewayState.UNKNOWN.label), "idle")
_TRUNK_TONES = {
    TrunkState.READY: "up",
    TrunkState.INCOMING: "up",
    TrunkState.UNKNOWN: "idle",
    TrunkState.PARTLY_DOWN: "wait",
    TrunkState.REGISTERING: "wait",
    TrunkState.UNUSABLE: "wait",
    TrunkState.NOT_REGISTERED: "fail",
    TrunkState.DOWN: "fail",
    TrunkState.DISABLED: "idle",
}
_GATEWAY_TONES = {
    GatewayState.UP: "up",
    GatewayState.PARTLY_DOWN: "wait",
    GatewayState.DOWN: "fail",
    GatewayState.UNKNOWN: "idle",
}
_TONES = {
    RegistrationState.TRYING: "wait",
    RegistrationState.REGISTERED: "up",
    RegistrationState.FAILED: "fail",
    RegistrationState.GONE: "idle",
}


@dataclass(frozen=True, slots=True)
class TargetView:
    """One address of a gateway."""

    target: str
    name: str
    badge: Badge
    since: dt.datetime | None
    said: str
    rests_until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class GatewayView:
    """One gateway, and what is known of it."""

    gateway: Gateway
    badge: Badge
    targets: tuple[TargetView, ...]


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A trunk's registration."""

    badge: Badge
    said: str
    since: dt.datetime | None
    next_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class StandingView:
    """How one trunk stands, for its page."""

    state: Badge
    registration: RegistrationView | None
    gateways: tuple[GatewayView, ...]


def trunk_badge(trunk: Trunk) -> Badge:
    """Return a trunk's state, the same everywhere; no query if it comes from `with_standing`."""
    state = state_of(trunk, now=timezone.now())
    return Badge(str(state.label), _TRUNK_TONES[state])


def standing_of(trunk: Trunk) -> StandingView:
    """Return how a trunk stands. Three queries unless it comes from `with_standing`."""
    return StandingView(
        state=trunk_badge(trunk),
        registration=registration_view(trunk),
        gateways=gateway_views(trunk.gateways.all()),
    )


def read_standing(trunk_id: int) -> tuple[Trunk, StandingView] | None:
    """Read a trunk as it stands now; None if it is gone. Three queries."""
    row = with_standing(Trunk.objects.filter(pk=trunk_id)).first()
    return (row, standing_of(row)) if row is not None else None


def gateway_views(gateways: Iterable[Gateway]) -> tuple[GatewayView, ...]:
    """Return gateways with what is believed of their addresses now."""
    now = timezone.now()
    return tuple(_gateway(gateway, now) for gateway in gateways)


def registration_view(trunk: Trunk) -> RegistrationView | None:
    """Return how a trunk's registration stands; None if it does not register."""
    state = registration_state(trunk, now=timezone.now())
    if state is None:
        return None
    row = getattr(trunk, "registration", None)
    if not trunk.enabled:
        return RegistrationView(Badge("Not registered", "idle"), "It is disabled.", None, None)
    if row is None:
        said = "No engine has registered it yet."
        return RegistrationView(Badge("Not registered", "wait"), said, None, None)
    badge = Badge(str(state.label), _TONES[state])
    if state is RegistrationState.FAILED and row.state == RegistrationState.REGISTERED:
        said = "The registration has run out, and no engine has renewed it. Is one running?"
        return RegistrationView(badge, said, row.expires_at, None)
    return RegistrationView(badge, row.said, row.since, row.next_at)


def _gateway(gateway: Gateway, now: dt.datetime) -> GatewayView:
    state = gateway_state(gateway, now=now)
    badge = Badge(str(state.label), _GATEWAY_TONES[state])
    return GatewayView(gateway, badge, tuple(_target(row, now) for row in gateway.targets.all()))


def _target(row: GatewayTarget, now: dt.datetime) -> TargetView:
    rests_until = row.rests_until if row.rests_until and row.rests_until > now else None
    if row.holds_until <= now:
        return TargetView(row.target, row.name, UNKNOWN, None, row.said, None)
    badge = Badge("Up", "up") if row.is_up else Badge("Down", "fail")
    return TargetView(row.target, row.name, badge, row.since, row.said, rests_until)
