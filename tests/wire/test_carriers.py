"""Carriers as they are: names that lead to many addresses, some of them dead."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.peers import descriptions
from tests.peers.dialogs import OutgoingCall
from tests.peers.dnsserver import NameServer
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_port, free_sip_port
from tests.peers.waiting import until
from tests.wire.conversation import (
    CALLEE_HZ,
    CALLER_HZ,
    Conversation,
    caller,
    converse,
    registered,
)
from tests.wire.directory import configuration, connection
from tests.wire.operator import Operator, text_of

GATEWAY_TIMEOUT_S = 1.0
ROOM_S = 10.0
"What a busy machine may add to it; an INVITE is waited for 32 s otherwise."
DNS = NameServer(free_port())
DEAD, BUSY, GOOD, MOVED = "127.0.0.31", "127.0.0.32", "127.0.0.33", "127.0.0.34"
CLOSED = "127.0.0.36"
PORTS = {host: free_sip_port(host) for host in (DEAD, BUSY, GOOD, MOVED, CLOSED)}
ENVIRONMENT = {
    "VOIPNUMBER_DNS_SERVERS": f"127.0.0.1:{DNS.port}",
    "VOIPNUMBER_GATEWAY_TIMEOUT_S": str(GATEWAY_TIMEOUT_S),
}
CODECS = ["PCMU", "PCMA"]
RINGBACK_HZ, ROUNDS = 425, 10
ALIASES = ("east", "west", "spare")
"Of one carrier, at one address."


def _trunk(name: str, *uris: str, **out: Any) -> dict[str, Any]:
    gateways = [{"uri": uri} for uri in uris]
    outward = {"gateways": gateways, "codecs": CODECS, "probe_interval_s": 0, **out}
    return {"name": name, "in": {"codecs": CODECS}, "out": outward}


def _at(host: str) -> str:
    return f"sip:{host}:{PORTS[host]};transport=udp"


CONFIGURATION = configuration(
    connection("carol", inbound=CODECS),
    connection("fred", inbound=CODECS),
    trunks=[
        _trunk("named", "sip:three.example;transport=udp"),
        _trunk("probed", _at(DEAD), _at(BUSY), _at(GOOD), probe_interval_s=1),
        _trunk("moving", f"sip:moving.example:{PORTS[GOOD]}"),
        _trunk("plain", _at(GOOD)),
        _trunk("quiet", _at(GOOD), holds_back_early_media=True),
        _trunk("aliases", *(f"sip:{name}.example:{PORTS[GOOD]}" for name in ALIASES)),
        _trunk("three", _at(DEAD), _at(BUSY), _at(GOOD)),
        _trunk("forwarded", "sip:three.example;transport=udp"),
        _trunk("closed", _at(CLOSED), _at(GOOD)),
    ],
    routes={
        "+41": ["named"],
        "+42": ["probed"],
        "+43": ["moving"],
        "+44": ["plain"],
        "+45": ["quiet"],
        "+46": ["aliases"],
        "+47": ["three"],
        "+48": ["closed"],
        "+49": ["forwarded"],
    },
)


@pytest.fixture(scope="module", autouse=True)
def names() -> Iterator[NameServer]:
    """Run the name server that the engine asks."""
    DNS.start()
    DNS.has(
        "_sip._udp.three.example",
        "SRV",
        *(
            f"{place} 1 {PORTS[host]} {label}.example."
            for place, (label, host) in enumerate(
                {"dead": DEAD, "busy": BUSY, "good": GOOD}.items(), start=1
            )
        ),
    )
    for label, host in {"dead": DEAD, "busy": BUSY, "good": GOOD}.items():
        DNS.has(f"{label}.example", "A", host)
    for name in ALIASES:
        DNS.has(f"{name}.example", "A", GOOD)
    yield DNS
    DNS.stop()


@pytest.fixture(scope="module", autouse=True)
def silent() -> Iterator[None]:
    """Keep the port of the gateway that is dead: it says nothing, and ICMP says nothing of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((DEAD, PORTS[DEAD]))
        yield


