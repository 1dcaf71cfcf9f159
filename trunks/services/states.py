"""How gateways' addresses and registrations at carriers stand; engines write it. Synchronous."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trunks.models import Gateway, GatewayTarget, Trunk, TrunkRegistration

MAX_TARGETS = 32
"Addresses of one gateway that are remembered."


def keep_target(
    *,
    trunk: str,
    gateway: str,
    target: str,
    name: str,
    is_up: bool,
    since: datetime,
    said: str,
    holds_until: datetime,
    rests_until: datetime | None,
) -> bool:
    """Keep how an address of a gateway stands; False if the gateway is gone."""
    row = Gateway.objects.filter(trunk__name=trunk, uri=gateway).first()
    if row is None:
        return False
    values = {
        "name": name[:255],
        "is_up": is_up,
        "since": since,
        "said": said[:200],
        "holds_until": holds_until,
        "rests_until": rests_until,
    }
    GatewayTarget.objects.update_or_create(gateway=row, target=target[:400], defaults=values)
    # A name whose addresses change leaves rows behind.
    newest = row.targets.order_by("-holds_until").values_list("pk", flat=True)[:MAX_TARGETS]
    row.targets.exclude(pk__in=list(newest)).delete()
    return True


def forget_targets(*, trunk: str, gateway: str, but: list[str]) -> None:
    """Forget the addresses that a gateway's name does not lead to any more."""
    rows = GatewayTarget.objects.filter(gateway__trunk__name=trunk, gateway__uri=gateway)
    rows.exclude(target__in=but).delete()


def keep_registration(*, trunk: str, values: Mapping[str, Any]) -> bool:
    """Keep how a trunk's registration stands; False if the trunk is gone."""
    row = Trunk.objects.filter(name=trunk).first()
    if row is None:
        return False
    TrunkRegistration.objects.update_or_create(trunk=row, defaults=values)
    return True
