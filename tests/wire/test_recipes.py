"""PBXs, platforms, carriers and a phone by their recipes, each played as its documentation has it.

The files are loaded as they stand; the names in them lead to who plays the part, over TLS with a
certificate for that name.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import sipmessage

from tests.peers import descriptions, srtp
from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.gateway import Gateway
from tests.peers.phone import Phone
from tests.peers.registrar import Registrar
from tests.peers.tones import SILENCE
from tests.peers.waiting import until
from tests.wire import secured
from tests.wire.conversation import CALLEE_HZ, CALLER_HZ, LATE_ROUNDS
from tests.wire.directory import ABROAD, PASSWORD, connection
from tests.wire.recipes import NAMED, Names, at_the_desk, desk_of, together, trunk_of

NAMES = Names()


@dataclass(frozen=True)
class Part:
    """What somebody plays: where it is, what it writes, what it can."""

    recipe: str
    domain: str
    transport: str
    host: str
    dials: str
    called: str
    "The user part it is asked for."
    codecs: tuple[str, ...]
    "In its own order; the first of the offer that it knows is answered."
    agreed: str
    shown: str = ""
    "The caller it is told; empty: the SIP user."
    headers: dict[str, str] = field(default_factory=dict)
    "Of its INVITE."
    reaches: str = ""
    "Whom its own call is for; empty: a connection of the test's."


FREESWITCH = {
    "X-FS-Support": "update_display,send_info",
    "Supported": "timer, path, replaces",
    "Session-Expires": "600;refresher=uac",
    "Min-SE": "90",
    "Allow-Events": "talk, hold, conference, refer",
    "Remote-Party-ID": '"3001" <sip:3001@switch.example.com>;party=calling;screen=yes;privacy=off',
}
WIDE, G711 = ("G722", "PCMU", "PCMA"), ("PCMU", "PCMA")
PARTS = {
    part.recipe: part
    for part in (
        Part(
            *("livekit", "abc123.sip.livekit.cloud", "tcp", "127.0.0.71"),
            *("+12025550178", "+12025550178", WIDE, "G722"),
            headers={"User-Agent": "LiveKit"},
        ),
        Part(
            *("elevenlabs", "sip.rtc.elevenlabs.io", "tcp", "127.0.0.72"),
            *("+12025550181", "+12025550181", WIDE, "G722"),
        ),
        Part(
            *("retell", "sip.retellai.com", "tcp", "127.0.0.73"),
            *("+12025550182", "+12025550182", G711, "PCMU"),
        ),
        Part(
            *("vapi", "sip.vapi.ai", "udp", "127.0.0.74"),
            *("+12025550179", "bakery", G711, "PCMU"),
        ),
        Part(
            *("freeswitch", "switch.example.com", "udp", "127.0.0.75"),
            *("3001", "3001", ("PCMU", "G722"), "G722"),
            headers=FREESWITCH,
            reaches="2002",
        ),
        Part(
            *("vobiz", "your-trunk-id.sip.vobiz.ai", "udp", "127.0.0.76"),
            *("+911122334455", "+911122334455", ("PCMA", "PCMU"), "PCMA"),
            shown="+911234567890",
            reaches="+911234567890",
        ),
        Part(
            *("twilio", "your-trunk.pstn.twilio.com", "tls", "127.0.0.77"),
            *("+12025550199", "+12025550199", G711, "PCMU"),
            shown="+12025550130",
            headers={"X-Twilio-CallSid": "CA0123456789abcdef0123456789abcdef"},
            reaches="+12025550130",
        ),
    )
}
PORTS = {p.recipe: NAMES.lead(p.domain, p.host, p.transport) for p in PARTS.values()}
TELNYX = Part(
    *("telnyx", "sip.telnyx.com", "tls", "127.0.0.78"),
    *("+442079460018", "+442079460018", G711, "PCMU"),
    shown="+12025550131",
    reaches="+12025550131",
)
PORTS["telnyx"] = NAMES.lead(TELNYX.domain, TELNYX.host, "tls")
CONFIGURATION = together(*PARTS, "yealink", home_country="US")
CONFIGURATION["connections"] += [
    ABROAD | connection(f"{name}-{part}", inbound=["PCMA"], outbound=["PCMA"])
    for part in (*PARTS, "telnyx")
    for name in ("caller", "desk")
]
ENVIRONMENT = NAMED | NAMES.environment


@pytest.fixture(scope="module", autouse=True)
def names() -> Iterator[None]:
    NAMES.server.start()
    yield
    NAMES.server.stop()


def tls_of(domain: str, transport: str) -> dict[str, Any]:
    """Return what a peer needs that is reached by a name over TLS."""
    if transport != "tls":
        return {}
    shown = secured.AUTHORITY.issue(domain, dns=[domain])
    return {"tls": secured.AUTHORITY.client(), "tls_server": shown.server()}


def gateway(part: Part) -> Phone:
    """Return who answers at the recipe's gateway; it challenges where the recipe has a login."""
    out = trunk_of(part.recipe)["out"]
    options: dict[str, Any] = {
        "transport": part.transport,
        "host": part.host,
        "port": PORTS[part.recipe],
        **tls_of(part.domain, part.transport),
    }
    if "username" in out:
        return Gateway(out["username"], out["password"], **options)
    return Phone("gateway", **options)


