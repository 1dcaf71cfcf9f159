"""The directory: what is asked for one call, as plain values, of the database or of a memory of it.

Synchronous. Of the database, every function costs the same number of queries however large the
tables are.
"""

import dataclasses
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

from django.conf import settings
from django.utils import timezone

from callengine.core.callerid import ANONYMOUS, KnownNames, own_spelling, spellings
from callengine.core.directory import (
    AgentEntry,
    AgentPlace,
    ConnectionEntry,
    Contact,
    Destination,
    GatewayEntry,
    Platform,
    RouteEntry,
    Source,
    TrunkEntry,
)
from callengine.directory.records import (
    AgentOnRecord,
    ConnectionRow,
    GatewayRow,
    TargetRow,
    TrunkOnRecord,
)
from callengine.directory.store import Store
from callengine.directory.stored import STORED
from callengine.edge.interface import Binding, Credentials, TrunkAccess
from callengine.edge.transport.addresses import host_of
from callengine.edge.transport.certificates import fits
from callengine.record.cleaning import is_storable
from sip.digest import KeptHa1
from sip.selftests import SelfTest, dialled_selftest
from trunks.access import AccessEntry, AccessTable

logger = logging.getLogger(__name__)

MAX_PREFIX_LENGTH = 32
MAX_AGENTS = 4
"How many voice agents a call may be led through, each by the fallback of the one before."


def platform(store: Store = STORED) -> Platform:
    """Return the platform settings; the engine adds what its call processes can do. One query."""
    return store.platform()


def external_sip(store: Store = STORED) -> bool:
    """Return whether unauthenticated callers may reach numbers and connections. One query."""
    return store.platform().external_sip


