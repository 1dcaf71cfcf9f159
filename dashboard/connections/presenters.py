"""Connections as the pages show them: state, device, codec lists, what happened to them lately."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from audiocodecs.chips import Chip, chip
from callengine.core.limits import NODE_SILENCE_S
from callengine.directory import nodes
from callengine.models import Rejection
from connections.models import Connection, Registration
from connections.states import ConnectionState, state_of
from dashboard.calls.lately import LATELY
from dashboard.connections.listed import last_call
from dashboard.connections.phones import Server, servers
from dashboard.parts.shown import Badge
from dashboard.parts.usage import InUse, calls_in_use, in_use

_TONES = {
    ConnectionState.REGISTERED: "up",
    ConnectionState.FIXED: "fixed",
    ConnectionState.NOT_REGISTERED: "idle",
    ConnectionState.DISABLED: "off",
}


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One connection, in the list and at the head of its page."""

    row: Connection
    state: ConnectionState
    badge: Badge
    devices: str
    "`Yealink T46U`, `Yealink T46U and 2 more`; empty unless registered."
    since: dt.datetime | None
    "Since when it is registered without a gap."
    bindings: tuple[Registration, ...]
    inbound: tuple[Chip, ...]
    outbound: tuple[Chip, ...]
    in_use: InUse | None = None
    "In the list."
    last_call: dt.datetime | None = None
    "In the list: when it last called or was called."


def present_connections(rows: Iterable[Any]) -> list[ConnectionView]:
    """Return the rows of a list, with the `bindings` fetched along. Two queries."""
    rows = list(rows)
    used = calls_in_use({_label(row): row.concurrent_calls for row in rows})
    return [
        replace(
            present_connection(row, row.bindings, in_use=used[_label(row)]),
            last_call=last_call(row),
        )
        for row in rows
    ]


def present_connection(
    row: Connection, bindings: Sequence[Registration], *, in_use: InUse | None = None
) -> ConnectionView:
    """Return what is shown of a connection with these unexpired registrations."""
    state = state_of(row, bindings)
    word = str(state.label)
    if state is ConnectionState.REGISTERED and len(bindings) > 1:
        word = f"Registered, {len(bindings)} contacts"
    registered = state is ConnectionState.REGISTERED
    return ConnectionView(
        row=row,
        state=state,
        badge=Badge(word, _TONES[state]),
        devices=_devices(bindings) if registered else "",
        since=min(one.since for one in bindings) if registered else None,
        bindings=tuple(bindings),
        inbound=tuple(chip(name) for name in row.inbound_codecs),
        outbound=tuple(chip(name) for name in row.outbound_codecs),
        in_use=in_use,
    )


def _devices(bindings: Sequence[Registration]) -> str:
    first = bindings[0].user_agent or "a phone that does not say what it is"
    others = len(bindings) - 1
    return f"{first} and {others} more" if others else first


def password_problem(row: Connection, *, may_set: bool) -> str:
    """Return why this connection cannot authenticate, and what to do; empty if it can."""
    mend = "Set a new password." if may_set else "An administrator can set a new one."
    if not row.ha1_md5:
        return f"It has no password, so it can neither register nor call. {mend}"
    if row.ha1_realm != settings.VOIPNUMBER_REALM:
        return (
            f"Its password was set for the realm {row.ha1_realm}; the realm is now "
            f"{settings.VOIPNUMBER_REALM}, so the phone is refused. {mend}"
        )
    return ""


def phone_servers(*, page_host: str, now: dt.datetime) -> tuple[tuple[Server, ...], bool]:
    """Return where phones may register, and whether an engine runs that says so. One query."""
    silent_since = now - dt.timedelta(seconds=NODE_SILENCE_S)
    running = [
        text
        for node in nodes.snapshots()
        if dt.datetime.fromisoformat(node["seen"]) > silent_since
        for text in node["listening"]
    ]
    configured = [f"{at.transport}:{at.host}:{at.port}" for at in settings.VOIPNUMBER_SIP_LISTEN]
    addresses = servers(
        list(dict.fromkeys(running or configured)),
        public_address=settings.VOIPNUMBER_PUBLIC_ADDRESS,
        page_host=page_host,
        tls_name=settings.VOIPNUMBER_SIP_TLS_NAME,
    )
    return addresses, bool(running)


def in_use_of(row: Connection) -> InUse:
    """Return what a connection uses of what it may."""
    return in_use(_label(row), limit=row.concurrent_calls, daily_minutes=row.daily_minutes)


def _label(row: Connection) -> str:
    return f"connection:{row.sip_user}"


def rejections_lately(row: Connection) -> list[Rejection]:
    """Return the newest requests in this connection's name that were refused. One query."""
    return list(Rejection.objects.filter(user=row.sip_user).order_by("-at", "-id")[:LATELY])
