"""The six worked examples of the negotiation rule, as configuration and as real calls."""

from dataclasses import dataclass
from typing import Any

from audiocodecs.catalogue import PLATFORM_CODECS
from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire import conversation
from tests.wire.conversation import STRANGER, converse, nobody_was_rung, registered
from tests.wire.directory import G722_FIRST, configuration, connection, trunk

GATEWAY_NUMBER, SECURE_NUMBER = "+442071234567", "+4930123456"
CARRIERS = {GATEWAY_NUMBER: "carrier-one", SECURE_NUMBER: "carrier-two"}
A_OFFER = ("OPUS", "G722", "PCMA")


@dataclass(frozen=True)
class Example:
    """One row of the table; `leg_a` None is the decline of number 3."""

    number: int
    caller: str
    to: str
    vn_a: tuple[str, ...]
    leg_a: str | None
    leg_b: str | None
    offer: tuple[str, ...] = A_OFFER
    vn_b: tuple[str, ...] = G722_FIRST

    @property
    def source(self) -> str:
        return "external:127.0.0.1" if self.caller == STRANGER else f"connection:{self.caller}"

    @property
    def destination(self) -> str:
        carrier = CARRIERS.get(self.to)
        return f"trunk:{carrier}" if carrier else f"connection:{self.to}"


EXAMPLES = (
    Example(1, STRANGER, "bob", PLATFORM_CODECS, "OPUS", "G722"),
    Example(2, STRANGER, "dora", G722_FIRST, "G722", "G722"),
    Example(3, STRANGER, "dora", G722_FIRST, None, None, offer=("OPUS",)),
    Example(4, "alice", "bob", ("OPUS", "G722"), "OPUS", "G722"),
    Example(5, "alice", "dora", G722_FIRST, "G722", "G722"),
    Example(6, "carol", GATEWAY_NUMBER, G722_FIRST, "G722", "G722"),
)


def directory(
    gateway_port: int, transport: str = "udp", *, secure_port: int = 0, srtp: str = "off"
) -> dict[str, object]:
    """Return the configuration all six examples run on; `secure_port`: another gateway's."""
    gateways = {"carrier-one": f"sip:127.0.0.1:{gateway_port};transport={transport}"}
    routes = {"+44": ["carrier-one"]}
    if secure_port:
        gateways["carrier-two"] = f"sip:127.0.0.1:{secure_port};transport=tls"
        routes["+49"] = ["carrier-two"]
    return configuration(
        connection("alice", outbound=["OPUS", "G722"], srtp=srtp),
        connection("bob", inbound=G722_FIRST, srtp=srtp),
        connection("carol", srtp=srtp),
        connection("dora", inbound=G722_FIRST, force=True, srtp=srtp),
        trunks=[trunk(name, gateway=gateway, srtp=srtp) for name, gateway in gateways.items()],
        routes=routes,
    )


GATEWAY_PORT = free_sip_port()
CONFIGURATION = directory(GATEWAY_PORT)


async def play(
    engine: Engine,
    example: Example,
    *,
    gateway_port: int = GATEWAY_PORT,
    srtp: tuple[str, str] = ("", ""),
    **phones: Any,
) -> None:
    """Place the example's call and hold what happens against the table.

    `srtp` is the profile of RTP in which caller and callee encrypt, if they do.
    """
    async with conversation.caller(engine, example.caller, srtp=srtp[0], **phones) as caller_phone:
        phones = {**phones, "srtp": srtp[1]}
        if example.to in CARRIERS:
            async with Phone("gateway", port=gateway_port, **phones) as callee_phone:
                await _play(engine, example, caller_phone, callee_phone)
        else:
            async with registered(engine, example.to, **phones) as callee_phone:
                await _play(engine, example, caller_phone, callee_phone)


async def _play(engine: Engine, example: Example, caller_phone: Phone, callee_phone: Phone) -> None:
    if example.leg_a is None or example.leg_b is None:
        await _declined(engine, example, caller_phone, callee_phone)
        return
    call = await converse(engine, caller_phone, callee_phone, offer=example.offer, to=example.to)
    # The SDP that left our socket, on each leg.
    assert descriptions.names(call.b.offer_sdp) == list(example.vn_b)
    assert descriptions.names(call.a.answer_sdp) == [example.leg_a]
    seconds = 1.6 if caller_phone.protocol == "udp" else 0.8
    await call.hears_both_ways(codec_a=example.leg_a, codec_b=example.leg_b, seconds=seconds)
    record = await call.end()
    assert (record["source"], record["destination"]) == (example.source, example.destination)
    leg_a, leg_b = record["legs"]
    assert leg_a["offered"] == list(example.offer)
    assert leg_a["allowed"] == list(example.vn_a)
    assert leg_b["allowed"] == list(example.vn_b)
    assert (leg_a["codec"], leg_b["codec"]) == (example.leg_a, example.leg_b)
    for leg, phone in ((leg_a, caller_phone), (leg_b, callee_phone)):
        assert bool(leg["encryption"]) is bool(phone.srtp) is bool(phone.rtp.cipher)
        assert phone.rtp.cipher is None or phone.rtp.cipher.refused == 0
    assert record["transcoded"] is (example.leg_a != example.leg_b)
    assert leg_a["call_id"] == call.a.call_id
    assert leg_b["call_id"] == call.b.call_id != call.a.call_id
    assert leg_a["remote"].endswith(f":{caller_phone.rtp.port}")
    assert leg_b["remote"].endswith(f":{callee_phone.rtp.port}")
    assert record["state"] == "ended"
    assert record["termination"]["by"] == "caller"
    assert record["termination"]["code"] == 200
    assert record["started"] < record["answered"] < record["ended"]


async def _declined(
    engine: Engine, example: Example, caller_phone: Phone, callee_phone: Phone
) -> None:
    call = await caller_phone.invite(example.to, caller_phone.sdp(list(example.offer)))
    response = await call.wait_final()
    assert response.code == 488, caller_phone.dump()
    assert "Q.850;cause=88" in (response.headers.get("Reason") or "").replace(" ", "")
    record = await engine.record(call.call_id)
    assert record["termination"]["code"] == 488
    assert record["termination"]["reason"] == "no-common-codec-caller"
    assert record["termination"]["advice"]
    assert record["legs"][0]["offered"] == list(example.offer)
    assert record["answered"] is None
    await nobody_was_rung(callee_phone)