@asynccontextmanager
async def gateway(host: str, port: int = 0) -> AsyncIterator[Phone]:
    async with Phone("gateway", host=host, port=port or PORTS[host]) as phone:
        yield phone


def stored(engine: Engine, expression: str) -> Any:
    """Return what an expression over the rows of trunks is, in the engine's database."""
    script = f"import json\nfrom trunks.models import *\nprint(json.dumps({expression}))"
    return json.loads(engine.shell(script))


async def _call(engine: Engine, to: str, *refusing: Phone, at: Phone) -> dict[str, Any]:
    """Call a number that some gateways refuse with 503 and one takes; return the record."""
    async with caller(engine, "carol") as phone:
        a = await phone.invite(to, phone.sdp(CODECS))
        for one in refusing:
            await (await one.wait_call()).reject(503)
        b = await at.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        await a.hang_up()
        await asyncio.wait_for(b.ended.wait(), 15)
        return await engine.record(a.call_id)


async def test_three_targets_of_one_name_one_dead_one_busy_one_good(engine: Engine) -> None:
    """RFC 3263 section 4.3: the next SRV target after a time-out, and after a 503."""
    async with gateway(BUSY) as busy, gateway(GOOD) as good:
        record = await _call(engine, "+41225550101", busy, at=good)
    dead, refused, taken = record["attempts"]
    assert [one["name"] for one in record["attempts"]] == [
        "dead.example",
        "busy.example",
        "good.example",
    ]
    assert [one["target"] for one in record["attempts"]] == [
        f"udp:{host}:{PORTS[host]}" for host in (DEAD, BUSY, GOOD)
    ]
    assert {one["gateway"] for one in record["attempts"]} == {"sip:three.example;transport=udp"}
    assert [one["code"] for one in record["attempts"]] == [408, 503, 200]
    assert "no response" in dead["said"]
    assert refused["said"] == "503 Service Unavailable"
    assert dead["took_s"] + refused["took_s"] < GATEWAY_TIMEOUT_S + ROOM_S
    assert taken["trunk"] == "named"
    assert record["termination"]["reason"] == "caller-hung-up"


async def test_the_page_shows_the_three_gateways_that_were_tried(engine: Engine) -> None:
    """One dead, one answering 503, one good: soon after what is waited for the first."""
    operator = await asyncio.to_thread(Operator, engine)
    async with gateway(BUSY) as busy, gateway(GOOD) as good, caller(engine, "carol") as phone:
        began = time.monotonic()
        a = await phone.invite("+47225550101", phone.sdp(CODECS))
        await (await busy.wait_call()).reject(503)
        b = await good.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        took_s = time.monotonic() - began
        await a.hang_up()
        record = await engine.record(a.call_id)
    page = await asyncio.to_thread(operator.get, f"/calls/{record['id']}/")
    assert took_s < GATEWAY_TIMEOUT_S + ROOM_S
    tried = text_of(page[page.index('id="call-attempts"') :])
    said = [
        f"three udp:{host}:{PORTS[host]} {_at(host)} {words}"
        for host, words in (
            (DEAD, f"no response from udp:{DEAD}:{PORTS[DEAD]} within {GATEWAY_TIMEOUT_S:g} s"),
            (BUSY, "503 Service Unavailable"),
            (GOOD, "200 OK"),
        )
    ]
    places = [tried.index(line) for line in said]
    assert places == sorted(places)
    assert [one["code"] for one in record["attempts"]] == [408, 503, 200]


async def test_a_forwarded_call_waits_as_long_for_a_dead_target_as_any(engine: Engine) -> None:
    async with (
        gateway(BUSY) as busy,
        gateway(GOOD) as good,
        registered(engine, "fred") as fred,
        caller(engine, "carol") as phone,
    ):
        a = await phone.invite("fred", phone.sdp(CODECS))
        contact = f"<sip:+49225550101@{engine.host}:{engine.port}>"
        await (await fred.wait_call()).reject(302, headers={"Contact": contact})
        await (await busy.wait_call()).reject(503)
        b = await good.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        await a.hang_up()
        record = await engine.record(a.call_id)
    dead, *rest = record["attempts"]
    assert [one["code"] for one in rest] == [503, 200]
    within = f"no response from udp:{DEAD}:{PORTS[DEAD]} within {GATEWAY_TIMEOUT_S:g} s"
    assert (dead["code"], dead["said"]) == (408, within)


