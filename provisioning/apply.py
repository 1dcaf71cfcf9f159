"""Make the database hold what a file says: one transaction, and only rows that differ."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from agents.models import VoiceAgent
from audiocodecs.models import PlatformSettings
from audit.actors import Actor, acting, is_asked
from audit.models import ActorKind
from connections.models import Connection
from connections.templates import ConnectionTemplate
from provisioning.agents import release_fallbacks, reveal_headers, store_agent, store_fallback
from provisioning.connections import store_connection
from provisioning.dialplan import store_numbers, store_routes
from provisioning.holdmusic import hold_music, store_hold_music
from provisioning.problems import Problem, Problems, ProvisionError, listed
from provisioning.reader import MAX_FILE_BYTES, Entry, YamlError, read
from provisioning.rows import Outcome, Rows, set_values
from provisioning.schema import FileSpec, parse
from provisioning.templates import store_template
from provisioning.trunks import release_usernames, store_trunk
from trunks.models import Number, Route, Trunk


def provision(
    *,
    text: str,
    file: str,
    folder: Path | None = None,
    dry_run: bool = False,
    prune: bool = False,
) -> Outcome:
    """Apply a file's text in one transaction; `file` is its name in messages.

    Files that it names are read in `folder`, where whoever brings it may read there. Raises
    ProvisionError, with nothing changed.
    """
    with _acting(file):
        return _provision(text, file, folder, dry_run=dry_run, prune=prune)


def _acting(file: str) -> AbstractContextManager[None]:
    """Have the audit log name the file, unless it is a person who brings it."""
    if is_asked():
        return nullcontext()
    return acting(lambda: Actor(ActorKind.FILE, file))


def _provision(text: str, file: str, folder: Path | None, *, dry_run: bool, prune: bool) -> Outcome:
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
    music = hold_music(spec.hold_music, spec.hold_music_entry, folder, problems)
    problems.raise_any()
    with transaction.atomic():
        rows = Rows()
        _check_references(rows, spec, problems, prune=prune)
        problems.raise_any()
        try:
            _store(rows, spec, prune=prune)
            store_hold_music(rows, spec.hold_music, music)
        except ProtectedError as error:
            what = f"cannot be pruned: {listed(map(str, error.protected_objects))} uses it"
            raise ProvisionError([Problem(file, 1, "--prune", "", what)]) from None
        if dry_run:
            transaction.set_rollback(True)
    return rows.outcome


def _check_references(rows: Rows, spec: FileSpec, problems: Problems, *, prune: bool) -> None:
    """Note every reference to what will not exist, and every user name with two owners."""
    names = {
        "template": _names_after(rows.templates, _keys(spec.templates, "name"), prune),
        "connection": _names_after(rows.connections, _keys(spec.connections, "sip_user"), prune),
        "trunk": _names_after(rows.trunks, _keys(spec.trunks, "name"), prune),
        "agent": _names_after(rows.agents, _keys(spec.agents, "name"), prune),
    }
    for kind, name, entry in _references(spec):
        if name not in names[kind]:
            what = f"there is no {kind} {name!r}"
            problems.add(entry, what, allowed=listed(names[kind]))
    reveal_headers(rows, spec.agents or [], problems)
    _check_usernames(rows, spec, problems, names["connection"], names["trunk"])


def _references(spec: FileSpec) -> Iterator[tuple[str, str, Entry]]:
    """Return kind, name and place of every row that something in the file leads to."""
    for number in spec.numbers or ():
        if number.kind != "test":
            yield number.kind, number.target, number.target_entry
    for route in spec.routes or ():
        for name, entry in route.trunks:
            yield "trunk", name, entry
        if route.last_resort:
            yield "agent", route.last_resort, route.last_resort_entry
    for connection in spec.connections or ():
        yield from connection.references
    for agent in spec.agents or ():
        kind, name, _ = agent.fallback
        if name:
            yield kind, name, agent.fallback_entry


def _check_usernames(
    rows: Rows, spec: FileSpec, problems: Problems, connections: set[str], trunks: set[str]
) -> None:
    """Note every user name that would belong to two: digest could not tell them apart."""
    in_file = {trunk.name: trunk for trunk in spec.trunks or ()}
    owners = {user: f"connection {user}" for user in connections}
    for name in sorted(trunks - in_file.keys()):
        username = rows.trunks[name].in_username
        if username in owners:
            what = f"the user name is the IN user name of trunk {name} already"
            for connection in spec.connections or ():
                if connection.sip_user == username:
                    problems.add(connection.entry, what)
        elif username:
            owners[username] = f"trunk {name}"
    for trunk in in_file.values():
        if trunk.in_username in owners:
            what = f"the user name belongs to {owners[trunk.in_username]} already"
            problems.add(trunk.in_username_entry, what)
        elif trunk.in_username:
            owners[trunk.in_username] = f"trunk {trunk.name}"


def _store(rows: Rows, spec: FileSpec, *, prune: bool) -> None:
    """Store what differs; what points to something is stored after it, deleted before."""
    _store_platform(rows, spec)
    if prune:
        rows.prune(Number, "number", "number", _keys(spec.numbers, "number"))
        rows.prune(Route, "route", "prefix", _keys(spec.routes, "prefix"))
    release_usernames(rows, spec.trunks or [])
    # An agent may fall back to a connection that leads to it: that part of it comes last.
    for agent in spec.agents or ():
        store_agent(rows, agent)
    for template in spec.templates or ():
        store_template(rows, template)
    for connection in spec.connections or ():
        store_connection(rows, connection)
    for trunk in spec.trunks or ():
        store_trunk(rows, trunk)
    for agent in spec.agents or ():
        store_fallback(rows, agent)
    store_numbers(rows, spec.numbers or [])
    store_routes(rows, spec.routes or [])
    if prune:
        agents = _keys(spec.agents, "name")
        release_fallbacks(agents)
        rows.prune(Connection, "connection", "sip_user", _keys(spec.connections, "sip_user"))
        rows.prune(ConnectionTemplate, "connection template", "name", _keys(spec.templates, "name"))
        rows.prune(Trunk, "trunk", "name", _keys(spec.trunks, "name"))
        rows.prune(VoiceAgent, "agent", "name", agents)


def _store_platform(rows: Rows, spec: FileSpec) -> None:
    values = {"codecs": spec.platform_codecs, "external_sip": spec.external_sip, **spec.platform}
    row = PlatformSettings.load()
    given = {name: value for name, value in values.items() if value is not None}
    rows.store_platform(row, set_values(row, given))


def _names_after(rows: Mapping[str, object], in_file: set[str] | None, prune: bool) -> set[str]:
    """Return the names that will exist once the file is applied."""
    if in_file is None:
        return set(rows)
    return in_file if prune else in_file | set(rows)


def _keys(specs: Iterable[Any] | None, name: str) -> set[str] | None:
    return None if specs is None else {getattr(spec, name) for spec in specs}
