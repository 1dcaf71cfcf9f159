"""Configurations for wire tests, in the shape `manage.py provision` reads."""

from collections.abc import Mapping, Sequence
from typing import Any

PASSWORD = "correct-horse"
"Without a space: baresip ends a password there."
G722_FIRST = ("G722", "PCMU", "PCMA")
Entry = dict[str, Any]
ABROAD: Entry = {"international": "all", "premium_rate": True}


def connection(
    user: str,
    *,
    inbound: Sequence[str] = (),
    outbound: Sequence[str] = (),
    force: bool = False,
    **more: Any,
) -> Entry:
    """Return a connection; a list left out means the platform list."""
    entry: Entry = {"sip_user": user, "name": user.title(), "password": PASSWORD, **more}
    if inbound:
        entry["inbound"] = {"codecs": list(inbound), "force_on_caller": force}
    if outbound:
        entry["outbound"] = {"codecs": list(outbound)}
    return entry


def trunk(
    name: str,
    *,
    allowed: Sequence[str] = (),
    gateway: str = "",
    codecs: Sequence[str] = G722_FIRST,
    login: Mapping[str, str] | None = None,
    keeps: Sequence[str] = (),
    **more: Any,
) -> Entry:
    """Return a trunk with one gateway, the same codecs in both directions.

    Headers that it `keeps` are passed on.
    """
    outward: Entry = {"codecs": list(codecs), **(login or {})}
    if gateway:
        outward["gateways"] = [{"uri": gateway, "priority": 1}]
    inward = {"allowed_addresses": list(allowed), "codecs": list(codecs)}
    inward |= {"headers": [f"keep {name}" for name in keeps]} if keeps else {}
    return {"name": name, "in": inward, "out": outward, **more}


def _unprobed(entry: Entry) -> Entry:
    outward: Entry = entry.get("out", {})
    return entry | {"out": {"probe_interval_s": 0} | outward} if "gateways" in outward else entry


def configuration(
    *connections: Entry,
    trunks: Sequence[Entry] = (),
    numbers: Mapping[str, str] | None = None,
    routes: Mapping[str, Sequence[str]] | None = None,
    external_sip: bool = True,
    **platform: Any,
) -> Entry:
    """Return a configuration; who says nothing about calls abroad may make them.

    Gateways that nobody says it of are not probed. Most are there only while a test has them, and
    probes find some of them gone before others: calls would try those last.
    """
    return {
        "external_sip": external_sip,
        **platform,
        "connections": [ABROAD | entry for entry in connections],
        "trunks": [ABROAD | _unprobed(entry) for entry in trunks],
        "numbers": [{"number": n, "to": to} for n, to in (numbers or {}).items()],
        "routes": [{"prefix": p, "trunks": list(t)} for p, t in (routes or {}).items()],
    }
