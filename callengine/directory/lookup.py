"""The directory: what the engine reads for one call, as plain values. Synchronous; a few queries.

Every function costs the same number of queries however large the tables are.
"""

import dataclasses
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from agents.formats import Encoding
from agents.models import VoiceAgent
from audiocodecs.models import PlatformSettings
from callengine.core.callerid import ANONYMOUS, KnownNames, own_spelling, spellings
from callengine.core.directory import (
    AgentEntry,
    AgentPlace,
    ConnectionEntry,
    Destination,
    Platform,
    RouteEntry,
    Source,
    TrunkEntry,
)
from callengine.directory.entries import (
    agent_entry,
    connection_entry,
    known_codecs,
    trunk_entry,
)
from callengine.edge.flow import TRANSPORTS
from callengine.edge.interface import Binding, Credentials, Refusal, TrunkAccess
from callengine.edge.transport.certificates import fits
from callengine.record.cleaning import clean_json, clean_text, is_storable
from connections.models import (
    MAX_CONTACT_LENGTH,
    MAX_INSTANCE_LENGTH,
    Connection,
    Registration,
)
from connections.services import HA1_FIELDS as CONNECTION_HA1
from connections.services import change_registrations, unexpired_registrations
from sip.digest import KeptHa1
from sip.selftests import SelfTest, dialled_selftest
from trunks import access
from trunks.models import Number, Route, Trunk
from trunks.services import HA1_FIELDS as TRUNK_HA1

logger = logging.getLogger(__name__)

MAX_PREFIX_LENGTH = 32
MAX_AGENTS = 4
"How many voice agents a call may be led through, each by the fallback of the one before."


def platform() -> Platform:
    """Return the platform settings; the engine adds what its call processes can do. One query."""
    row = PlatformSettings.load()
    return Platform(
        codecs=known_codecs(row.codec_names),
        external_sip=row.external_sip,
        home_country=row.home_country,
        time_zone=row.time_zone,
        avoids_transcoding=row.avoids_transcoding,
    )


def external_sip() -> bool:
    """Return whether unauthenticated callers may reach numbers and connections. One query."""
    return PlatformSettings.load().external_sip


def credentials(username: str) -> Credentials | None:
    """Return the digest credentials of a connection or of a trunk's IN side.

    Two queries for every name: how long an answer takes must not tell who is known.
    """
    if not username or not is_storable(username):
        return None
    connection = Connection.objects.filter(sip_user=username).first()
    trunk = Trunk.objects.filter(in_username=username).first()
    if connection is not None:
        return _credentials(
            username=username,
            kind="connection",
            name=connection.sip_user,
            enabled=connection.enabled,
            ha1=KeptHa1(*(getattr(connection, field) for field in CONNECTION_HA1)),
        )
    if trunk is None:
        return None
    return _credentials(
        username=username,
        kind="trunk",
        name=trunk.name,
        enabled=trunk.enabled,
        ha1=KeptHa1(*(getattr(trunk, field) for field in TRUNK_HA1)),
    )


def _credentials(
    *, username: str, kind: str, name: str, enabled: bool, ha1: KeptHa1
) -> Credentials:
    if ha1.md5 and ha1.realm != settings.VOIPNUMBER_REALM:
        logger.warning(
            "the password of %s %s was set for realm %s, not %s: set it again",
            kind,
            name,
            ha1.realm,
            settings.VOIPNUMBER_REALM,
        )
    return Credentials(
        username=username,
        kind=kind,
        name=name,
        enabled=enabled,
        # No password set: nothing anybody sends may match.
        ha1_md5=ha1.md5 or secrets.token_hex(16),
        ha1_sha256=ha1.sha256 or secrets.token_hex(32),
        ha1b_md5=ha1.with_realm_md5,
        ha1b_sha256=ha1.with_realm_sha256,
    )


def access_entries() -> list[access.AccessEntry]:
    """Return the access list of every trunk. One query."""
    rows = Trunk.objects.order_by("pk").values_list(
        "name",
        "enabled",
        "in_username",
        "in_allowed_addresses",
        "in_domain",
    )
    return [
        access.AccessEntry(name, enabled, username, tuple(allowed), domain)
        for name, enabled, username, allowed, domain in rows
    ]


def trunk_access(
    address: str, lists: access.AccessLists, domain: str = "", name: str = ""
) -> TrunkAccess | None:
    """Return the trunk whose access list holds this IP address, or which comes so, if one does.

    With `name`, that of a trunk which has answered a challenge, only what it lacks besides. One
    query a second at most. A host name in a list may take two seconds the first time.
    """
    table = lists.table()
    if name:
        entry = table.by_name(name)
        if entry is None:
            return None
        lacking = entry.lacks(domain)
        if not lacking and not table.is_from(address, entry):
            lacking = f"its calls come from addresses on its list, and this one from {address}"
        return TrunkAccess(entry.name, entry.enabled, entry.username, lacking)
    found = table.find(address, domain)
    if found is None:
        return None
    entry, lacking = found
    return TrunkAccess(entry.name, entry.enabled, entry.username, lacking, entry.is_weak)


