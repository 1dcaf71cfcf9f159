"""Rows as calls are planned and ordered with them: plain values."""

from collections.abc import Sequence
from typing import cast

from django.db.models import prefetch_related_objects
from django.utils import timezone

from agents.formats import Encoding
from agents.models import VoiceAgent
from agents.shapes import as_json
from audiocodecs.catalogue import CATALOGUE
from callengine.core.directory import (
    AgentEntry,
    AgentWhen,
    ConnectionEntry,
    Contact,
    GatewayEntry,
    TrunkEntry,
)
from callengine.core.numberrules import Diverting, IdentityHeader, NumberRules
from callengine.core.permissions import International, Permissions
from callengine.edge.transport.addresses import host_of
from connections.models import Connection
from connections.services import unexpired_registrations
from numbering.allowance import CallAllowance
from sip.srtp import Srtp
from trunks.models import Gateway, Trunk
from trunks.states import GatewayState, believed, gateway_state


def connection_entry(row: Connection) -> ConnectionEntry:
    """Return a connection with its unexpired registrations. One query."""
    registrations = unexpired_registrations(sip_user=row.sip_user, now=timezone.now())
    return ConnectionEntry(
        sip_user=row.sip_user,
        name=row.name,
        enabled=row.enabled,
        inbound_codecs=known_codecs(row.inbound_codecs),
        outbound_codecs=known_codecs(row.outbound_codecs),
        force_on_caller=row.force_on_caller,
        avoids_transcoding=row.avoids_transcoding,
        address=row.address,
        concurrent_calls=row.concurrent_calls,
        caller_id=row.caller_id,
        contacts=tuple(
            Contact(one.contact, one.reached_at or one.flow, one.user_agent, tuple(one.path))
            for one in registrations
        ),
        agent_when=cast("AgentWhen", row.agent_when),
        permissions=_permissions(row),
        ring_timeout_s=row.ring_timeout_s,
        holds_back_early_media=row.holds_back_early_media,
        srtp=Srtp(row.srtp),
    )


def trunk_entry(row: Trunk) -> TrunkEntry:
    """Return a trunk with its gateways, first to try first. Two queries unless prefetched."""
    prefetch_related_objects([row], "gateways__targets")
    return TrunkEntry(
        name=row.name,
        enabled=row.enabled,
        in_codecs=known_codecs(row.in_codecs),
        out_codecs=known_codecs(row.out_codecs),
        gateways=tuple(_gateway_entry(one) for one in row.gateways.all()),
        hosts=_hosts(row),
        out_username=row.out_username,
        out_password=row.out_password,
        concurrent_calls=row.concurrent_calls,
        media_also_from=tuple(row.media_also_from),
        acts_on_refer=row.refer == "act",
        passes_refer=row.passes_refer,
        holds_back_early_media=row.holds_back_early_media,
        avoids_transcoding=row.avoids_transcoding,
        permissions=_permissions(row),
        rules=NumberRules(
            in_called=tuple(row.in_called_rules),
            in_caller=tuple(row.in_caller_rules),
            out_called=tuple(row.out_called_rules),
            out_caller=tuple(row.out_caller_rules),
            filters=tuple(row.in_filters),
            in_identity=cast("IdentityHeader", row.in_identity),
            out_identity=cast("IdentityHeader", row.out_identity),
            diverting=cast("Diverting", row.out_diversion),
            headers=tuple(row.in_headers),
        ),
        srtp=Srtp(row.srtp),
    )


def _permissions(row: CallAllowance) -> Permissions:
    return Permissions(
        international=cast("International", row.international),
        countries=tuple(row.countries),
        premium_rate=row.premium_rate,
        calls_per_second=row.calls_per_second,
        daily_minutes=row.daily_minutes,
        max_duration_s=row.max_duration_s,
    )


def _gateway_entry(row: Gateway) -> GatewayEntry:
    now = timezone.now()
    known = believed(row, now=now)
    return GatewayEntry(
        uri=row.uri,
        priority=row.priority,
        weight=row.weight,
        down=tuple(one.target for one in known if not one.is_up),
        resting=tuple(one.target for one in known if one.rests_until and one.rests_until > now),
        is_down=gateway_state(row, now=now) is GatewayState.DOWN,
    )


def agent_entry(row: VoiceAgent) -> AgentEntry:
    """Return a voice agent as it is talked to, with its secret."""
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


def known_codecs(names: Sequence[str]) -> tuple[str, ...]:
    """Return those codecs that are known here: a row may be older than the catalogue."""
    return tuple(name for name in names if name in CATALOGUE)


def _hosts(row: Trunk) -> tuple[str, ...]:
    gateways = (host_of(gateway.uri) for gateway in row.gateways.all())
    return tuple(dict.fromkeys((*row.in_allowed_addresses, *filter(None, gateways))))