async def answered(call: IncomingCall, codec: str, *, secure: bool) -> None:
    """Answer in one codec, with a key where the offer has them."""
    if not secure:
        await call.answer_in(codec)
        return
    tag, suite, theirs = srtp.keys_in(call.offer_sdp)[0]
    ours = srtp.new_key()
    number = descriptions.payload_type(call.offer_sdp, codec)
    answer = call.phone.sdp([(codec, number)]).replace("RTP/AVP", "RTP/SAVP")
    await call.answer(srtp.with_key(answer, ours, suite, tag=tag))
    call.phone.rtp.cipher = srtp.Cipher(ours, theirs, suite)


async def hear_each_other(a: OutgoingCall, codec_a: str, b: IncomingCall, codec_b: str) -> None:
    for _ in range(LATE_ROUNDS):
        at_a, at_b = await asyncio.gather(
            a.audio(send_hz=CALLER_HZ, codec=codec_a, seconds=1.1),
            b.audio(send_hz=CALLEE_HZ, codec=codec_b, seconds=1.1),
        )
        if SILENCE not in (at_a.tone, at_b.tone):
            break
    assert at_b.near(CALLER_HZ), f"the callee heard {at_b}"
    assert at_a.near(CALLEE_HZ), f"the caller heard {at_a}"


async def it_is_called(engine: Engine, part: Part, platform: Phone) -> None:
    """A phone here calls what the recipe's number or route leads to."""
    trunk = trunk_of(part.recipe)
    user = f"caller-{part.recipe}"
    async with Phone(user, PASSWORD, server=engine.server, codecs=("PCMA",)) as phone:
        a = await phone.invite(part.dials, phone.sdp(["PCMA"]))
        b = await platform.wait_call()
        assert b.invite.uri.user == part.called
        assert b.invite.uri.host == part.domain
        assert b.invite.from_address.uri.user == (part.shown or user)
        assert tuple(descriptions.names(b.offer_sdp)) == tuple(trunk["out"]["codecs"])
        secure = trunk.get("srtp") == "required"
        assert (" RTP/SAVP " in b.offer_sdp) == secure
        await b.ring()
        offered = descriptions.names(b.offer_sdp)
        chosen = next(name for name in offered if name in part.codecs)
        assert chosen == part.agreed
        await answered(b, chosen, secure=secure)
        await a.answered()
        await hear_each_other(a, "PCMA", b, chosen)
        await a.hang_up()
        await asyncio.wait_for(b.ended.wait(), 15)
        record = await engine.record(a.call_id)
    assert record["destination"] == f"trunk:{part.recipe}"
    assert [leg["codec"] for leg in record["legs"]] == ["PCMA", part.agreed]
    assert bool(record["legs"][1]["encryption"]) == secure
    if isinstance(platform, Gateway):
        assert platform.proved


@asynccontextmanager
async def carrier(engine: Engine, part: Part) -> AsyncIterator[Phone]:
    """Open who calls in, with the recipe's login if it has one."""
    inward = trunk_of(part.recipe)["in"]
    options = {"transport": part.transport, "host": part.host}
    options |= tls_of(part.domain, part.transport)
    options.pop("tls_server", None)
    server = engine.server_over(part.transport)
    user = inward.get("username", "+12025550111")
    async with Phone(user, inward.get("password", ""), server=server, **options) as phone:
        yield phone