def credentials(username: str, store: Store = STORED) -> Credentials | None:
    """Return the digest credentials of a connection or of a trunk's IN side.

    Both are looked for, whatever the name: how long an answer takes must not tell who is known.
    """
    if not username:
        return None
    connection, trunk = store.connection(username), store.trunk_by_username(username)
    if connection is not None:
        return _credentials(
            username=username,
            kind="connection",
            name=connection.sip_user,
            enabled=connection.settings.enabled,
            ha1=connection.ha1,
        )
    if trunk is None:
        return None
    return _credentials(
        username=username,
        kind="trunk",
        name=trunk.name,
        enabled=trunk.entry.enabled,
        ha1=trunk.ha1,
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


def trunks(store: Store = STORED) -> Sequence[TrunkOnRecord]:
    """Return every trunk without its gateways, the oldest first. One query."""
    return store.trunks()


def access_entries(rows: Sequence[TrunkOnRecord]) -> tuple[AccessEntry, ...]:
    """Return the access lists of trunks."""
    return tuple(
        AccessEntry(row.name, row.entry.enabled, row.in_username, row.allowed, row.in_domain)
        for row in rows
    )


def trunk_access(
    address: str, table: AccessTable, domain: str = "", name: str = ""
) -> TrunkAccess | None:
    """Return the trunk whose access list holds this IP address, or which comes so, if one does.

    With `name`, that of a trunk which has answered a challenge, only what it lacks besides.
    """
    if name:
        entry = table.by_name(name)
        if entry is None:
            return None
        lacking = entry.lacks(domain)
        if not lacking and not table.is_from(address, entry):
            lacking = f"its calls come from addresses on its list, and this one from {address}"
        return TrunkAccess(entry.name, entry.enabled, entry.username, lacking)
    hit = table.find(address, domain)
    if hit is None:
        return None
    entry, lacking = hit
    return TrunkAccess(entry.name, entry.enabled, entry.username, lacking, entry.is_weak)


def trunk_certified(
    names: tuple[str, ...], table: AccessTable, domain: str = ""
) -> TrunkAccess | None:
    """Return the trunk with a host name on its list that a certificate with these names is for."""
    entry = table.certified(lambda host: fits(names, host))
    if entry is None:
        return None
    return TrunkAccess(entry.name, entry.enabled, entry.username, entry.lacks(domain))


def registered_trunk(contact_user: str, store: Store = STORED) -> TrunkAccess | None:
    """Return the trunk that registers with this Contact at its carrier. One query.

    The Contact is a secret between the two: no other proof is asked for.
    """
    row = store.trunk_by_contact(contact_user)
    return TrunkAccess(row.name, row.entry.enabled, username="") if row else None


def source(*, kind: str, name: str, address: str, store: Store = STORED) -> Source:
    """Return the full source for a name that `credentials` or `trunk_access` gave.

    Three queries at most. Raises LookupError if it was deleted meanwhile.
    """
    if kind == "connection":
        connection = store.connection(name)
        if connection is None:
            raise LookupError(f"no connection has the SIP user {name!r}")
        return Source("connection", address, connection=connection_entry(connection, store))
    if kind == "trunk":
        row = store.trunk(name)
        if row is None:
            raise LookupError(f"no trunk is named {name!r}")
        return Source("trunk", address, trunk=_trunk_entries([row], store)[0])
    return Source("external", address)


def known_names(source: Source, claimed_user: str, store: Store = STORED) -> KnownNames:
    """Return what is known of the user part a caller claims. Two queries; none for a trunk."""
    if not claimed_user or not is_storable(claimed_user) or source.kind == "trunk":
        return KnownNames()
    if source.connection is None:
        return KnownNames(is_sip_user=store.connection(claimed_user) is not None)
    connection = store.connection(source.connection.sip_user)
    if connection is None:
        return KnownNames()
    if claimed_user.lower() == ANONYMOUS:
        return KnownNames(first_number=store.first_number(connection.key))
    own = store.numbers_among(connection.key, spellings(claimed_user))
    return KnownNames(own_spelling(claimed_user, own))


def bindings(sip_user: str, store: Store = STORED) -> list[Binding]:
    """Return the unexpired bindings of a connection, the latest refreshed first. Two queries."""
    row = store.connection(sip_user)
    return [kept.binding for kept in store.kept(row.key)] if row is not None else []


def connection(sip_user: str, store: Store = STORED) -> ConnectionEntry | None:
    """Return a connection with its unexpired registrations. Two queries."""
    row = store.connection(sip_user)
    return connection_entry(row, store) if row is not None else None


def connection_entry(row: ConnectionRow, store: Store = STORED) -> ConnectionEntry:
    """Return a connection with its unexpired registrations. One query."""
    return ConnectionEntry(
        sip_user=row.sip_user,
        name=row.name,
        contacts=tuple(_contact(kept.binding) for kept in store.kept(row.key)),
        **dict(zip(_SETTINGS, _settings_of(row.settings), strict=True)),
    )


_SETTINGS = tuple(
    field.name
    for field in dataclasses.fields(ConnectionEntry)
    if field.name not in ("sip_user", "name", "contacts", "browsers", "agent")
)
"""What an entry has of a connection's settings, which call it the same; its agent is looked up,
and the engine knows in which browsers it is reached."""
_settings_of = attrgetter(*_SETTINGS)


def _contact(one: Binding) -> Contact:
    return Contact(one.contact, one.reached_at or one.flow, one.user_agent, one.path)


def agent(name: str, store: Store = STORED) -> AgentEntry | None:
    """Return a voice agent with its secret, if it is there and enabled. One query."""
    on_record = store.agent(name)
    return on_record.entry if on_record is not None and on_record.row.enabled else None


def agent_place(name: str, store: Store = STORED) -> AgentPlace | None:
    """Return a voice agent without its fallback, enabled or not. One query."""
    on_record = store.agent(name)
    return _place(on_record.row) if on_record is not None else None


def trunk(name: str, store: Store = STORED) -> TrunkEntry | None:
    """Return a trunk with its gateways and password, enabled or not. Three queries."""
    row = store.trunk(name)
    return _trunk_entries([row], store)[0] if row is not None else None


def _trunk_entries(rows: Sequence[TrunkOnRecord], store: Store) -> list[TrunkEntry]:
    """Return trunks with their gateways, first to try first. Two queries."""
    gateways = store.gateways([row.key for row in rows])
    now = timezone.now()
    return [_trunk_entry(row, gateways.get(row.key, ()), now) for row in rows]


def _trunk_entry(row: TrunkOnRecord, gateways: Sequence[GatewayRow], now: datetime) -> TrunkEntry:
    hosts = (host_of(gateway.uri) for gateway in gateways)
    return dataclasses.replace(
        row.entry,
        gateways=tuple(_gateway_entry(one, now) for one in gateways),
        hosts=tuple(dict.fromkeys((*row.allowed, *filter(None, hosts)))),
    )


def _gateway_entry(row: GatewayRow, now: datetime) -> GatewayEntry:
    targets: list[TargetRow] = [one for one in row.targets if one.holds_until > now]
    return GatewayEntry(
        uri=row.uri,
        priority=row.priority,
        weight=row.weight,
        down=tuple(one.target for one in targets if not one.is_up),
        resting=tuple(one.target for one in targets if one.rests_until and one.rests_until > now),
        is_down=bool(targets) and not any(one.is_up for one in targets),
    )


def destination(to_user: str, store: Store = STORED) -> Destination:
    """Return everything held about a dialled user part, and where the call goes on from there.

    An exact Number goes first, then a Connection's SIP user, then a test destination such as
    `*echo`, then the Route with the longest matching prefix. Eight queries at most, and as many for
    each voice agent's fallback; nothing set means nothing is known.
    """
    return _Way(store).destination(to_user, frozenset())


def agent_destination(name: str, store: Store = STORED) -> Destination | None:
    """Return where a call goes that is for a voice agent by its name, as `destination` does."""
    return _Way(store).agent(name)


class _Way:
    """What a call may lead to, by one store; `passed` are the voice agents that lead there."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def destination(self, to_user: str, passed: frozenset[int]) -> Destination:
        """Return what is held about a user part."""
        if not to_user or not is_storable(to_user):
            return Destination()
        number = self._store.number(to_user)
        if number is not None:
            return Destination(
                number=number.name,
                connection=self._connection_of(number.connection, passed),
                trunk=self._trunk_of(number.trunk),
                agent=self._agent_of(number.agent, passed),
                selftest=SelfTest(number.selftest) if number.selftest else None,
            )
        connection = self._store.connection(to_user)
        if connection is not None:
            return Destination(connection=self._connection(connection, passed))
        selftest = dialled_selftest(to_user)
        if selftest is not None:
            return Destination(selftest=selftest)
        return Destination(route=self._route(to_user, passed))

    def agent(self, name: str) -> Destination | None:
        """Return a voice agent and where calls go without it; None if there is none."""
        on_record = self._store.agent(name) if is_storable(name) else None
        if on_record is None:
            return None
        return Destination(agent=self._agent_of(on_record.row.key, frozenset()))

    def _connection_of(self, key: int | None, passed: frozenset[int]) -> ConnectionEntry | None:
        row = self._store.connection_of(key) if key is not None else None
        return self._connection(row, passed) if row is not None else None

    def _connection(self, row: ConnectionRow, passed: frozenset[int]) -> ConnectionEntry:
        entry = connection_entry(row, self._store)
        return dataclasses.replace(entry, agent=self._agent_of(row.settings.agent, passed))

    def _trunk_of(self, key: int | None) -> TrunkEntry | None:
        rows = self._store.trunks_of([key]) if key is not None else ()
        return next(iter(_trunk_entries(rows, self._store)), None) if rows else None

    def _agent_of(self, key: int | None, passed: frozenset[int]) -> AgentPlace | None:
        """Return an agent and, unless it has been passed before, where calls go without it."""
        row = self._store.agent_of(key) if key is not None else None
        if row is None:
            return None
        goes_on = row.key not in passed and len(passed) < MAX_AGENTS
        fallback = self._fallback(row, passed | {row.key}) if goes_on else None
        return dataclasses.replace(
            _place(row), fallback=fallback, fallback_number=row.fallback_number
        )

    def _fallback(self, row: AgentOnRecord, passed: frozenset[int]) -> Destination | None:
        if row.fallback_connection is not None:
            return Destination(connection=self._connection_of(row.fallback_connection, passed))
        if row.fallback_trunk is not None:
            return Destination(trunk=self._trunk_of(row.fallback_trunk))
        return self.destination(row.fallback_number, passed) if row.fallback_number else None

    def _route(self, to_user: str, passed: frozenset[int]) -> RouteEntry | None:
        longest = min(len(to_user), MAX_PREFIX_LENGTH)
        row = self._store.route([to_user[:length] for length in range(1, longest + 1)])
        if row is None:
            return None
        return RouteEntry(
            prefix=row.name,
            trunks=tuple(_trunk_entries(self._store.trunks_of(row.trunks), self._store)),
            last_resort=self._agent_of(row.last_resort, passed),
        )


def _place(row: AgentOnRecord) -> AgentPlace:
    return AgentPlace(row.name, row.enabled, row.codecs, row.input)
