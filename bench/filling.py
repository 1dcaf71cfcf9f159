"""A large record, written by the database itself: a few statements, seconds instead of minutes.

The same SQL for SQLite and PostgreSQL (both know WITH RECURSIVE), save for `Dialect`.
"""

from dataclasses import dataclass

from django.db import connection, transaction

RECORD_DAYS = 30
TRUNKS = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of what."""

    connections: int = 10_000
    calls: int = 200_000
    rejections: int = 50_000
    numbers: int = 5_000
    routes: int = 500


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the databases write differently; `{s}` is seconds before now."""

    ago: str
    uuid: str
    true: str
    false: str
    json: str


SQLITE = Dialect(
    ago="strftime('%Y-%m-%d %H:%M:%f', 'now', (-({s})) || ' seconds')",
    uuid="lower(hex(randomblob(16)))",
    true="1",
    false="0",
    json="{text}",
)
POSTGRES = Dialect(
    ago="now() - make_interval(secs => {s})",
    uuid="gen_random_uuid()",
    true="true",
    false="false",
    json="({text})::jsonb",
)


def fill(size: Size) -> None:
    """Write a record of this size into an empty database, and refresh its statistics."""
    dialect = SQLITE if connection.vendor == "sqlite" else POSTGRES
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Not all at the end, by a plan made for a few rows: that did not end in 8 minutes.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in _statements(size, dialect):
            cursor.execute(statement)
    with connection.cursor() as cursor:
        # What autovacuum does by itself within a minute on PostgreSQL; SQLite has no such thing.
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")


def _statements(size: Size, dialect: Dialect) -> list[str]:
    return [
        *_endpoints(size, dialect),
        _calls(size.calls, size.connections, dialect),
        *_legs(dialect),
        _rejections(size.rejections, dialect),
    ]


def _series(count: int) -> str:
    return (
        "WITH RECURSIVE series(i) AS "
        f"(SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < {count})"
    )


def _endpoints(size: Size, dialect: Dialect) -> list[str]:
    """Connections, nine of ten registered; trunks, numbers and routes."""
    empty = dialect.json.format(text="'[]'")
    return [
        "INSERT INTO connections_connection (name, sip_user, enabled, ha1_realm, ha1_md5, "
        "ha1_sha256, inbound_codecs, force_on_caller, outbound_codecs, address, "
        "caller_id) "
        f"{_series(size.connections)} SELECT 'Desk ' || i, 'user' || i, {dialect.true}, '', '', "
        f"'', {empty}, {dialect.false}, {empty}, '', 'rewrite' FROM series",
        "INSERT INTO connections_registration (connection_id, contact, call_id, cseq, expires_at, "
        "flow, user_agent, q, instance, registered_at, since, reached_at, path, is_direct) "
        "SELECT id, 'sip:' || sip_user || "
        f"'@192.0.2.1:5060', 'reg-' || id, 1, {dialect.ago.format(s='-600 - id')}, "
        "'udp:192.0.2.1:5060', 'Yealink SIP-T46U 108.86.0.20', 1.0, '', "
        f"{dialect.ago.format(s='id')}, {dialect.ago.format(s='id')}, '', {empty}, "
        f"{dialect.true} "
        "FROM connections_connection WHERE id % 10 > 0",
        "INSERT INTO trunks_trunk (name, enabled, in_allowed_addresses, in_username, in_ha1_realm, "
        "in_ha1_md5, in_ha1_sha256, in_codecs, out_username, out_password, out_codecs, "
        "media_also_from) "
        f"{_series(TRUNKS)} SELECT 'carrier-' || i, {dialect.true}, {empty}, '', '', '', '', "
        f"{empty}, '', '', {empty}, {empty} FROM series",
        "INSERT INTO trunks_number (number, connection_id) SELECT '+1202' || (5000000 + id), id "
        f"FROM connections_connection WHERE id <= {size.numbers}",
        "INSERT INTO trunks_route (prefix) "
        f"{_series(size.routes)} SELECT '+' || (1000 + i) FROM series",
        "INSERT INTO trunks_routetrunk (route_id, trunk_id, position) "
        f"SELECT id, 1 + id % {TRUNKS}, 0 FROM trunks_route",
    ]