def trunk_certified(
    names: tuple[str, ...], lists: access.AccessLists, domain: str = ""
) -> TrunkAccess | None:
    """Return the trunk with a host name on its list that a certificate with these names is for."""
    entry = lists.table().certified(lambda host: fits(names, host))
    if entry is None:
        return None
    return TrunkAccess(entry.name, entry.enabled, entry.username, entry.lacks(domain))


def trunks_by_credentials(lists: access.AccessLists) -> bool:
    """Return whether an enabled trunk may call from anywhere, by credentials alone.

    One query a second at most.
    """
    return lists.table().has_credentials_alone


def source(*, kind: str, name: str, address: str) -> Source:
    """Return the full source for a name that `credentials` or `trunk_access` gave.

    Two queries. Raises LookupError if it was deleted meanwhile.
    """
    if kind == "connection":
        connection = Connection.objects.filter(sip_user=name).first()
        if connection is None:
            raise LookupError(f"no connection has the SIP user {name!r}")
        return Source("connection", address, connection=connection_entry(connection))
    if kind == "trunk":
        trunk = Trunk.objects.filter(name=name).prefetch_related("gateways__targets").first()
        if trunk is None:
            raise LookupError(f"no trunk is named {name!r}")
        return Source("trunk", address, trunk=trunk_entry(trunk))
    return Source("external", address)


def known_names(source: Source, claimed_user: str) -> KnownNames:
    """Return what is known of the user part a caller claims. One query; none for a trunk."""
    if not claimed_user or not is_storable(claimed_user) or source.kind == "trunk":
        return KnownNames()
    if source.connection is None:
        return KnownNames(is_sip_user=Connection.objects.filter(sip_user=claimed_user).exists())
    numbers = Number.objects.filter(connection__sip_user=source.connection.sip_user)
    if claimed_user.lower() == ANONYMOUS:
        first = numbers.values_list("number", flat=True).first()
        return KnownNames(first_number=first or "")
    own = numbers.filter(number__in=spellings(claimed_user)).values_list("number", flat=True)
    return KnownNames(own_spelling(claimed_user, own))


def is_registered_at(flow: str) -> bool:
    """Return whether a connection is registered from this flow, by no proxy. One query."""
    rows = Registration.objects.filter(flow=flow, is_direct=True, expires_at__gt=timezone.now())
    return rows.exists()


def registered_flows() -> list[tuple[str, str, float]]:
    """Return flow and SIP user of every registration, and for how many seconds it holds.

    One query.
    """
    now = timezone.now()
    rows = Registration.objects.filter(expires_at__gt=now).values_list(
        "flow", "connection__sip_user", "expires_at"
    )
    return [(flow, user, (expires_at - now).total_seconds()) for flow, user, expires_at in rows]


def has_registered_from(host: str) -> bool:
    """Return whether any connection is registered from this IP address. One query."""
    host_part = f"[{host}]" if ":" in host else host
    here = Q()
    for transport in TRANSPORTS:
        here |= Q(flow__startswith=f"{transport}:{host_part}:")
    return Registration.objects.filter(here, expires_at__gt=timezone.now()).exists()


def bindings(sip_user: str) -> list[Binding]:
    """Return the unexpired bindings of a connection, the latest refreshed first. One query."""
    if not is_storable(sip_user):
        return []
    return [_binding(row) for row in unexpired_registrations(sip_user=sip_user, now=timezone.now())]


def change_bindings(
    sip_user: str, change: Callable[[Sequence[Binding]], list[Binding] | Refusal]
) -> list[Binding] | Refusal:
    """Have `change` decide what a connection's bindings become; return what it said.

    Reading, deciding and storing are one transaction; anything but a list leaves all as it was.
    Raises LookupError if there is no such connection, ValueError for a Contact or Call-ID that
    cannot be kept (longer than the column, or not text): a binding cut short would ring nobody.
    """
    answer: list[Binding] | Refusal

    def decide(rows: list[Registration]) -> list[Registration] | None:
        nonlocal answer
        answer = change([_binding(row) for row in rows])
        return [_registration(one) for one in answer] if isinstance(answer, list) else None

    change_registrations(sip_user=sip_user, now=timezone.now(), change=decide)
    return answer


def _binding(row: Registration) -> Binding:
    return Binding(
        contact=row.contact,
        call_id=row.call_id,
        cseq=row.cseq,
        expires_at=row.expires_at.timestamp(),
        flow=row.flow,
        user_agent=row.user_agent,
        q=row.q,
        instance=row.instance,
        reached_at=row.reached_at,
        path=tuple(row.path),
        is_direct=row.is_direct,
    )


