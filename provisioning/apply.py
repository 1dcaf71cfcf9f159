"""Make the database hold what a file says: one transaction, and only rows that differ."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import ProtectedError

from agents.fitness import idle_settings
from agents.models import VoiceAgent
from audiocodecs.models import PlatformSettings
from connections.models import Connection
from connections.services import HA1_FIELDS as CONNECTION_HA1
from connections.services import set_password
from provisioning.agents import AgentSpec, reveal_headers
from provisioning.problems import Problem, Problems, ProvisionError, listed
from provisioning.reader import MAX_FILE_BYTES, Entry, YamlError, read
from provisioning.schema import (
    ConnectionSpec,
    FileSpec,
    NumberSpec,
    RouteSpec,
    TrunkSpec,
    parse,
)
from trunks.models import Number, Route, Trunk
from trunks.services import HA1_FIELDS as TRUNK_HA1
from trunks.services import replace_gateways, replace_route_trunks, set_in_password

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True)
class RowChange:
    """What became of one row; the values are left out, as some are secrets."""

    action: str
    "`create`, `update` or `delete`."
    kind: str
    name: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        details = f": {', '.join(self.fields)}" if self.fields else ""
        return f"{self.action} {self.kind} {self.name}{details}"


@dataclass(slots=True)
class Outcome:
    """What applying a file did, or with `dry_run` would do."""

    changes: list[RowChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    "Sentences about what a person still has to do."


def provision(*, text: str, file: str, dry_run: bool = False, prune: bool = False) -> Outcome:
    """Apply a file's text in one transaction; `file` is its name in messages.

    Raises ProvisionError, with nothing changed.
    """
    problems = Problems(file)
    if len(text) > MAX_FILE_BYTES:
        what = f"larger than {MAX_FILE_BYTES} bytes"
        raise ProvisionError([Problem(file, 1, "", "", what)])
    try:
        document = read(text)
    except YamlError as error:
        problems.add(error.entry, error.what)
        problems.raise_any()
        raise
    spec = parse(document, problems)
    problems.raise_any()
    with transaction.atomic():
        run = _Run(spec, problems)
        run.check_references(prune=prune)
        problems.raise_any()
        try:
            run.apply(prune=prune)
        except ProtectedError as error:
            what = f"cannot be pruned: {listed(map(str, error.protected_objects))} uses it"
            raise ProvisionError([Problem(file, 1, "--prune", "", what)]) from None
        if dry_run:
            transaction.set_rollback(True)
    return run.outcome


class _Run:
    """One application of one file, inside its transaction."""

    def __init__(self, spec: FileSpec, problems: Problems) -> None:
        self.spec = spec
        self.problems = problems
        self.outcome = Outcome()
        self.connections = {row.sip_user: row for row in Connection.objects.all()}
        self.trunks = {row.name: row for row in Trunk.objects.all()}
        self.agents = {row.name: row for row in VoiceAgent.objects.all()}
        self._reported: set[str] = set()
        "Labels of the agents whose change is told already."

    # --- checks across objects ---------------------------------------------------------------

    def check_references(self, *, prune: bool) -> None:
        """Note every reference to what will not exist, and every user name with two owners."""
        connections = _names_after(
            self.connections, self.spec.connections, lambda spec: spec.sip_user, prune
        )
        trunks = _names_after(self.trunks, self.spec.trunks, lambda spec: spec.name, prune)
        agents = _names_after(self.agents, self.spec.agents, lambda spec: spec.name, prune)
        names = {"connection": connections, "trunk": trunks, "agent": agents}
        for kind, name, entry in _references(self.spec):
            if name not in names[kind]:
                what = f"there is no {kind} {name!r}"
                self.problems.add(entry, what, allowed=listed(names[kind]))
        for spec in self.spec.agents or ():
            row = self.agents.get(spec.name)
            reveal_headers(spec, row.tools if row else [], self.problems)
        self._check_usernames(connections, trunks)

    def _check_usernames(self, connections: set[str], trunks: set[str]) -> None:
        in_file = {spec.name: spec for spec in self.spec.trunks or ()}
        owners = {user: f"connection {user}" for user in connections}
        for name in sorted(trunks - in_file.keys()):
            username = self.trunks[name].in_username
            if username in owners:
                self._note_clash(username, name)
            elif username:
                owners[username] = f"trunk {name}"
        for spec in in_file.values():
            if spec.in_username in owners:
                what = f"the user name belongs to {owners[spec.in_username]} already"
                self.problems.add(spec.in_username_entry, what)
            elif spec.in_username:
                owners[spec.in_username] = f"trunk {spec.name}"

    def _note_clash(self, username: str, trunk: str) -> None:
        for spec in self.spec.connections or ():
            if spec.sip_user == username:
                self.problems.add(
                    spec.entry, f"the user name is the IN user name of trunk {trunk} already"
                )

    # --- writing -----------------------------------------------------------------------------

    def apply(self, *, prune: bool) -> None:
        """Write what differs; what points to something is written after it, deleted before."""
        spec = self.spec
        self._platform()
        if prune:
            self._prune(Number, "number", "number", _keys(spec.numbers, "number"))
            self._prune(Route, "route", "prefix", _keys(spec.routes, "prefix"))
        # First give every user name up, then take them: two trunks may swap theirs.
        self._release_usernames()
        # An agent may fall back to a connection that leads to it: that part of it comes last.
        for agent in spec.agents or ():
            self._agent(agent)
        for connection in spec.connections or ():
            self._connection(connection)
        for trunk in spec.trunks or ():
            self._trunk(trunk)
        for agent in spec.agents or ():
            self._fallback(agent)
        numbers = {row.number: row for row in Number.objects.all()} if spec.numbers else {}
        for number in spec.numbers or ():
            self._number(number, numbers.get(number.number))
        routes = {row.prefix: row for row in Route.objects.all()} if spec.routes else {}
        for route in spec.routes or ():
            self._route(route, routes.get(route.prefix))
        if prune:
            agents = _keys(spec.agents, "name")
            if agents is not None:
                no_fallback = {"fallback_connection": None, "fallback_trunk": None}
                gone = VoiceAgent.objects.exclude(name__in=agents)
                gone.update(**no_fallback, fallback_number="")
            self._prune(Connection, "connection", "sip_user", _keys(spec.connections, "sip_user"))
            self._prune(Trunk, "trunk", "name", _keys(spec.trunks, "name"))
            self._prune(VoiceAgent, "agent", "name", agents)

    def _platform(self) -> None:
        values: dict[str, Any] = {}
        if self.spec.platform_codecs is not None:
            values["codecs"] = self.spec.platform_codecs
        if self.spec.external_sip is not None:
            values["external_sip"] = self.spec.external_sip
        row = PlatformSettings.load()
        changed = _set_values(row, values)
        # A missing row is one with the defaults: only what differs from them makes it.
        if changed:
            row.save()
            self.outcome.changes.append(
                RowChange("update", "settings", "of the platform", _readable(row, changed))
            )

    def _connection(self, spec: ConnectionSpec) -> None:
        row = self.connections.get(spec.sip_user)
        new = row is None
        row = row or Connection(sip_user=spec.sip_user)
        values: dict[str, Any] = {
            "name": spec.name,
            "inbound_codecs": spec.inbound_codecs,
            "force_on_caller": spec.force_on_caller,
            "outbound_codecs": spec.outbound_codecs,
            "address": spec.address,
            "concurrent_calls": spec.concurrent_calls,
            "caller_id": spec.caller_id,
            "agent_id": self._agent_pk(spec.agent),
            "agent_when": spec.agent_when,
        }
        if spec.enabled is not None:
            values["enabled"] = spec.enabled
        rehashed = spec.password is not None and set_password(
            connection=row, password=spec.password
        )
        written = CONNECTION_HA1 if rehashed else ()
        self._write(row, "connection", spec.sip_user, values, new=new, written=written)
        self.connections[spec.sip_user] = row
        if not row.ha1_md5 and not row.address:
            self.outcome.notes.append(
                f"connection {row.sip_user} has no password: it cannot register"
            )

    def _release_usernames(self) -> None:
        for spec in self.spec.trunks or ():
            row = self.trunks.get(spec.name)
            if row is not None and row.in_username not in ("", spec.in_username):
                hashes = dict.fromkeys(TRUNK_HA1, "")
                Trunk.objects.filter(pk=row.pk).update(in_username="", **hashes)

    def _trunk(self, spec: TrunkSpec) -> None:
        row = self.trunks.get(spec.name)
        new = row is None
        row = row or Trunk(name=spec.name)
        renamed = row.in_username != spec.in_username
        values: dict[str, Any] = {
            "in_allowed_addresses": spec.allowed_addresses,
            "in_username": spec.in_username,
            "in_codecs": spec.in_codecs,
            "concurrent_calls": spec.concurrent_calls,
            "media_also_from": spec.media_also_from,
            "out_username": spec.out_username,
            "out_codecs": spec.out_codecs,
        }
        if spec.out_password is not None or not spec.out_username:
            values["out_password"] = spec.out_password or ""
        if spec.enabled is not None:
            values["enabled"] = spec.enabled
        changed = _set_values(row, values)
        # HA1 binds the user name: under another one the old password is worth nothing.
        if (spec.in_password is not None or renamed) and set_in_password(
            trunk=row, password=spec.in_password or ""
        ):
            changed += TRUNK_HA1
        self._save(row, "trunk", spec.name, changed, new=new)
        self.trunks[spec.name] = row
        if replace_gateways(trunk=row, gateways=spec.gateways) and not (new or changed):
            self.outcome.changes.append(RowChange("update", "trunk", spec.name, ("gateways",)))
        if row.in_username and not row.in_ha1_md5:
            self.outcome.notes.append(
                f"trunk {row.name} has an IN user name but no password: its calls are refused"
            )

    def _agent(self, spec: AgentSpec) -> None:
        row = self.agents.get(spec.name)
        new = row is None
        row = row or VoiceAgent(name=spec.name)
        values = dict(spec.values)
        if spec.secret is not None:
            values["secret"] = spec.secret
        if spec.enabled is not None:
            values["enabled"] = spec.enabled
        before = len(self.outcome.changes)
        self._write(row, "agent", spec.name, values, new=new)
        if len(self.outcome.changes) > before:
            self._reported.add(spec.name)
        self.agents[spec.name] = row
        for sentence in idle_settings(row).values():
            self.outcome.notes.append(f"agent {row.name}: {sentence}")

    def _fallback(self, spec: AgentSpec) -> None:
        kind, name, number = spec.fallback
        values = {
            "fallback_connection_id": self.connections[name].pk if kind == "connection" else None,
            "fallback_trunk_id": self.trunks[name].pk if kind == "trunk" else None,
            "fallback_number": number,
        }
        row = self.agents[spec.name]
        changed = _set_values(row, values)
        if changed:
            row.save(update_fields=changed)
        if changed and spec.name not in self._reported:
            self.outcome.changes.append(RowChange("update", "agent", spec.name, ("fallback",)))

    def _agent_pk(self, name: str) -> int | None:
        return self.agents[name].pk if name else None

    def _number(self, spec: NumberSpec, row: Number | None) -> None:
        rows: dict[str, dict[str, Any]] = {
            "connection": self.connections,
            "trunk": self.trunks,
            "agent": self.agents,
        }
        values = {f"{kind}_id": None for kind in rows}
        values[f"{spec.kind}_id"] = rows[spec.kind][spec.target].pk
        new = row is None
        self._write(row or Number(number=spec.number), "number", spec.number, values, new=new)

    def _route(self, spec: RouteSpec, row: Route | None) -> None:
        before = len(self.outcome.changes)
        row = row or Route(prefix=spec.prefix)
        values = {"last_resort_agent_id": self._agent_pk(spec.last_resort)}
        self._write(row, "route", spec.prefix, values, new=row.pk is None)
        trunks = [self.trunks[name] for name, _ in spec.trunks]
        changed = replace_route_trunks(route=row, trunks=trunks)
        if changed and len(self.outcome.changes) == before:
            self.outcome.changes.append(RowChange("update", "route", spec.prefix, ("trunks",)))

    def _write(
        self,
        row: models.Model,
        kind: str,
        name: str,
        values: Mapping[str, Any],
        *,
        new: bool,
        written: tuple[str, ...] = (),
    ) -> None:
        self._save(row, kind, name, _set_values(row, values) + written, new=new)

    def _save(
        self, row: models.Model, kind: str, name: str, changed: tuple[str, ...], *, new: bool
    ) -> None:
        if new:
            row.save(force_insert=True)
            self.outcome.changes.append(RowChange("create", kind, name))
        elif changed:
            row.save(update_fields=changed)
            self.outcome.changes.append(RowChange("update", kind, name, _readable(row, changed)))

    def _prune(
        self, model: type[models.Model], kind: str, column: str, keep: set[str] | None
    ) -> None:
        if keep is None:
            return
        for row in model._default_manager.all():
            name = str(getattr(row, column))
            if name not in keep:
                row.delete()
                self.outcome.changes.append(RowChange("delete", kind, name))


def _references(spec: FileSpec) -> Iterator[tuple[str, str, Entry]]:
    """Return kind, name and place of everything that something in the file leads to."""
    for number in spec.numbers or ():
        yield number.kind, number.target, number.target_entry
    for route in spec.routes or ():
        for name, entry in route.trunks:
            yield "trunk", name, entry
        if route.last_resort:
            yield "agent", route.last_resort, route.last_resort_entry
    for connection in spec.connections or ():
        if connection.agent:
            yield "agent", connection.agent, connection.agent_entry
    for agent in spec.agents or ():
        kind, name, _ = agent.fallback
        if name:
            yield kind, name, agent.fallback_entry


def _names_after(
    rows: Mapping[str, Any], specs: Iterable[Any] | None, name: Any, prune: bool
) -> set[str]:
    """Return the names that will exist once the file is applied."""
    if specs is None:
        return set(rows)
    in_file = {name(spec) for spec in specs}
    return in_file if prune else in_file | set(rows)


def _keys(specs: Iterable[Any] | None, name: str) -> set[str] | None:
    return None if specs is None else {getattr(spec, name) for spec in specs}


def _set_values(row: models.Model, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Set attributes and return the names of those that changed."""
    changed = tuple(name for name, value in values.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, values[name])
    return changed


def _readable(row: models.Model, columns: Iterable[str]) -> tuple[str, ...]:
    """Return columns as a person calls them; the three hashes of a password are one thing."""
    names = (
        "password"
        if "ha1" in name or name == "out_password"
        else str(row._meta.get_field(name).name)
        for name in columns
    )
    return tuple(dict.fromkeys(names))
