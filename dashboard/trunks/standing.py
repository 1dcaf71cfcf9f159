"""How a trunk stands at its carrier: its registration, and each address of its gateways."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from dashboard.parts.shown import Badge
from trunks.models import Gateway, GatewayTarget, RegistrationState, Trunk

UNKNOWN = Badge("Unknown", "idle")
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


def gateway_views(gateways: Iterable[Gateway]) -> list[GatewayView]:
    """Return gateways with what is believed of their addresses now; `targets` are prefetched."""
    now = timezone.now()
    return [_gateway(gateway, now) for gateway in gateways]


def registration_view(trunk: Trunk) -> RegistrationView | None:
    """Return how a trunk's registration stands; None if it does not register."""
    if not trunk.registers:
        return None
    row = getattr(trunk, "registration", None)
    if not trunk.enabled:
        return RegistrationView(Badge("Not registered", "idle"), "It is disabled.", None, None)
    if row is None:
        said = "No engine has registered it yet."
        return RegistrationView(Badge("Not registered", "wait"), said, None, None)
    state = RegistrationState(row.state)
    if state is RegistrationState.REGISTERED and row.expires_at < timezone.now():
        said = "The registration has run out, and no engine has renewed it. Is one running?"
        return RegistrationView(Badge("Not registered", "fail"), said, row.expires_at, None)
    badge = Badge(str(state.label), _TONES[state])
    return RegistrationView(badge, row.said, row.since, row.next_at)


def carrier_badges(trunk: Trunk) -> list[Badge]:
    """Return what a list says of a trunk at its carrier: only what is known."""
    if not trunk.enabled:
        return []
    registration = registration_view(trunk)
    badges = [registration.badge] if registration else []
    known = [view.badge for view in gateway_views(trunk.gateways.all()) if view.badge != UNKNOWN]
    down = [badge for badge in known if badge.tone == "fail"]
    if down and len(down) == len(known):
        badges.append(Badge("Gateways down", "fail"))
    elif any(badge.tone != "up" for badge in known):
        badges.append(Badge("Some gateways down", "wait"))
    elif known:
        badges.append(Badge("Gateways up", "up"))
    return badges


def _gateway(gateway: Gateway, now: dt.datetime) -> GatewayView:
    targets = tuple(_target(row, now) for row in gateway.targets.all())
    tones = {target.badge.tone for target in targets} - {UNKNOWN.tone}
    badge = UNKNOWN
    if tones == {"up"}:
        badge = Badge("Up", "up")
    elif tones == {"fail"}:
        badge = Badge("Down", "fail")
    elif tones:
        badge = Badge("Partly down", "wait")
    return GatewayView(gateway, badge, targets)


def _target(row: GatewayTarget, now: dt.datetime) -> TargetView:
    rests_until = row.rests_until if row.rests_until and row.rests_until > now else None
    if row.holds_until <= now:
        return TargetView(row.target, row.name, UNKNOWN, None, row.said, None)
    badge = Badge("Up", "up") if row.is_up else Badge("Down", "fail")
    return TargetView(row.target, row.name, badge, row.since, row.said, rests_until)