def _registration(binding: Binding) -> Registration:
    for value, limit in ((binding.contact, MAX_CONTACT_LENGTH), (binding.call_id, 255)):
        if not is_storable(value) or len(value) > limit:
            raise ValueError(f"a binding holds a value that cannot be kept: {value[:80]!r}")
    return Registration(
        contact=binding.contact,
        call_id=binding.call_id,
        cseq=binding.cseq,
        expires_at=datetime.fromtimestamp(binding.expires_at, UTC),
        flow=clean_text(binding.flow, 100),
        user_agent=clean_text(binding.user_agent, 255),
        q=binding.q,
        instance=clean_text(binding.instance, MAX_INSTANCE_LENGTH),
        reached_at=clean_text(binding.reached_at, 100),
        path=clean_json(list(binding.path)),
        is_direct=binding.is_direct,
    )


def agent(name: str) -> AgentEntry | None:
    """Return a voice agent with its secret, if it is there and enabled. One query."""
    row = VoiceAgent.objects.filter(name=name, enabled=True).first()
    return agent_entry(row) if row is not None else None


def trunk(name: str) -> TrunkEntry | None:
    """Return a trunk with its gateways and password, enabled or not. Two queries."""
    row = Trunk.objects.filter(name=name).prefetch_related("gateways").first()
    return trunk_entry(row) if row is not None else None


def destination(to_user: str) -> Destination:
    """Return everything held about a dialled user part, and where the call goes on from there.

    An exact Number goes first, then a Connection's SIP user, then a test destination such as
    `*echo`, then the Route with the longest matching prefix. Seven queries at most, and as many for
    each voice agent's fallback; nothing set means nothing is known.
    """
    return _destination(to_user, frozenset())


def _destination(to_user: str, passed: frozenset[int]) -> Destination:
    """Return a destination; `passed` are the voice agents that lead here."""
    if not to_user or not is_storable(to_user):
        return Destination()
    numbers = Number.objects.select_related("connection__agent", "trunk", "agent")
    numbers = numbers.defer(*_unread("agent"), *_unread("connection__agent"))
    number = numbers.filter(number=to_user).first()
    if number is not None:
        return Destination(
            number=number.number,
            connection=_connection(number.connection, passed) if number.connection else None,
            trunk=trunk_entry(number.trunk) if number.trunk else None,
            agent=_agent_place(number.agent, passed),
            selftest=SelfTest(number.selftest) if number.selftest else None,
        )
    connections = Connection.objects.select_related("agent").defer(*_unread("agent"))
    connection = connections.filter(sip_user=to_user).first()
    if connection is not None:
        return Destination(connection=_connection(connection, passed))
    selftest = dialled_selftest(to_user)
    if selftest is not None:
        return Destination(selftest=selftest)
    return Destination(route=_route(to_user, passed))


def _unread(agent: str) -> Iterator[str]:
    """Yield what no plan needs of an agent: its long texts, and the secret."""
    for field in ("secret", "system_prompt", "greeting", "tools", "keyterms", "turn_detection"):
        yield f"{agent}__{field}"


def _connection(row: Connection, passed: frozenset[int]) -> ConnectionEntry:
    return dataclasses.replace(connection_entry(row), agent=_agent_place(row.agent, passed))


def _agent_place(row: VoiceAgent | None, passed: frozenset[int]) -> AgentPlace | None:
    """Return an agent and, unless it has been passed before, where the call goes without it."""
    if row is None:
        return None
    goes_on = row.pk not in passed and len(passed) < MAX_AGENTS
    return AgentPlace(
        name=row.name,
        enabled=row.enabled,
        codecs=known_codecs(row.codecs),
        input=Encoding(row.input_encoding),
        fallback=_fallback(row, passed | {row.pk}) if goes_on else None,
        fallback_number=row.fallback_number,
    )


def _fallback(row: VoiceAgent, passed: frozenset[int]) -> Destination | None:
    if row.fallback_connection is not None:
        return Destination(connection=_connection(row.fallback_connection, passed))
    if row.fallback_trunk is not None:
        return Destination(trunk=trunk_entry(row.fallback_trunk))
    return _destination(row.fallback_number, passed) if row.fallback_number else None


def _route(to_user: str, passed: frozenset[int]) -> RouteEntry | None:
    prefixes = [to_user[:length] for length in range(1, min(len(to_user), MAX_PREFIX_LENGTH) + 1)]
    routes = Route.objects.select_related("last_resort_agent").filter(prefix__in=prefixes)
    routes = routes.defer(*_unread("last_resort_agent"))
    route = max(routes, key=lambda row: len(row.prefix), default=None)
    if route is None:
        return None
    steps = route.steps.select_related("trunk").prefetch_related("trunk__gateways__targets")
    return RouteEntry(
        prefix=route.prefix,
        trunks=tuple(trunk_entry(step.trunk) for step in steps),
        last_resort=_agent_place(route.last_resort_agent, passed),
    )
