"""Whether calls through a trunk can be expected to work: green says so, and nothing less does."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dashboard.trunks.standing import trunk_badge
from trunks.models import Gateway, GatewayTarget, RegistrationState, Trunk, TrunkRegistration
from trunks.states import TrunkState, state_of, with_standing

pytestmark = pytest.mark.django_db
UP, DOWN, OLD = True, False, None
"What an address said: lately, or so long ago that it is not believed."


def trunk(*gateways: tuple[bool | None, ...], **values: Any) -> Trunk:
    """Return a trunk with gateways whose addresses said so."""
    now = timezone.now()
    row = Trunk.objects.create(name="carrier", out_username="we", **values)
    for place, addresses in enumerate(gateways, start=1):
        gateway = Gateway.objects.create(trunk=row, uri=f"sip:192.0.2.{place}", priority=place)
        for number, said in enumerate(addresses):
            GatewayTarget.objects.create(
                gateway=gateway,
                target=f"udp:192.0.2.{place}:{5060 + number}",
                is_up=bool(said),
                since=now,
                said="",
                holds_until=now + timedelta(seconds=-1 if said is None else 60),
            )
    return row


def register(row: Trunk, state: str, *, expires_in_s: float | None = None) -> None:
    now = timezone.now()
    TrunkRegistration.objects.create(
        trunk=row,
        state=state,
        since=now,
        contact_user="trunk-0",
        call_id="x",
        expires_at=now + timedelta(seconds=expires_in_s) if expires_in_s else None,
    )


def standing(row: Trunk) -> tuple[TrunkState, str]:
    known = with_standing(Trunk.objects.all()).get(pk=row.pk)
    return state_of(known, now=timezone.now()), trunk_badge(known).tone


@pytest.mark.parametrize(
    ("gateways", "state", "tone"),
    [
        (((UP,), (UP, UP)), TrunkState.READY, "up"),
        (((UP,), ()), TrunkState.READY, "up"),
        (((DOWN,), (DOWN, DOWN)), TrunkState.DOWN, "fail"),
        (((DOWN, OLD),), TrunkState.DOWN, "fail"),
        (((DOWN,), (UP,)), TrunkState.PARTLY_DOWN, "wait"),
        (((DOWN,), ()), TrunkState.PARTLY_DOWN, "wait"),
        (((DOWN, UP),), TrunkState.PARTLY_DOWN, "wait"),
        (((OLD,),), TrunkState.UNKNOWN, "idle"),
        (((),), TrunkState.UNKNOWN, "idle"),
        ((), TrunkState.UNUSABLE, "wait"),
    ],
)
def test_gateways_that_are_down_or_not_known_are_not_green(
    gateways: tuple[tuple[bool | None, ...], ...], state: TrunkState, tone: str
) -> None:
    assert standing(trunk(*gateways)) == (state, tone)


@pytest.mark.parametrize(
    ("registration", "expires_in_s", "gateways", "state", "tone"),
    [
        (RegistrationState.REGISTERED, 60, ((),), TrunkState.READY, "up"),
        (RegistrationState.REGISTERED, 60, ((DOWN,),), TrunkState.DOWN, "fail"),
        (RegistrationState.REGISTERED, -5, ((UP,),), TrunkState.NOT_REGISTERED, "fail"),
        (RegistrationState.REGISTERED, None, ((UP,),), TrunkState.NOT_REGISTERED, "fail"),
        (RegistrationState.FAILED, None, ((UP,),), TrunkState.NOT_REGISTERED, "fail"),
        (RegistrationState.GONE, None, ((UP,),), TrunkState.NOT_REGISTERED, "fail"),
        (RegistrationState.TRYING, None, ((UP,),), TrunkState.REGISTERING, "wait"),
        (None, None, ((UP,),), TrunkState.REGISTERING, "wait"),
    ],
)
def test_a_registration_that_does_not_hold_is_not_green(
    registration: RegistrationState | None,
    expires_in_s: float | None,
    gateways: tuple[tuple[bool | None, ...], ...],
    state: TrunkState,
    tone: str,
) -> None:
    row = trunk(*gateways, registers=True)
    if registration is not None:
        register(row, registration, expires_in_s=expires_in_s)
    assert standing(row) == (state, tone)


def test_a_registration_that_is_not_wanted_any_more_says_nothing() -> None:
    row = trunk((UP,))
    register(row, RegistrationState.GONE)
    assert standing(row) == (TrunkState.READY, "up")


def test_a_disabled_trunk_is_disabled_whatever_is_known_of_it() -> None:
    row = trunk((UP,), registers=True, enabled=False)
    register(row, RegistrationState.REGISTERED, expires_in_s=60)
    assert standing(row) == (TrunkState.DISABLED, "idle")


def test_without_a_gateway_calls_can_come_in_if_somebody_is_known() -> None:
    row = trunk(in_allowed_addresses=["192.0.2.0/24"])
    assert standing(row) == (TrunkState.INCOMING, "up")
