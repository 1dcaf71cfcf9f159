"""Triggers that tell engines which rows of the directory have changed, whoever changed them.

The database itself notes it, in the transaction that writes: no page, command, admin, bulk update
or SQL by hand can forget to. After each `migrate` they are put in place anew, as SQLite drops a
table's triggers when a migration rebuilds the table.

PostgreSQL tells by NOTIFY, in the order of the commits; SQLite keeps the last changes in a table
of its own, whose numbers are in that order as it has one writer at a time.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connections

CHANNEL = "voipnumber_directory"
TABLE = "callengine_directory_change"
KEPT = 4096
"Changes that SQLite keeps: an engine that was asleep for longer reads everything anew."
ALL = "all"

WATCHED = {
    "audiocodecs_platformsettings": ("platform", "id"),
    "connections_connection": ("connection", "id"),
    "connections_registration": ("registration", "connection_id"),
    "trunks_trunk": ("trunk", "id"),
    "trunks_gateway": ("trunk", "trunk_id"),
    "trunks_trunkregistration": ("trunk", "trunk_id"),
    "trunks_gatewaytarget": ("gateway", "gateway_id"),
    "trunks_number": ("number", "id"),
    "trunks_route": ("route", "id"),
    "trunks_routetrunk": ("route", "route_id"),
    "agents_voiceagent": ("agent", "id"),
}
"""Table -> what has changed, and the column with its key.

No trigger names another table of these: SQLite would not let a migration rebuild that."""


def remove(**_: Any) -> None:
    """Take them away; called before each `migrate`, which may drop what they name."""
    connection = connections["default"]
    there = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in there.intersection(WATCHED):
            for name in _trigger_names(table, connection.vendor):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def install(**_: Any) -> None:
    """Put them in place; called after each `migrate`."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        # Not in a database that is on its way to an older state.
        if not there.issuperset(WATCHED) or not _has_writers(cursor):
            return
        for statement in _postgresql() if connection.vendor == "postgresql" else _sqlite():
            cursor.execute(statement)


def missing(execute: Callable[[str], Any], vendor: str) -> bool:
    """Tell whether any is not in place; `execute` runs a query and gives a cursor."""
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    there = {name for (name,) in execute(query).fetchall()}
    return not all(there.issuperset(_trigger_names(table, vendor)) for table in WATCHED)


def _has_writers(cursor: Any) -> bool:
    introspection = connections["default"].introspection
    columns = introspection.get_table_description(cursor, "connections_registration")
    return any(column.name == "node" for column in columns)


def _trigger_names(table: str, vendor: str) -> Iterator[str]:
    events = ("row", "truncate") if vendor == "postgresql" else ("insert", "update", "delete")
    yield from (f"directory_{table}_{event}" for event in events)


_SQLITE_NEWS_OF_BINDINGS = {
    "N": " WHEN NEW.node = ''",
    # An engine writes when a phone has registered again; anybody else leaves that time as it is.
    "ON": " WHEN NEW.node = '' OR NEW.registered_at = OLD.registered_at",
    "O": "",
}
"Of which bindings that are written somebody is told: an engine knows its own."


def _sqlite() -> Iterator[str]:
    yield (
        f"CREATE TABLE IF NOT EXISTS {TABLE} (id INTEGER PRIMARY KEY AUTOINCREMENT,"
        " kind TEXT NOT NULL, key INTEGER NOT NULL)"
    )
    # There is always a last one, so that it shows when it is gone.
    yield f"INSERT INTO {TABLE} (kind, key) VALUES ('{ALL}', 0)"  # noqa: S608
    for table, (kind, column) in WATCHED.items():
        for name, rows in zip(_trigger_names(table, "sqlite"), ("N", "ON", "O"), strict=True):
            event = name.rpartition("_")[2].upper()
            only = _SQLITE_NEWS_OF_BINDINGS[rows] if kind == "registration" else ""
            yield f"DROP TRIGGER IF EXISTS {name}"
            head = f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW{only} BEGIN"
            cut = f"DELETE FROM {TABLE} WHERE id <= last_insert_rowid() - {KEPT};"  # noqa: S608
            yield f"{head} {_sqlite_told(kind, column, rows)} {cut} END"


def _sqlite_told(kind: str, column: str, rows: str) -> str:
    insert = f"INSERT INTO {TABLE} (kind, key)"
    row = "OLD" if rows == "O" else "NEW"
    told = f"{insert} VALUES ('{kind}', {row}.{column});"
    if rows == "ON" and column != "id":
        # It has left another.
        told += f" {insert} SELECT '{kind}', OLD.{column} WHERE OLD.{column} <> NEW.{column};"
    return told


def _postgresql() -> Iterator[str]:
    yield f"""
        CREATE OR REPLACE FUNCTION {CHANNEL}() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            kind text := TG_ARGV[0];
            old_key bigint; new_key bigint; writer text := '';
        BEGIN
            IF TG_OP = 'TRUNCATE' THEN
                PERFORM pg_notify('{CHANNEL}', '{ALL}:0');
                RETURN NULL;
            END IF;
            IF TG_OP <> 'INSERT' THEN
                EXECUTE format('SELECT ($1).%I', TG_ARGV[1]) USING OLD INTO old_key;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                EXECUTE format('SELECT ($1).%I', TG_ARGV[1]) USING NEW INTO new_key;
            END IF;
            IF kind = 'registration' AND TG_OP <> 'DELETE' THEN
                writer := NEW.node;
                -- Somebody else's, who leaves the time of its refresh as it is.
                IF TG_OP = 'UPDATE' AND NEW.registered_at = OLD.registered_at THEN
                    writer := '';
                END IF;
            END IF;
            IF new_key IS NOT NULL THEN
                PERFORM pg_notify('{CHANNEL}', kind || ':' || new_key || ':' || writer);
            END IF;
            IF old_key IS NOT NULL AND old_key IS DISTINCT FROM new_key THEN
                PERFORM pg_notify('{CHANNEL}', kind || ':' || old_key || ':' || writer);
            END IF;
            RETURN NULL;
        END $$"""  # noqa: S608
    for table, (kind, column) in WATCHED.items():
        events = (("INSERT OR UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT"))
        names = _trigger_names(table, "postgresql")
        for name, (event, each) in zip(names, events, strict=True):
            yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
            yield (
                f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH {each}"
                f" EXECUTE FUNCTION {CHANNEL}('{kind}', '{column}')"
            )
