"""Trunks as engines see to them: probed, and registered at. Synchronous."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from callengine.core.limits import NODE_SILENCE_S
from callengine.edge.transport.addresses import host_of
from callengine.models import EngineNode
from trunks.models import Trunk


@dataclass(frozen=True, slots=True)
class RegistrationCare:
    """What a registration of ours needs; equal values need no new one."""

    registrar: str
    "SIP URI that is resolved and asked."
    user: str
    username: str
    password: str = field(repr=False)
    expires_s: int

    @property
    def account(self) -> tuple[str, str]:
        """What a binding belongs to."""
        return self.registrar, self.user

    @property
    def domain(self) -> str:
        """The host part of the address-of-record, IPv6 in brackets."""
        host = host_of(self.registrar)
        return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class StoredRegistration:
    """What is known of a registration from before."""

    contact_user: str
    call_id: str
    cseq: int
    failures: int


@dataclass(frozen=True, slots=True)
class CarrierCare:
    """One trunk that is to be probed, or registered at, or both."""

    trunk: str
    gateways: tuple[str, ...]
    probe_interval_s: int
    registration: RegistrationCare | None
    stored: StoredRegistration | None = field(compare=False)


def to_be_cared_for() -> list[CarrierCare]:
    """Return every enabled trunk that is probed or registered at. Three queries."""
    rows = Trunk.objects.filter(enabled=True).filter(Q(registers=True) | Q(probe_interval_s__gt=0))
    return [_care(row) for row in rows.select_related("registration").prefetch_related("gateways")]


def _care(row: Trunk) -> CarrierCare:
    gateways = tuple(gateway.uri for gateway in row.gateways.all())
    registrar = row.registrar or next(iter(gateways), "")
    registration = None
    if row.registers and registrar:
        registration = RegistrationCare(
            registrar=registrar,
            user=row.register_user or row.out_username,
            username=row.out_username,
            password=row.out_password,
            expires_s=row.register_expires_s,
        )
    return CarrierCare(
        trunk=row.name,
        gateways=gateways,
        probe_interval_s=row.probe_interval_s,
        registration=registration,
        stored=_stored(row),
    )


def _stored(row: Trunk) -> StoredRegistration | None:
    registration = getattr(row, "registration", None)
    if registration is None:
        return None
    return StoredRegistration(
        registration.contact_user, registration.call_id, registration.cseq, registration.failures
    )


def running_nodes() -> list[str]:
    """Return the names of the engines that gave a sign of life of late. One query."""
    since = timezone.now() - timedelta(seconds=NODE_SILENCE_S)
    return list(EngineNode.objects.filter(seen__gte=since).values_list("name", flat=True))