async def test_a_gateway_whose_port_is_closed_is_not_waited_for(engine: Engine) -> None:
    """RFC 3261 section 18.4: what ICMP says of an INVITE ends its attempt at once."""
    async with gateway(GOOD) as good:
        record = await _call(engine, "+48225550101", at=good)
    closed, taken = record["attempts"]
    assert (closed["code"], taken["code"]) == (503, 200)
    assert closed["took_s"] < GATEWAY_TIMEOUT_S
    where = f"udp:{CLOSED}:{PORTS[CLOSED]}"
    assert closed["said"] == f"nothing listens at {where} (ICMP: port unreachable)"


def _is_probed(phone: Phone) -> bool:
    return any(message.startswith("OPTIONS ") for message in phone.received())


async def test_a_gateway_that_probes_know_to_be_down_is_tried_last(engine: Engine) -> None:
    async with gateway(BUSY) as busy, gateway(GOOD) as good:
        # What is stored may be of the phones before these, and an engine knows it sooner.
        await until(lambda: all(_is_probed(one) for one in (busy, good)), "no probes", timeout_s=30)
        rows = "GatewayTarget.objects.filter(gateway__trunk__name='probed')"
        known = f"{{t.target: t.is_up for t in {rows}}}"
        expected = {f"udp:{host}:{PORTS[host]}": host != DEAD for host in (DEAD, BUSY, GOOD)}
        await until(
            lambda: stored(engine, known) == expected, "no states", timeout_s=30, every_s=0.3
        )
        record = await _call(engine, "+42225550101", busy, at=good)
    assert [one["target"] for one in record["attempts"]] == [
        f"udp:{host}:{PORTS[host]}" for host in (BUSY, GOOD)
    ]


async def test_a_carrier_that_changes_its_address_is_followed(engine: Engine) -> None:
    DNS.has("moving.example", "A", GOOD, ttl=1)
    async with gateway(GOOD) as good:
        record = await _call(engine, "+43225550101", at=good)
        assert record["attempts"][0]["target"] == f"udp:{GOOD}:{PORTS[GOOD]}"
    DNS.has("moving.example", "A", MOVED, ttl=1)
    await asyncio.sleep(1.1)
    async with gateway(MOVED, PORTS[GOOD]) as moved:
        record = await _call(engine, "+43225550102", at=moved)
    assert record["attempts"][0]["target"] == f"udp:{MOVED}:{PORTS[GOOD]}"


async def test_a_carrier_behind_three_names_is_called_by_each(engine: Engine) -> None:
    """One address may serve many domains: the Request-URI tells which, and the record too."""
    async with gateway(GOOD) as good, caller(engine, "carol") as phone:
        a = await phone.invite("+46225550101", phone.sdp(CODECS))
        dialled = []
        for code in (503, 503, 200):
            b = await good.wait_call()
            dialled.append(b.invite.uri.host)
            await (b.reject(code) if code > 200 else b.answer_in("PCMU"))
        await a.answered()
        await a.hang_up()
        record = await engine.record(a.call_id)
    assert dialled == [f"{name}.example" for name in ALIASES]
    assert [one["name"] for one in record["attempts"]] == dialled
    assert [one["code"] for one in record["attempts"]] == [503, 503, 200]
    assert {one["target"] for one in record["attempts"]} == {f"udp:{GOOD}:{PORTS[GOOD]}"}
    assert record["termination"]["reason"] == "caller-hung-up"


async def test_a_target_that_asks_for_a_pause_gets_one(engine: Engine) -> None:
    """RFC 3261 section 21.5.4: no more requests until Retry-After is over."""
    async with gateway(GOOD) as good, caller(engine, "carol") as phone:
        a = await phone.invite("+44225550101", phone.sdp(CODECS))
        await (await good.wait_call()).reject(503, headers={"Retry-After": "3"})
        assert (await a.wait_final()).code == 503
        again = await phone.invite("+44225550102", phone.sdp(CODECS))
        assert (await again.wait_final()).code == 503
        assert good.incoming.empty()
        record = await engine.record(again.call_id)
        assert "Retry-After" in record["termination"]["advice"]
        await asyncio.sleep(3.1)
        record = await _call(engine, "+44225550103", at=good)
        assert record["attempts"][0]["code"] == 200


