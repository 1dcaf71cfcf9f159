"""What nobody should send: malformed, oversized, looping, unknown; over real sockets."""

import asyncio
import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callengine.edge.flow import Flow
from callengine.edge.frontdoor import Edge
from callengine.edge.interface import Refused
from callengine.edge.messages.message import MalformedError
from callengine.edge.messages.received import receive
from callengine.edge.transport.listeners import AddressTakenError
from tests.callengine.edge.fakes import SDP, FakeEngine, Phone, UdpPeer, edge_settings
from tests.callengine.edge.test_registering import read_message

Address = tuple[str, int]


@pytest.fixture
def phone(peer: UdpPeer, sip: Address) -> Phone:
    return Phone(*peer.address, edge=sip)


async def test_options_tells_what_works(peer: UdpPeer, sip: Address, phone: Phone) -> None:
    peer.send(phone.request("OPTIONS", 1), sip)
    answer = await peer.next()
    assert answer.code == 200
    assert "INVITE" in answer.get("allow")
    assert answer.get("accept") == "application/sdp"
    assert answer.get("supported") == "100rel, timer, replaces"


async def test_lines_that_end_in_lf_alone_are_answered(
    edge: Edge, peer: UdpPeer, sip: Address, phone: Phone
) -> None:
    peer.send(phone.request("OPTIONS", 1).replace("\r\n", "\n"), sip)
    assert (await peer.expect(200)).cseq_method == "OPTIONS"
    reader, writer = await asyncio.open_connection(*edge.listening[1][1:])
    over_tcp = Phone(*peer.address, edge=sip, transport="TCP").request("OPTIONS", 2)
    writer.write(over_tcp.replace("\r\n", "\n").encode())
    assert (await read_message(reader)).startswith("SIP/2.0 200 ")
    writer.close()


async def test_a_call_in_lines_that_end_in_lf_alone_is_taken(
    engine: FakeEngine, peer: UdpPeer, sip: Address, phone: Phone
) -> None:
    engine.external = True
    engine.outcome = lambda _: _refused()
    lines = phone.request("INVITE", 1, body=SDP.replace("\r\n", "\n"), headers=("X-Long: a,", " b"))
    lines = lines.replace(f"@{sip[0]}>;tag", "@far.example>;tag")
    peer.send(lines.replace("\r\n", "\n"), sip)
    refused = await peer.expect(_refused().code)
    assert refused.cseq_method == "INVITE"


@pytest.mark.parametrize(
    ("method", "more", "code"),
    [
        ("INVITE", {"max_forwards": 0}, 483),
        ("INVITE", {"uri": "urn:service:sos"}, 416),
        ("INVITE", {"headers": ("Require: 100rel, teleport",)}, 420),
        ("SUBSCRIBE", {}, 405),
        ("INFO", {}, 405),
        ("FROBNICATE", {}, 501),
        ("BYE", {}, 481),
        ("BYE", {"to": "<sip:x@y>;tag=unknown"}, 481),
        ("INVITE", {"cseq_method": "BYE"}, 400),
        ("INVITE", {"contact": ""}, 400),
        ("INVITE", {"body": SDP + "a=x\r\n" * 500}, 413),
        ("INVITE", {"headers": ("X-Long: " + "y" * 5000,)}, 400),
        ("INVITE", {"headers": ("no colon here",)}, 400),
        ("INVITE", {"headers": ("Via: SIP/2.0/UDP 127.0.0.2:%d;branch=z9hG4bKvnx",)}, 482),
    ],
)
async def test_each_rule_has_its_answer(
    peer: UdpPeer, sip: Address, phone: Phone, method: str, more: dict[str, object], code: int
) -> None:
    text = phone.request(method, 1, **more)  # type: ignore[arg-type]
    peer.send(text.replace("%d", str(sip[1])), sip)
    assert (await peer.next()).code == code


async def test_merged_requests_are_482_once_and_ack_is_never_answered(
    engine: FakeEngine, peer: UdpPeer, sip: Address, phone: Phone
) -> None:
    engine.external = True
    engine.may_answer.clear()
    for _ in range(2):
        text = phone.request("INVITE", 1, body=SDP)
        peer.send(text.replace(f"sip:alice@{sip[0]}", "sip:eve@example.net"), sip)
    codes = {(await peer.next()).code, (await peer.next()).code}
    assert codes == {100, 482}
    peer.send(phone.request("ACK", 9), sip)
    assert await peer.silence(0.3)


async def test_an_oversized_datagram_is_513_and_stored(
    engine: FakeEngine, peer: UdpPeer, sip: Address, phone: Phone
) -> None:
    peer.send(phone.request("INVITE", 1, body=SDP + "a=x\r\n" * 12000), sip)
    assert (await peer.next()).code == 513
    await engine.rejection("message-too-large")


async def test_70_kilobytes_over_tcp_are_513_and_the_connection_closes(
    edge: Edge, engine: FakeEngine, phone: Phone
) -> None:
    _, host, port = edge.listening[1]
    reader, writer = await asyncio.open_connection(host, port)
    phone.transport = "TCP"
    writer.write(phone.request("INVITE", 1, body=SDP + "a=x\r\n" * 14000).encode())
    assert " 513 " in await read_message(reader)
    await engine.rejection("message-too-large")
    writer.close()