def _calls(count: int, connections: int, dialect: Dialect) -> str:
    """Calls over a month, the newest forty up: half from trunks, half from connections.

    Of twenty, 14 are answered, and one each is cut off, busy, unanswered (2), cancelled,
    declined for codecs and failed.
    """
    step_s = RECORD_DAYS * 86400 / count
    user = f"'user' || (1 + (i * 7919) % {connections})"
    carrier = f"'carrier-' || (1 + i % {TRUNKS})"
    outside = "'+44' || (2079000000 + (i * 31) % 1000000)"
    codecs = "CASE ({0}) % 5 WHEN 0 THEN 'OPUS' WHEN 1 THEN 'G722' WHEN 2 THEN 'PCMU' {1} END"
    rest = "WHEN 3 THEN 'AMR-WB' ELSE 'PCMA'"
    plan = dialect.json.format(text='\'{"vn_a_source": "platform list", "targets": []}\'')
    ended_s = f"CAST((i - 1) * {step_s} AS integer)"
    return (
        "INSERT INTO callengine_call (id, node, node_identity, started, answered, ended, "
        "from_user, from_name, to_user, source, destination, state, transcoded, plan, ended_by, "
        "reason, code, advice, "
        f"codec_a, codec_b, talk_s) {_series(count)}, kinds AS (SELECT i, (i * 7) % 20 AS kind, "
        f"{ended_s} AS ended_s, 20 + (i * 13) % 600 AS long_s, i <= 40 AS up FROM series) "
        f"SELECT {dialect.uuid}, 'engine-1', '', {dialect.ago.format(s='ended_s + long_s')}, "
        f"CASE WHEN kind < 14 THEN {dialect.ago.format(s='ended_s + long_s - 8')} END, "
        f"CASE WHEN NOT up THEN {dialect.ago.format(s='ended_s')} END, "
        f"CASE WHEN i % 2 = 0 THEN {user} ELSE {outside} END, '', "
        f"CASE WHEN i % 2 = 1 THEN {user} ELSE {outside} END, "
        f"CASE WHEN i % 2 = 0 THEN 'connection:' || {user} ELSE 'trunk:' || {carrier} END, "
        f"CASE WHEN i % 2 = 1 THEN 'connection:' || {user} ELSE 'trunk:' || {carrier} END, "
        "CASE WHEN NOT up THEN 'ended' WHEN kind < 14 THEN 'answered' ELSE 'ringing' END, "
        f"CASE WHEN kind < 14 AND i % 5 <> (i * 3) % 5 THEN {dialect.true} "
        f"ELSE {dialect.false} END, {plan}, CASE WHEN up THEN '' WHEN kind < 13 THEN 'caller' "
        "ELSE 'callee' END, CASE WHEN up THEN '' WHEN kind < 13 THEN 'hangup' "
        "WHEN kind = 13 THEN 'call-process-died' WHEN kind = 14 THEN 'callee-busy' "
        "WHEN kind IN (15, 16) THEN 'no-answer' WHEN kind = 17 THEN 'cancelled' "
        "WHEN kind = 18 THEN 'no-common-codec-caller' ELSE 'callee-unreachable' END, "
        "CASE WHEN up THEN NULL WHEN kind < 13 THEN 200 WHEN kind = 13 THEN 500 "
        "WHEN kind = 14 THEN 486 WHEN kind IN (15, 16) THEN 480 WHEN kind = 17 THEN 487 "
        "WHEN kind = 18 THEN 488 ELSE 503 END, 'Nothing to mend.', "
        f"CASE WHEN kind < 14 THEN {codecs.format('i', rest)} ELSE '' END, "
        f"CASE WHEN kind < 14 THEN {codecs.format('i * 3', rest)} ELSE '' END, "
        "CASE WHEN kind < 14 AND NOT up THEN long_s - 8 END FROM kinds"
    )


def _legs(dialect: Dialect) -> list[str]:
    """Two legs and one line of the timeline for each call."""
    listed = dialect.json.format(text='\'["OPUS", "G722", "PCMU"]\'')
    empty = dialect.json.format(text="'{}'")
    legs = [
        "INSERT INTO callengine_leg (call_id, name, label, sip_call_id, offered, allowed, codec, "
        f"remote, user_agent, state, quality, history) SELECT id, '{name}', {label}, "
        f"replace(CAST(id AS text), '-', '') || '@{name}', {listed}, {listed}, codec_{side}, "
        f"'192.0.2.1:31002', 'Yealink SIP-T46U', 'ended', {empty}, {empty} FROM callengine_call"
        for name, side, label in (("A", "a", "source"), ("B", "b", "destination"))
    ]
    return [
        *legs,
        "INSERT INTO callengine_callevent (call_id, at, leg, kind, text) SELECT id, started, 'A', "
        "'invite', 'INVITE from 192.0.2.1 offers OPUS, G722, PCMU.' FROM callengine_call",
    ]


def _rejections(count: int, dialect: Dialect) -> str:
    """Rejections over a month from two thousand addresses, a fifth of them by one scanner."""
    step_s = RECORD_DAYS * 86400 / count
    return (
        'INSERT INTO callengine_rejection (at, source_address, "user", "to", method, call_id, '
        f"code, rule, advice) {_series(count)} "
        f"SELECT {dialect.ago.format(s=f'CAST(i * {step_s} AS integer)')}, "
        "CASE WHEN i % 5 = 0 THEN '198.51.100.9' ELSE '203.0.' || (i % 8) || '.' || (i % 250) END, "
        "'user' || (i % 977), '+4420790' || (i % 10000), CASE WHEN i % 3 = 0 THEN 'REGISTER' "
        "ELSE 'INVITE' END, 'call-' || i || '@198.51.100.9', CASE WHEN i % 3 = 0 THEN 401 "
        "ELSE 403 END, CASE WHEN i % 3 = 0 THEN 'wrong-password' ELSE "
        "'source-not-on-access-list' END, 'Add the address to the access list of its trunk.' "
        "FROM series"
    )