async def test_a_183_with_a_description_and_a_200_without(engine: Engine) -> None:
    """Against RFC 3261 section 13.3.1.1, as carriers do it: the 183's answer stands."""
    async with gateway(GOOD) as good, caller(engine, "carol") as phone:
        a = await phone.invite("+44225550104", phone.sdp(CODECS))
        b = await good.wait_call()
        sdp = good.sdp([("PCMU", descriptions.payload_type(b.offer_sdp, "PCMU"))])
        await b.early_media(sdp)
        await a.wait_provisional(183)
        await b.respond(b.invite, 200)
        await a.answered()
        await a.hang_up()
        record = await engine.record(a.call_id)
    assert record["legs"][1]["codec"] == "PCMU"
    assert record["termination"]["reason"] == "caller-hung-up"


async def test_whoever_is_rung_after_early_media_in_vain_is_heard_before_the_answer(
    engine: Engine,
) -> None:
    """The caller's device plays no ringing of its own any more: it heard nothing at all."""
    async with (
        gateway(GOOD) as second,
        registered(engine, "fred") as fred,
        caller(engine, "carol") as phone,
    ):
        a = await phone.invite("fred", phone.sdp(["PCMU"]))
        b = await fred.wait_call()
        await b.early_media(fred.sdp(["PCMU"]))
        await a.wait_provisional(183)
        host, port = engine.server
        await b.reject(302, headers={"Contact": f"<sip:+44225550107@{host}:{port}>"})
        b = await second.wait_call()
        await b.ring()
        await _hears(a, RINGBACK_HZ)
        await b.early_media(second.sdp(["PCMU"]))
        async with b.sounding(send_hz=CALLEE_HZ, codec="PCMU"):
            await _hears(a, CALLEE_HZ)
        await b.answer(second.sdp(["PCMU"]))
        await a.answered()
        call = Conversation(a, b, engine)
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.0)
        await call.end()


async def _hears(call: OutgoingCall, hz: float) -> None:
    for _ in range(ROUNDS):
        heard = await call.audio(send_hz=CALLER_HZ, codec="PCMU", seconds=1.0)
        if heard.near(hz):
            return
    raise AssertionError(f"heard {heard}")


async def test_early_media_that_is_held_back_is_told_as_ringing(engine: Engine) -> None:
    async with gateway(GOOD) as good, caller(engine, "carol") as phone:
        a = await phone.invite("+45225550106", phone.sdp(CODECS))
        b = await good.wait_call()
        sdp = good.sdp([("PCMU", descriptions.payload_type(b.offer_sdp, "PCMU"))])
        await b.early_media(sdp)
        assert not (await a.wait_provisional(180)).body
        await b.audio(send_hz=CALLEE_HZ, codec="PCMU", seconds=1.0)
        assert not phone.rtp.packets
        await b.answer(sdp)
        await a.answered()
        call = Conversation(a, b, engine)
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.0)
        record = await call.end()
    assert all(response.code != 183 for response in a.responses)
    (line,) = (e["text"] for e in engine.events(record["id"]) if e["kind"] == "early-media")
    assert line == "quiet sends early media, which is held back: the caller hears ringing."


async def test_reinvites_without_a_description_again_and_again(engine: Engine) -> None:
    """RFC 3264 section 5 in a dialog: each asks for our offer, and the call goes on."""
    async with gateway(GOOD) as good, caller(engine, "carol") as phone:
        call = await converse(engine, phone, good, offer=CODECS, to="+44225550105")
        for _ in range(3):
            response = await call.b.reinvite(None, answer=lambda offer: good.sdp(["PCMU"]))
            assert response.code == 200
            assert "PCMU" in descriptions.names(response.body.decode())
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=2.0)
        record = await call.end()
    assert record["termination"]["reason"].endswith("hung-up")
