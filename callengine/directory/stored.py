"""The directory as the database has it now: every question is a query or two. Synchronous."""

from collections.abc import Sequence

from django.db.models import Q
from django.utils import timezone

from agents.models import VoiceAgent
from audiocodecs.models import PlatformSettings
from callengine.core.directory import Platform
from callengine.directory import rows
from callengine.directory.records import (
    Agent,
    AgentOnRecord,
    ConnectionRow,
    GatewayRow,
    Kept,
    NumberRow,
    RouteRow,
    TrunkOnRecord,
)
from callengine.edge.flow import TRANSPORTS
from callengine.record.cleaning import is_storable
from connections.models import Connection, Registration
from trunks.models import Number, Route, Trunk


class Stored:
    """The database as it is now."""

    def platform(self) -> Platform:
        """Return the platform settings. One query."""
        row = PlatformSettings.load()
        return Platform(
            codecs=rows.known_codecs(row.codec_names),
            external_sip=row.external_sip,
            home_country=row.home_country,
            time_zone=row.time_zone,
            avoids_transcoding=row.avoids_transcoding,
        )

    def connection(self, sip_user: str) -> ConnectionRow | None:
        """Return the connection with this SIP user. One query."""
        if not is_storable(sip_user):
            return None
        return next(rows.connections_in(Connection.objects.filter(sip_user=sip_user)), None)

    def connection_of(self, key: int) -> ConnectionRow | None:
        """Return a connection by its key. One query."""
        return next(rows.connections([key]), None)

    def kept(self, connection: int) -> Sequence[Kept]:
        """Return a connection's unexpired bindings, the latest refreshed first. One query."""
        return [kept for _, kept in rows.registrations([connection])]

    def has_registered(self, *, flow: str = "", host: str = "") -> bool:
        """Return whether a phone is registered from just this flow, or this host. One query."""
        here = Q(flow=flow, is_direct=True) if flow else Q()
        host_part = f"[{host}]" if ":" in host else host
        for transport in TRANSPORTS if host else ():
            here |= Q(flow__startswith=f"{transport}:{host_part}:")
        return Registration.objects.filter(here, expires_at__gt=timezone.now()).exists()

    def trunk(self, name: str) -> TrunkOnRecord | None:
        """Return the trunk of this name. One query."""
        return rows.trunk_in(Trunk.objects.filter(name=name)) if is_storable(name) else None

    def trunk_by_username(self, username: str) -> TrunkOnRecord | None:
        """Return the trunk whose IN side has this user name. One query."""
        if not is_storable(username):
            return None
        return rows.trunk_in(Trunk.objects.filter(in_username=username))

    def trunk_by_contact(self, contact_user: str) -> TrunkOnRecord | None:
        """Return the trunk that is registered with this Contact. One query."""
        trunks = Trunk.objects.filter(registration__contact_user=contact_user, registers=True)
        return rows.trunk_in(trunks)

    def trunks_of(self, keys: Sequence[int]) -> list[TrunkOnRecord]:
        """Return those trunks that are there, in this order. One query."""
        by_key = {row.key: row for row in rows.trunks(keys)}
        return [by_key[key] for key in keys if key in by_key]

    def trunks(self) -> Sequence[TrunkOnRecord]:
        """Return every trunk, the oldest first. One query."""
        return list(rows.trunks(None))

    def gateways(self, trunks: Sequence[int]) -> dict[int, tuple[GatewayRow, ...]]:
        """Return the gateways of trunks by key, first to try first. Two queries."""
        return rows.gateways(trunks)

    def number(self, number: str) -> NumberRow | None:
        """Return a number. One query."""
        if not is_storable(number):
            return None
        return next(rows.numbers_in(Number.objects.filter(number=number)), None)

    def numbers_among(self, connection: int, numbers: Sequence[str]) -> list[str]:
        """Return those of these numbers that lead to a connection. One query."""
        leading = Number.objects.filter(connection=connection, number__in=numbers)
        return list(leading.values_list("number", flat=True))

    def first_number(self, connection: int) -> str:
        """Return the first number that leads to a connection. One query."""
        leading = Number.objects.filter(connection=connection)
        return leading.values_list("number", flat=True).first() or ""

    def route(self, prefixes: Sequence[str]) -> RouteRow | None:
        """Return the route with the longest of these prefixes. One query."""
        candidates = rows.routes_in(Route.objects.filter(prefix__in=prefixes))
        return max(candidates, key=lambda row: len(row.name), default=None)

    def agent_of(self, key: int) -> AgentOnRecord | None:
        """Return a voice agent by its key, without what no plan needs. One query."""
        agents = VoiceAgent.objects.filter(pk=key).defer(
            "secret", "system_prompt", "greeting", "tools", "keyterms", "turn_detection"
        )
        row = agents.first()
        return rows.agent_row(row) if row is not None else None

    def agent(self, name: str) -> Agent | None:
        """Return a voice agent by its name, whole. One query."""
        row = VoiceAgent.objects.filter(name=name).first() if is_storable(name) else None
        return rows.whole_agent(row) if row is not None else None


STORED = Stored()
STORED = Stored()