async def _begun_too_large(
    edge: Edge, phone: Phone
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send over TCP the head of an INVITE whose body is longer than any that is read."""
    _, host, port = edge.listening[1]
    reader, writer = await asyncio.open_connection(host, port)
    phone.transport = "TCP"
    head = phone.request("INVITE", 1, body="")
    writer.write(head.replace("Content-Length: 0", "Content-Length: 900000").encode())
    return reader, writer


async def test_a_peer_that_goes_on_sending_reads_why_it_is_cut_off(
    edge: Edge, engine: FakeEngine, phone: Phone
) -> None:
    """Not a reset, on which what has come and is not read yet is lost."""
    reader, writer = await _begun_too_large(edge, phone)
    await engine.rejection("message-too-large")
    async with asyncio.timeout(20):
        for _ in range(30):
            writer.write(b"a" * 20_000)
            await writer.drain()
            await asyncio.sleep(0.002)
        assert " 513 " in (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()


async def test_a_peer_that_is_cut_off_and_sends_without_end_is_reset(
    edge: Edge, phone: Phone
) -> None:
    _, writer = await _begun_too_large(edge, phone)
    async with asyncio.timeout(20):
        with pytest.raises(ConnectionError):
            await _write_on(writer)
    writer.transport.abort()


async def _write_on(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"a" * 20_000)
        await writer.drain()


async def test_junk_floods_store_a_few_rejections_only(
    engine: FakeEngine, peer: UdpPeer, sip: Address, phone: Phone
) -> None:
    for index in range(200):
        peer.send(f"garbage {index}\r\n\r\n", sip)
    peer.send(phone.request("OPTIONS", 1), sip)
    await peer.expect(200)
    assert len(engine.rejections) == 30
    assert {r.rule for r in engine.rejections} == {"malformed-sip"}


async def test_stun_binding_is_answered_with_the_senders_address(
    peer: UdpPeer, sip: Address
) -> None:
    peer.send(struct.pack("!HHI12s", 1, 0, 0x2112A442, b"transaction!"), sip)
    async with asyncio.timeout(30):
        answer = await peer.heard.get()
    kind, _, _, transaction = struct.unpack_from("!HHI12s", answer)
    _, _, _, _, port, address = struct.unpack_from("!HHBBHI", answer, 20)
    assert (kind, transaction) == (0x0101, b"transaction!")
    assert port ^ 0x2112 == peer.address[1]
    assert (address ^ 0x2112A442).to_bytes(4, "big") == bytes([127, 0, 0, 3])


async def test_a_taken_port_is_named(edge: Edge, engine: FakeEngine, sip: Address) -> None:
    other = Edge(engine, edge_settings(listen=(("udp", *sip),)))
    with pytest.raises(AddressTakenError, match=f"udp:127.0.0.2:{sip[1]} is already taken"):
        await other.start()


async def test_responses_obey_rport_and_its_absence(
    peer: UdpPeer, callee: UdpPeer, sip: Address
) -> None:
    phone = Phone("192.0.2.1", callee.address[1], edge=sip)
    elsewhere = phone.request("OPTIONS", 1)
    peer.send(elsewhere, sip)
    via = (await peer.next()).via
    assert via.params["received"] == "127.0.0.3"
    assert via.params["rport"] == str(peer.address[1])


TEMPLATES = [
    Phone("127.0.0.3", 5062).request("INVITE", 1, body=SDP).encode(),
    Phone("127.0.0.3", 5062)
    .request(
        "REGISTER",
        1,
        headers=(
            'Authorization: Digest username="alice", realm="voipnumber", nonce="1.2.3", '
            'uri="sip:x", response="00", qop=auth, nc=00000001, cnonce="x"',
        ),
        contact='"a,b" <sip:a@b;self=1>;expires=5;q=0.5',
    )
    .encode(),
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z\r\nFrom: a\r\nTo: b\r\nCall-ID: c\r\n"
    b"CSeq: 1 INVITE\r\n\r\n",
]


def mutated(template: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    data = bytearray(template)
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randint(1, 20)]
            case 2:
                data[at:at] = rng.choice([b'"', b"<", b";", b",", b"\r\n", b"\0", b"%", b"=", b"@"])
            case _:
                start = rng.randrange(len(data))
                data[at:at] = data[start : start + 30]
        data = data or bytearray(b"x")
    return bytes(data)


async def test_mutated_messages_raise_nothing_and_service_goes_on(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address, phone: Phone
) -> None:
    engine.external = True
    engine.outcome = lambda _: _refused()
    flow = Flow.parse("udp:127.0.0.3:5062")
    for seed in range(1500):
        edge._parts.reception.take(mutated(TEMPLATES[seed % 3], seed), flow)
        if seed % 50 == 0:
            await asyncio.sleep(0)
    peer.send(phone.request("OPTIONS", 1), sip)
    await peer.expect(200)


def _refused() -> Refused:
    return Refused(404, "Not Found")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.binary(max_size=300), seed=st.integers(0, 10**6))
def test_any_bytes_parse_or_are_malformed(data: bytes, seed: int) -> None:
    for sample in (data, TEMPLATES[seed % 3][: seed % 400] + data, mutated(TEMPLATES[0], seed)):
        try:
            message = receive(sample)
        except MalformedError:
            continue
        assert message.raw == sample
        assert bool(message.method) is not bool(message.code)
