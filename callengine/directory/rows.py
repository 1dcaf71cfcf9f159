"""Rows of the directory as the values of `records`, one or all of a table. Synchronous."""

import dataclasses
import json
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeVar, cast

from django.db.models import F, Model, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from agents.formats import Encoding
from agents.models import VoiceAgent
from agents.shapes import as_json
from audiocodecs.catalogue import CATALOGUE
from callengine.core.directory import AgentEntry, TrunkEntry
from callengine.core.numberrules import Diverting, IdentityHeader, NumberRules
from callengine.core.permissions import Permissions
from callengine.directory.records import (
    Agent,
    AgentOnRecord,
    ConnectionRow,
    ConnectionSettings,
    GatewayRow,
    Kept,
    NumberRow,
    RouteRow,
    TargetRow,
    TrunkOnRecord,
    packed,
)
from callengine.edge.interface import Binding
from connections.models import Connection, Registration
from sip.digest import KeptHa1
from sip.srtp import Srtp
from trunks.models import Gateway, GatewayTarget, Number, Route, Trunk
from trunks.services import HA1_FIELDS as TRUNK_HA1

Keys = Collection[int] | None
"Keys of rows; None: all there are."
Row = TypeVar("Row", bound=Model)
CHUNK = 2000
SHARED = 4096
"Sets of settings that are kept once for all connections that have the same."


def known_codecs(names: Iterable[str]) -> tuple[str, ...]:
    """Return those codecs that are known here: a row may be older than the catalogue."""
    return tuple(name for name in names if name in CATALOGUE)


def connections(keys: Keys) -> Iterator[ConnectionRow]:
    """Yield connections. One query."""
    return connections_in(_of(Connection.objects.all(), keys))


def connections_in(rows: QuerySet[Connection]) -> Iterator[ConnectionRow]:
    """Yield these connections. One query."""
    texts = {
        "inbound_text": Cast("inbound_codecs", TextField()),
        "outbound_text": Cast("outbound_codecs", TextField()),
        "countries_text": Cast("countries", TextField()),
    }
    values = (
        rows.order_by()
        .annotate(**texts)
        .values_list(
            "pk", "sip_user", "name", "ha1_md5", "ha1_sha256", "ha1b_md5", "ha1b_sha256", *_COLUMNS
        )
    )
    for key, sip_user, name, *rest in values.iterator(CHUNK):
        digests = packed(*rest[:4])
        # A digest that is none lets nobody in.
        yield ConnectionRow(key, sip_user, name, digests, _settings(*rest[4:]))


_OTHERWISE = {
    "realm": "ha1_realm",
    "inbound_codecs": "inbound_text",
    "outbound_codecs": "outbound_text",
    "countries": "countries_text",
}
"Columns of settings that are not called as these are."
_PERMITTED = tuple(field.name for field in dataclasses.fields(Permissions))
_SET = (*(name for name in ConnectionSettings._fields if name != "permissions"), *_PERMITTED)
_COLUMNS = tuple(_OTHERWISE.get(name, name) for name in _SET)


@lru_cache(maxsize=SHARED)
def _settings(*values: Any) -> ConnectionSettings:
    """Return the settings of these columns; the same object for the same values."""
    given = dict(zip(_SET, values, strict=True))
    permitted = {name: given.pop(name) for name in _PERMITTED}
    permitted["countries"] = tuple(json.loads(permitted["countries"]))
    for name in ("inbound_codecs", "outbound_codecs"):
        given[name] = known_codecs(json.loads(given[name]))
    given["srtp"] = Srtp(given["srtp"])
    return ConnectionSettings(**given, permissions=Permissions(**permitted))


def registrations(keys: Keys) -> Iterator[tuple[int, Kept]]:
    """Yield unexpired bindings with their connections' keys, the latest refreshed first."""
    rows = Registration.objects.filter(expires_at__gt=timezone.now())
    if keys is not None:
        rows = rows.filter(connection__in=keys)
    values = rows.values_list(
        "connection",
        "contact",
        "call_id",
        "cseq",
        "expires_at",
        "flow",
        "user_agent",
        "q",
        "instance",
        "reached_at",
        "path",
        "is_direct",
        "registered_at",
        "since",
    )
    for key, contact, call_id, cseq, expires_at, *rest in values.iterator(CHUNK):
        flow, user_agent, q, instance, reached_at, path, is_direct, registered_at, since = rest
        binding = Binding(
            contact=contact,
            call_id=call_id,
            cseq=cseq,
            expires_at=expires_at.timestamp(),
            flow=flow,
            user_agent=user_agent,
            q=q,
            instance=instance,
            reached_at=reached_at,
            path=tuple(path),
            is_direct=is_direct,
        )
        yield key, Kept(binding, registered_at.timestamp(), since.timestamp())


def trunks(keys: Keys) -> Iterator[TrunkOnRecord]:
    """Yield trunks, the oldest first. One query."""
    rows = _of(Trunk.objects.all(), keys).select_related("registration").order_by("pk")
    return map(_trunk_row, rows.iterator(CHUNK))


def trunk_in(rows: QuerySet[Trunk]) -> TrunkOnRecord | None:
    """Return the first of these trunks. One query."""
    row = rows.select_related("registration").first()
    return _trunk_row(row) if row is not None else None