async def it_calls(engine: Engine, part: Part) -> None:
    """It calls in, as the recipe lets it in, whom the recipe has it reach."""
    trunk = trunk_of(part.recipe)
    desk_user, password = f"desk-{part.recipe}", PASSWORD
    if part.reaches:
        desk_user, password = desk_of(part.recipe)
    secure = trunk.get("srtp") == "required"
    async with (
        at_the_desk(engine, desk_user, password) as desk,
        carrier(engine, part) as phone,
    ):
        offer, ours = phone.sdp(list(part.codecs)), srtp.new_key()
        if secure:
            offer = srtp.with_key(offer.replace("RTP/AVP", "RTP/SAVP"), ours)
        to = part.reaches or desk_user
        domain = trunk["in"].get("domain", "")
        a = await phone.invite(
            f"sip:{to}@{domain}" if domain else to,
            offer,
            from_user="+12025550111",
            headers=part.headers,
        )
        if domain:
            host, port = engine.server_over(part.transport)
            here = sipmessage.URI.parse(f"sip:{host}:{port};transport={part.transport};lr")
            a.route = [sipmessage.Address(uri=here)]
        b = await desk.wait_call()
        await b.ring()
        await b.answer_in("PCMA")
        await a.answered()
        if secure:
            ((_, _, theirs),) = srtp.keys_in(a.answer_sdp)
            phone.rtp.cipher = srtp.Cipher(ours, theirs)
        await hear_each_other(a, part.agreed, b, "PCMA")
        assert b.invite.from_address.uri.user == "+12025550111"
        await b.hang_up()
        await asyncio.wait_for(a.ended.wait(), 15)
        record = await engine.record(a.call_id)
    assert record["source"] == f"trunk:{part.recipe}"
    assert [leg["codec"] for leg in record["legs"]] == [part.agreed, "PCMA"]
    assert bool(record["legs"][0]["encryption"]) == secure


async def both_ways(engine: Engine, part: Part) -> None:
    async with gateway(part) as platform:
        try:
            await it_is_called(engine, part, platform)
            await it_calls(engine, part)
        except BaseException as error:
            error.add_note(f"by the recipe of {part.recipe}")
            raise


async def test_platforms_and_a_pbx_are_called_and_call(engine: Engine) -> None:
    async with asyncio.TaskGroup() as group:
        for name in ("livekit", "elevenlabs", "retell", "vapi", "freeswitch"):
            group.create_task(both_ways(engine, PARTS[name]))


@pytest.mark.parametrize("name", ["vobiz", "twilio"])
async def test_a_carrier_is_known_by_the_domain_it_dials(engine: Engine, name: str) -> None:
    await both_ways(engine, PARTS[name])


async def test_a_carrier_calls_where_the_engine_registered(engine: Engine) -> None:
    """Telnyx: REGISTER over TLS by name, a call out, and one in to our Contact; SRTP on both."""
    out = trunk_of("telnyx")["out"]
    login = (out["username"], out["password"])
    where = {"transport": "tls", "host": TELNYX.host, "port": PORTS["telnyx"]}
    async with Registrar(*login, **where, **tls_of(TELNYX.domain, "tls")) as registrar:
        engine.provision(together("telnyx"))
        async with asyncio.timeout(30):
            await registrar.bound.wait()
        await it_is_called(engine, TELNYX, registrar)
        ours = srtp.new_key()
        offer = registrar.sdp(["PCMU"]).replace("RTP/AVP", "RTP/SAVP")
        async with at_the_desk(engine, *desk_of("telnyx")) as desk:
            registrar.rtp.cipher = None
            a = await registrar.invite(registrar.contact_uri, srtp.with_key(offer, ours))
            # The Contact in the Request-URI, whom it is for in To.
            number = sipmessage.URI.parse(f"sip:{TELNYX.reaches}@{TELNYX.domain}")
            a.remote = sipmessage.Address(uri=number)
            b = await desk.wait_call()
            await b.answer_in("PCMA")
            await a.answered()
            ((_, _, theirs),) = srtp.keys_in(a.answer_sdp)
            registrar.rtp.cipher = srtp.Cipher(ours, theirs)
            await hear_each_other(a, "PCMU", b, "PCMA")
            await a.hang_up()
            record = await engine.record(a.call_id)
        assert record["source"] == "trunk:telnyx"


async def test_a_desk_phone_by_its_recipe(engine: Engine) -> None:
    """Yealink: registered and calling as its SIP user, G722 both ways, a key as an RTP event."""
    async with (
        at_the_desk(engine, *desk_of("yealink"), codecs=("G722", "PCMU")) as phone,
        Phone("caller-vobiz", PASSWORD, server=engine.server, codecs=("PCMA",)) as other,
    ):
        offer = other.sdp(["PCMA"], telephone_event={101: 8000})
        a = await other.invite("+12025550151", offer)
        b = await phone.wait_call()
        assert descriptions.names(b.offer_sdp)[0] == "G722"
        await b.answer_in("G722")
        await a.answered()
        await hear_each_other(a, "PCMA", b, "G722")
        (event,) = (n for n, hz in descriptions.telephone_events(b.offer_sdp).items() if hz == 8000)
        other.rtp.forget()
        await phone.rtp.send_digit(b.rtp_target, "5", payload_type=event, clock_rate_hz=8000)
        await until(lambda: other.rtp.digits(101) == "5", "no digit arrives")
        await a.hang_up()
        record = await engine.record(a.call_id)
    assert record["destination"] == "connection:desk-151"
    assert [leg["codec"] for leg in record["legs"]] == ["PCMA", "G722"]
