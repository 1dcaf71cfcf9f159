"""A row for every argument an address may have, and a small phone system around them."""

import datetime as dt

from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import VoiceAgent
from api.keys.scopes import Scope
from api.models import ApiKey
from callengine.core.outcomes import Rejection
from callengine.edge.bans import MANY_USERS, WRONG_PASSWORDS
from callengine.models import Ban, CallShare, PacketCapture
from callengine.record import store
from connections.models import Connection, Registration
from connections.templates import ConnectionTemplate
from tests.dashboard.addresses import EXAMPLES
from tests.dashboard.live import agentcalls, demo
from trunks.models import Gateway, GatewayTarget, Number, Route, RouteTrunk, Trunk

AGENT_CALL = "5f0e3a52-0d9f-4a7e-9f3a-2b1c6f7d8e91"
"A call that talks to a voice agent."


def store_rows() -> dict[str, str]:
    """Store a phone system with one call under way, some over, and some rejections.

    Returns the calls' UUIDs by what became of them.
    """
    now = timezone.now()
    alice = _connections(now)
    carrier, spare = _trunks()
    agent = _agent(alice)
    Number.objects.create(pk=1, number="+12025550100", connection=alice)
    Number.objects.create(pk=2, number="+12025550177", trunk=carrier)
    Number.objects.create(pk=3, number="+12025550188", agent=agent)
    route = Route.objects.create(pk=1, prefix="+44", last_resort_agent=agent)
    RouteTrunk.objects.create(pk=1, route=route, trunk=carrier, position=0)
    RouteTrunk.objects.create(pk=2, route=route, trunk=spare, position=1)
    calls = demo.everything()
    clean = [demo.leg("A", quality=demo.quality()), demo.leg("B", quality=demo.quality(3.6, 2, 21))]
    demo.store(demo.call(id=EXAMPLES["call_uuid"], legs=clean))
    agentcalls.store(agentcalls.call(id=AGENT_CALL))
    CallShare.objects.create(
        pk=1,
        call_id=EXAMPLES["call_uuid"],
        digest="0" * 64,
        by="ivan",
        made=now,
        until=now + dt.timedelta(days=1),
    )
    PacketCapture.objects.create(
        pk=EXAMPLES["capture_uuid"],
        call_id=EXAMPLES["call_uuid"],
        asked=now,
        by="ivan",
        max_s=600,
        max_bytes=20_000_000,
        node="sip-1",
        began=now,
        ended=now,
        why="time",
        bytes=1_400_000,
        packets=6000,
    )
    _api_keys(now)
    _bans(now)
    for source, user, code, rule, advice in _REFUSALS:
        store.rejected(
            rejection=Rejection(source, user, "INVITE", code, rule, advice, "c1", "+442079460018"),
            at=now,
        )
    return {kind: call["id"] for kind, call in calls.items()}


def _connections(now: dt.datetime) -> Connection:
    alice = Connection.objects.create(
        pk=1, name="Alice", sip_user="alice", inbound_codecs=["G722", "PCMU", "PCMA"]
    )
    Connection.objects.create(pk=2, name="Bob Marsh", sip_user="bob", force_on_caller=True)
    ConnectionTemplate.objects.create(pk=1, name="Desk phones", inbound_codecs=["G722", "PCMA"])
    Connection.objects.create(pk=3, name="Lobby", sip_user="lobby", enabled=False)
    Registration.objects.create(
        connection=alice,
        contact="sip:alice@192.0.2.17:5062",
        call_id="7f3a@192.0.2.17",
        cseq=4,
        expires_at=now + dt.timedelta(hours=1),
        flow="udp:192.0.2.17:5062",
        user_agent="Yealink SIP-T46U 108.86.0.20",
        registered_at=now,
    )
    return alice


def _trunks() -> tuple[Trunk, Trunk]:
    carrier = Trunk.objects.create(
        pk=1,
        name="carrier-one",
        in_allowed_addresses=["203.0.113.0/24"],
        out_codecs=["PCMA", "PCMU"],
    )
    first = Gateway.objects.create(pk=1, trunk=carrier, uri="sip:203.0.113.5:5060;transport=udp")
    Gateway.objects.create(pk=2, trunk=carrier, uri="sip:203.0.113.6", priority=2)
    now = timezone.now()
    GatewayTarget.objects.create(
        gateway=first,
        target="udp:203.0.113.5:5060",
        is_up=False,
        since=now,
        said="no response from udp:203.0.113.5:5060 within 4 s",
        holds_until=now + dt.timedelta(hours=1),
    )
    return carrier, Trunk.objects.create(pk=2, name="carrier-two", enabled=False)


def _agent(fallback: Connection) -> VoiceAgent:
    return VoiceAgent.objects.create(
        pk=1,
        name="support",
        dialect="assemblyai",
        url="wss://agents.example.com/v1/ws",
        secret="a-key-of-the-agent",
        system_prompt="You are a friendly support agent. Answer in one or two sentences.",
        greeting="Hi, how can I help?",
        voice="ivy",
        tools=[{"type": "function", "name": "end_call", "description": "Say goodbye first."}],
        input_encoding="audio/pcmu",
        codecs=["PCMU", "G722"],
        fallback_connection=fallback,
        headers={"X-Customer": "customer_id"},
    )


def _bans(now: dt.datetime) -> None:
    for number, (source, user, failures, times) in enumerate(_BANS, 1):
        Ban.objects.create(
            pk=number,
            source=source,
            user=user,
            rule=WRONG_PASSWORDS if user else MANY_USERS,
            since=now - dt.timedelta(minutes=4 * number),
            until=now + dt.timedelta(minutes=6 * number),
            failures=failures,
            times=times,
        )


def _api_keys(now: dt.datetime) -> None:
    owner, _ = User.objects.get_or_create(username="ivan")
    for number, (name, days, used, revoked) in enumerate(_API_KEYS, 1):
        ApiKey.objects.create(
            pk=number,
            name=name,
            prefix=f"vn_4bC{number}eF",
            digest=f"{number:064}",
            scopes=list(Scope)[:number],
            owner=owner,
            last_used_at=now if used else None,
            expires_at=now + dt.timedelta(days=days) if days else None,
            revoked_at=now if revoked else None,
        )


_API_KEYS = (("CRM", 90, True, False), ("Night import", 0, False, True), ("Bot", -1, True, False))
_BANS = (
    ("192.0.2.17", "sales team", 10, 1),
    ("198.51.100.77", "", 31, 3),
    ("2001:db8:5:6::/64", "", 12, 1),
)
_REFUSALS = (
    (
        "198.51.100.77",
        "",
        0,
        "flooding",
        "48312 messages, 9120 of them INVITEs, from 198.51.100.77 within 60 s went unread and "
        "unanswered (over TCP they were made to wait): that source sends more than one may. If it "
        "is a carrier or a proxy of yours, put it on a trunk's access list or raise the limit; "
        "otherwise stop it at the firewall.",
    ),
    (
        "198.51.100.7",
        "1000",
        403,
        "source-not-on-access-list",
        "198.51.100.7 is on no trunk's access list. Add it to the carrier's list if it is one.",
    ),
    (
        "198.51.100.7",
        "1001",
        403,
        "source-not-on-access-list",
        "198.51.100.7 is on no trunk's access list. Add it to the carrier's list if it is one.",
    ),
    (
        "192.0.2.17",
        "sales team",
        401,
        "unknown-user",
        "Nobody here is called 'sales team'. The SIP user name is not the display name.",
    ),
)
