"""The directory in memory: all that a call or a REGISTER asks, by key and by name.

An engine reads it on its event loop and has it brought up to date there; `read` alone runs on
another thread.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

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
    TargetRow,
    TrunkOnRecord,
)
from callengine.directory.registrations import Registrations
from callengine.directory.standings import LatestStandings, TargetPlace
from callengine.directory.stored import STORED

Row = TypeVar("Row")
Keys = set[int] | None
"Keys of rows that have changed; None: any may have."
MOST_KEYS = 500
"Rows that are read by their keys; of more the whole table is."


class _Table(Generic[Row]):
    """Rows by key and by name."""

    def __init__(self, name_of: Callable[[Row], str]) -> None:
        self._name_of = name_of
        self.by_key: dict[int, Row] = {}
        self.by_name: dict[str, Row] = {}

    def fill(self, rows_by_key: dict[int, Row]) -> None:
        """Hold these and no others."""
        self.by_key = rows_by_key
        self.by_name = {self._name_of(row): row for row in rows_by_key.values()}

    def put(self, key: int, row: Row | None) -> Row | None:
        """Hold a row as it is now, None if it is gone; return what it was."""
        before = self.by_key.pop(key, None)
        if before is not None and self.by_name.get(self._name_of(before)) is before:
            del self.by_name[self._name_of(before)]
        if row is not None:
            self.by_key[key] = self.by_name[self._name_of(row)] = row
        return before


class Changed(NamedTuple):
    """Rows of one kind as they are now; of `keys`, those that are missing are gone."""

    kind: str
    keys: Keys
    rows: dict[int, Any]


class Memory:
    """The directory of one engine."""

    def __init__(self, registrations: Registrations) -> None:
        self.registrations = registrations
        self._platform = Platform(())
        self._connections = _Table[ConnectionRow](lambda row: row.sip_user)
        self._numbers = _Table[NumberRow](lambda row: row.name)
        self._routes = _Table[RouteRow](lambda row: row.name)
        self._agents = _Table[Agent](lambda row: row.name)
        self._trunks = _Table[TrunkOnRecord](lambda row: row.name)
        self._gateways: dict[int, tuple[GatewayRow, ...]] = {}
        self._standings = LatestStandings()
        self._all_trunks: tuple[TrunkOnRecord, ...] = ()
        self._by_username: dict[str, TrunkOnRecord] = {}
        self._by_contact: dict[str, TrunkOnRecord] = {}
        self._numbers_of: dict[int, tuple[str, ...]] = {}
        self._tables: Mapping[str, _Table[Any]] = {
            "connection": self._connections,
            "number": self._numbers,
            "route": self._routes,
            "agent": self._agents,
            "trunk": self._trunks,
        }

    def apply(self, changes: Iterable[Changed]) -> None:
        """Hold what was read."""
        for change in changes:
            if change.kind == "platform":
                self._platform = change.rows[0]
            elif change.kind == "gateways":
                self._apply_gateways(change)
            elif change.kind == "number":
                self._apply_numbers(change)
            else:
                self._apply_rows(change)
            if change.kind == "trunk":
                self._derive_trunks()
            if change.kind == "connection":
                self.registrations.know(self._connections.by_key, change.keys)

    def reading_begins(self) -> None:
        """Take that what `apply` is given next is read from now on."""
        self._standings.reading_begins()

    def stands(self, trunk: str, gateway: str, target: TargetRow) -> Callable[[], None]:
        """Take how an address of a gateway stands before it is stored.

        Returns what is to be called once it is: until then no row that is read says otherwise.
        """
        row = self.trunk(trunk)
        if row is None or row.key not in self._gateways:
            return lambda: None
        place = TargetPlace(row.key, gateway, target.target)
        self._standings.heard(place, target)
        self._gateways.update(self._standings.over({row.key: self._gateways[row.key]}))
        return partial(self._standings.stored, place, target)

    def _apply_rows(self, change: Changed) -> None:
        table = self._tables[change.kind]
        if change.keys is None:
            table.fill(change.rows)
            return
        for key in change.keys:
            table.put(key, change.rows.get(key))

    def _apply_gateways(self, change: Changed) -> None:
        gateways = self._standings.over(change.rows)
        if change.keys is None:
            self._gateways = gateways
            return
        for key in change.keys:
            self._gateways.pop(key, None)
        self._gateways.update(gateways)

    def _apply_numbers(self, change: Changed) -> None:
        if change.keys is None:
            self._numbers.fill(change.rows)
            self._numbers_of = {}
            for row in sorted(change.rows.values(), key=lambda row: row.name):
                if row.connection is not None:
                    before = self._numbers_of.get(row.connection, ())
                    self._numbers_of[row.connection] = (*before, row.name)
            return
        for key in change.keys:
            row = change.rows.get(key)
            before_row = self._numbers.put(key, row)
            for one in (before_row, row):
                self._lead(one, is_there=one is row)

    def _lead(self, row: NumberRow | None, *, is_there: bool) -> None:
        """Note that a number leads to its connection, or does not any more."""
        if row is None or row.connection is None:
            return
        numbers = {*self._numbers_of.pop(row.connection, ())} - {row.name}
        numbers |= {row.name} if is_there else set()
        if numbers:
            self._numbers_of[row.connection] = tuple(sorted(numbers))

    def _derive_trunks(self) -> None:
        trunks = sorted(self._trunks.by_key.values(), key=lambda row: row.key)
        self._all_trunks = tuple(trunks)
        self._by_username = {row.in_username: row for row in trunks if row.in_username}
        self._by_contact = {row.contact_user: row for row in trunks if row.contact_user}

    # What is asked

    def platform(self) -> Platform:
        """Return the platform settings."""
        return self._platform

    def connection(self, sip_user: str) -> ConnectionRow | None:
        """Return the connection with this SIP user."""
        return self._connections.by_name.get(sip_user)

    def connection_of(self, key: int) -> ConnectionRow | None:
        """Return a connection by its key."""
        return self._connections.by_key.get(key)

    def kept(self, connection: int) -> Sequence[Kept]:
        """Return a connection's unexpired bindings, the latest refreshed first."""
        return self.registrations.kept(connection)

    def has_registered(self, *, flow: str = "", host: str = "") -> bool:
        """Return whether a phone is registered from just this flow, or this host."""
        return self.registrations.has_registered(flow=flow, host=host)

    def trunk(self, name: str) -> TrunkOnRecord | None:
        """Return the trunk of this name."""
        return self._trunks.by_name.get(name)

    def trunk_by_username(self, username: str) -> TrunkOnRecord | None:
        """Return the trunk whose IN side has this user name."""
        return self._by_username.get(username)

    def trunk_by_contact(self, contact_user: str) -> TrunkOnRecord | None:
        """Return the trunk that is registered with this Contact."""
        return self._by_contact.get(contact_user)

    def trunks_of(self, keys: Sequence[int]) -> list[TrunkOnRecord]:
        """Return those trunks that are there, in this order."""
        by_key = self._trunks.by_key
        return [by_key[key] for key in keys if key in by_key]

    def trunks(self) -> Sequence[TrunkOnRecord]:
        """Return every trunk, the oldest first; the same object until one has changed."""
        return self._all_trunks

    def gateways(self, trunks: Sequence[int]) -> Mapping[int, tuple[GatewayRow, ...]]:
        """Return the gateways of trunks by key, first to try first."""
        return self._gateways

    def number(self, number: str) -> NumberRow | None:
        """Return a number."""
        return self._numbers.by_name.get(number)

    def numbers_among(self, connection: int, numbers: Sequence[str]) -> list[str]:
        """Return those of these numbers that lead to a connection."""
        own = self._numbers_of.get(connection, ())
        return [number for number in numbers if number in own]

    def first_number(self, connection: int) -> str:
        """Return the first number that leads to a connection; empty: none does."""
        return next(iter(self._numbers_of.get(connection, ())), "")

    def route(self, prefixes: Sequence[str]) -> RouteRow | None:
        """Return the route with the longest of these prefixes."""
        by_name = self._routes.by_name
        candidates = (by_name[prefix] for prefix in prefixes if prefix in by_name)
        return max(candidates, key=lambda row: len(row.name), default=None)

    def agent_of(self, key: int) -> AgentOnRecord | None:
        """Return a voice agent by its key."""
        agent = self._agents.by_key.get(key)
        return agent.row if agent is not None else None

    def agent(self, name: str) -> Agent | None:
        """Return a voice agent by its name, whole."""
        return self._agents.by_name.get(name)


KINDS = ("platform", "connection", "trunk", "number", "route", "agent")
"What is read of the database, each by its keys."


def read(changed: Mapping[str, Keys]) -> list[Changed]:
    """Return the rows of these kinds and keys as they are stored now. A query or two a kind."""
    changes: list[Changed] = []
    for kind in KINDS:
        if kind not in changed:
            continue
        keys = changed[kind]
        keys = keys if keys is not None and len(keys) <= MOST_KEYS else None
        if kind == "trunk":
            # First: a trunk is not to be seen without its gateways.
            changes.append(Changed("gateways", keys, dict(rows.gateways(keys))))
        changes.append(Changed(kind, keys, _READ[kind](keys)))
    return changes


_READ: Mapping[str, Callable[[Keys], dict[int, Any]]] = {
    "platform": lambda _: {0: STORED.platform()},
    "connection": lambda keys: {row.key: row for row in rows.connections(keys)},
    "trunk": lambda keys: {row.key: row for row in rows.trunks(keys)},
    "number": lambda keys: {row.key: row for row in rows.numbers(keys)},
    "route": lambda keys: {row.key: row for row in rows.routes(keys)},
    "agent": lambda keys: {agent.row.key: agent for agent in rows.agents(keys)},
}
