"""Whether calls through a trunk can be expected to work: one rule for pages, plans and tests."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet, TextChoices

from trunks.models import Gateway, GatewayTarget, RegistrationState, Trunk


class GatewayState(TextChoices):
    """What is known of a gateway's addresses, taken together."""

    UP = "up", "Up"
    PARTLY_DOWN = "partly-down", "Partly down"
    DOWN = "down", "Down"
    UNKNOWN = "unknown", "Unknown"


class TrunkState(TextChoices):
    """What a call through a trunk would find."""

    READY = "ready", "Ready"
    "Nothing is known against it, and something for it."
    INCOMING = "incoming", "Incoming only"
    "It has no gateway; calls can come in."
    UNKNOWN = "unknown", "Not tried lately"
    PARTLY_DOWN = "partly-down", "Some gateways down"
    REGISTERING = "registering", "Registering"
    UNUSABLE = "unusable", "Not set up"
    "Neither a call of it would be taken nor one sent."
    NOT_REGISTERED = "not-registered", "Not registered"
    DOWN = "down", "Gateways down"
    DISABLED = "disabled", "Disabled"


def with_standing(trunks: QuerySet[Trunk]) -> QuerySet[Trunk]:
    """Fetch what `state_of` reads along. Two queries more."""
    return trunks.select_related("registration").prefetch_related("gateways__targets")


def state_of(trunk: Trunk, *, now: datetime) -> TrunkState:
    """Return the state of a trunk; no query if it comes from `with_standing`."""
    if not trunk.enabled:
        return TrunkState.DISABLED
    gateways = [gateway_state(gateway, now=now) for gateway in trunk.gateways.all()]
    if gateways and set(gateways) == {GatewayState.DOWN}:
        return TrunkState.DOWN
    registration = registration_state(trunk, now=now)
    if registration in (RegistrationState.FAILED, RegistrationState.GONE):
        return TrunkState.NOT_REGISTERED
    if registration is RegistrationState.TRYING:
        return TrunkState.REGISTERING
    return _by_gateways(gateways) or _untried(
        trunk, bool(gateways), registration is RegistrationState.REGISTERED
    )


def _by_gateways(gateways: Collection[GatewayState]) -> TrunkState | None:
    if {GatewayState.DOWN, GatewayState.PARTLY_DOWN} & {*gateways}:
        return TrunkState.PARTLY_DOWN
    return TrunkState.READY if GatewayState.UP in gateways else None


def _untried(trunk: Trunk, has_gateway: bool, is_registered: bool) -> TrunkState:
    if is_registered:
        return TrunkState.READY
    if has_gateway:
        return TrunkState.UNKNOWN
    is_known = trunk.in_allowed_addresses or trunk.in_username or trunk.in_domain
    return TrunkState.INCOMING if is_known else TrunkState.UNUSABLE


def registration_state(trunk: Trunk, *, now: datetime) -> RegistrationState | None:
    """Return how its registration stands; None if it does not register."""
    if not trunk.registers:
        return None
    row = getattr(trunk, "registration", None)
    if row is None:
        return RegistrationState.TRYING
    state = RegistrationState(row.state)
    if state is RegistrationState.REGISTERED and (row.expires_at is None or row.expires_at <= now):
        return RegistrationState.FAILED
    return state


def gateway_state(gateway: Gateway, *, now: datetime) -> GatewayState:
    """Return what is known of a gateway; no query if its `targets` are prefetched."""
    ups = {target.is_up for target in believed(gateway, now=now)}
    if not ups:
        return GatewayState.UNKNOWN
    if len(ups) > 1:
        return GatewayState.PARTLY_DOWN
    return GatewayState.UP if True in ups else GatewayState.DOWN


def believed(gateway: Gateway, *, now: datetime) -> list[GatewayTarget]:
    """Return the addresses of a gateway of which something is known still."""
    return [target for target in gateway.targets.all() if target.holds_until > now]