def _trunk_row(row: Trunk) -> TrunkOnRecord:
    registration = getattr(row, "registration", None)
    return TrunkOnRecord(
        key=row.pk,
        entry=TrunkEntry(
            name=row.name,
            enabled=row.enabled,
            in_codecs=known_codecs(row.in_codecs),
            out_codecs=known_codecs(row.out_codecs),
            out_username=row.out_username,
            out_password=row.out_password,
            concurrent_calls=row.concurrent_calls,
            media_also_from=tuple(row.media_also_from),
            acts_on_refer=row.refer == "act",
            passes_refer=row.passes_refer,
            avoids_transcoding=row.avoids_transcoding,
            holds_back_early_media=row.holds_back_early_media,
            permissions=Permissions(
                international=cast("Any", row.international),
                countries=tuple(row.countries),
                premium_rate=row.premium_rate,
                calls_per_second=row.calls_per_second,
                daily_minutes=row.daily_minutes,
                max_duration_s=row.max_duration_s,
            ),
            rules=_rules(row),
            srtp=Srtp(row.srtp),
        ),
        allowed=tuple(row.in_allowed_addresses),
        in_username=row.in_username,
        in_domain=row.in_domain,
        ha1=KeptHa1(*(getattr(row, field) for field in TRUNK_HA1)),
        contact_user=registration.contact_user if registration and row.registers else "",
    )


def _rules(row: Trunk) -> NumberRules:
    return NumberRules(
        in_called=tuple(row.in_called_rules),
        in_caller=tuple(row.in_caller_rules),
        out_called=tuple(row.out_called_rules),
        out_caller=tuple(row.out_caller_rules),
        filters=tuple(row.in_filters),
        in_identity=cast("IdentityHeader", row.in_identity),
        out_identity=cast("IdentityHeader", row.out_identity),
        diverting=cast("Diverting", row.out_diversion),
        headers=tuple(row.in_headers),
    )


def gateways(trunks: Keys) -> dict[int, tuple[GatewayRow, ...]]:
    """Return the gateways of trunks by the trunks' keys, first to try first. Two queries."""
    rows, targets = Gateway.objects.all(), GatewayTarget.objects.all()
    if trunks is not None:
        rows = rows.filter(trunk__in=trunks)
        targets = targets.filter(gateway__trunk__in=trunks)
    of_gateway: dict[int, list[TargetRow]] = {}
    columns = ("target", "is_up", "holds_until", "rests_until")
    for key, *rest in targets.values_list("gateway", *columns):
        of_gateway.setdefault(key, []).append(TargetRow(*rest))
    of_trunk: dict[int, tuple[GatewayRow, ...]] = {}
    for key, trunk, uri, priority, weight in rows.values_list(
        "pk", "trunk", "uri", "priority", "weight"
    ):
        gateway = GatewayRow(uri, priority, weight, tuple(of_gateway.get(key, ())))
        of_trunk[trunk] = (*of_trunk.get(trunk, ()), gateway)
    return of_trunk


def numbers(keys: Keys) -> Iterator[NumberRow]:
    """Yield numbers. One query."""
    return numbers_in(_of(Number.objects.all(), keys))


def numbers_in(rows: QuerySet[Number]) -> Iterator[NumberRow]:
    """Yield these numbers. One query."""
    columns = ("pk", "number", "connection", "trunk", "agent", "selftest")
    for values in rows.order_by().values_list(*columns).iterator(CHUNK):
        yield NumberRow(*values)


def routes(keys: Keys) -> Iterator[RouteRow]:
    """Yield routes. One query."""
    return routes_in(_of(Route.objects.all(), keys))


def routes_in(rows: QuerySet[Route]) -> Iterator[RouteRow]:
    """Yield these routes. One query."""
    steps = rows.order_by("pk", "steps__position", "steps__id").values_list(
        "pk", "prefix", "last_resort_agent", F("steps__trunk")
    )
    route: RouteRow | None = None
    for key, prefix, last_resort, trunk in steps:
        if route is None or route.key != key:
            if route is not None:
                yield route
            route = RouteRow(key, prefix, last_resort, ())
        if trunk is not None:
            route = route._replace(trunks=(*route.trunks, trunk))
    if route is not None:
        yield route


def agents(keys: Keys) -> Iterator[Agent]:
    """Yield voice agents, whole. One query."""
    return map(whole_agent, _of(VoiceAgent.objects.all(), keys))


def whole_agent(row: VoiceAgent) -> Agent:
    """Return a voice agent with what it is talked to with."""
    return Agent(agent_row(row), _agent_entry(row))


def agent_row(row: VoiceAgent) -> AgentOnRecord:
    """Return a voice agent as plans need it."""
    return AgentOnRecord(
        key=row.pk,
        name=row.name,
        enabled=row.enabled,
        codecs=known_codecs(row.codecs),
        input=Encoding(row.input_encoding),
        fallback_connection=row.fallback_connection_id,
        fallback_trunk=row.fallback_trunk_id,
        fallback_number=row.fallback_number,
    )


def _agent_entry(row: VoiceAgent) -> AgentEntry:
    return AgentEntry(
        name=row.name,
        dialect=row.dialect,
        url=row.url,
        secret=row.secret,
        agent_id=row.agent_id,
        system_prompt=row.system_prompt,
        greeting=row.greeting,
        voice=row.voice,
        transcription_model=row.transcription_model,
        tools=as_json(row.tools),
        keyterms=tuple(row.keyterms),
        turn_detection=as_json(row.turn_detection),
        input=Encoding(row.input_encoding),
        output=Encoding(row.output_encoding),
        volume=row.volume,
        account=row.account,
        headers=dict(row.headers),
        max_duration_s=row.max_duration_s,
        silence_timeout_s=row.silence_timeout_s,
        ready_timeout_s=row.ready_timeout_s,
        keeps_transcript=row.keeps_transcript,
        answers_at_once=row.answers_at_once,
    )


def _of(rows: QuerySet[Row], keys: Keys) -> QuerySet[Row]:
    return rows if keys is None else rows.filter(pk__in=keys)
