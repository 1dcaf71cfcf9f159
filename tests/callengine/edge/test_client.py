"""Requests of the edge's own over real sockets, and what their callers are told."""

import asyncio
import hashlib
import secrets
import time

import pytest

from callengine.edge import timers
from callengine.edge.flow import TCP, UDP, Flow, Transport
from callengine.edge.frontdoor import Edge
from callengine.edge.legs.challenged import credentials
from callengine.edge.messages.message import Message, parse
from callengine.edge.messages.received import Received
from callengine.edge.settings import GuardSettings
from callengine.edge.transactions import client as client_module
from callengine.edge.transactions.client import ClientTransactions, acknowledgement, cancellation
from tests.callengine.edge.fakes import FakeEngine, UdpPeer, edge_settings, ha1, reply_as

pytestmark = pytest.mark.thorough

Address = tuple[str, int]
REALM = "voipnumber"


def flow_to(address: Address, transport: Transport = UDP) -> Flow:
    return Flow(transport, *address)


def request_to(address: Address, method: str = "OPTIONS", cseq: int = 1) -> Message:
    return Message.request(
        method,
        f"sip:gateway@{address[0]}:{address[1]}",
        [
            ("max-forwards", "70"),
            ("from", "<sip:us@example.net>;tag=ours"),
            ("to", "<sip:gateway@example.net>"),
            ("call-id", "probe"),
            ("cseq", f"{cseq} {method}"),
        ],
    )


async def answer_of(edge: Edge, message: Message, flow: Flow) -> Message:
    return await edge._parts.client.request(message, flow)


async def ask(edge: Edge, message: Message, flow: Flow) -> "asyncio.Task[Message]":
    task = asyncio.create_task(answer_of(edge, message, flow))
    await asyncio.sleep(0)
    return task


async def is_left_alone(peer: UdpPeer) -> bool:
    """Tell whether nothing more comes for as long as timer E would take at most by now."""
    await asyncio.sleep(0.1)
    before = len(peer.raw)
    await asyncio.sleep(2.1)
    return len(peer.raw) == before


async def test_a_peer_that_answers(edge: Edge, sip: Address, peer: UdpPeer) -> None:
    asked = await ask(edge, request_to(peer.address), flow_to(peer.address))
    heard = await peer.expect("OPTIONS")
    assert heard.via.host == sip[0]
    assert heard.via.branch.startswith("z9hG4bK")
    peer.send(reply_as(heard, 100, "Trying", tag=""), sip)
    peer.send(reply_as(heard, 200, "OK", "Allow: INVITE", tag="theirs"), sip)
    response = await asked
    assert (response.code, response.get("allow")) == (200, "INVITE")


async def test_two_at_once_get_each_its_own_answer(edge: Edge, sip: Address, peer: UdpPeer) -> None:
    asked = [await ask(edge, request_to(peer.address), flow_to(peer.address)) for _ in range(2)]
    first = await peer.next()
    second = await peer.next()
    while second.via.branch == first.via.branch:  # repeated, on a machine that is busy
        second = await peer.next()
    peer.send(reply_as(second, 486, "Busy", tag="t"), sip)
    peer.send(reply_as(first, 200, "OK", tag="t"), sip)
    assert [response.code for response in await asyncio.gather(*asked)] == [200, 486]


async def test_a_peer_that_answers_late_is_asked_again_until_it_does(
    edge: Edge, sip: Address, peer: UdpPeer
) -> None:
    asked = await ask(edge, request_to(peer.address), flow_to(peer.address))
    first = await peer.next()
    again = await peer.next()
    assert again.raw == first.raw
    peer.send(reply_as(first, 200, "OK", tag="t"), sip)
    assert (await asked).code == 200
    assert await is_left_alone(peer)


async def test_a_peer_that_challenges(edge: Edge, sip: Address, peer: UdpPeer) -> None:
    asked = await ask(edge, request_to(peer.address, "REGISTER"), flow_to(peer.address))
    first = await peer.next()
    nonce = secrets.token_hex(8)
    challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{nonce}", qop="auth"'
    peer.send(reply_as(first, 401, "Unauthorized", challenge, tag="t"), sip)
    response = await asked
    again = request_to(peer.address, "REGISTER", cseq=2)
    header = credentials(
        response, username="alice", password="horse", method="REGISTER", uri=again.uri
    )
    assert header is not None
    again.headers[header[0]] = [header[1]]
    asked = await ask(edge, again, flow_to(peer.address))
    second = await peer.expect("REGISTER")
    assert (second.cseq, second.via.branch == first.via.branch) == (2, False)
    assert _is_right(second, nonce, "alice", "horse")
    peer.send(reply_as(second, 200, "OK", tag="t"), sip)
    assert (await asked).code == 200


def _is_right(message: Received, nonce: str, user: str, password: str) -> bool:
    def hashed(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    written = message.get("authorization").removeprefix("Digest ").split(", ")
    params = {
        name: value.strip('"') for name, _, value in (item.partition("=") for item in written)
    }
    ha2 = hashed(f"{message.method}:{message.uri}")
    tail = f"{params['nc']}:{params['cnonce']}:auth:{ha2}"
    return params["response"] == hashed(f"{ha1('MD5', user, password)}:{nonce}:{tail}")


class Namer:
    """Names requests as an edge with one socket."""

    def __init__(self, peer: UdpPeer) -> None:
        self._peer = peer

    def via(self, flow: Flow, branch: str) -> str:
        host, port = self._peer.address
        return f"SIP/2.0/{flow.transport.via} {host}:{port};branch={branch};rport"

    def new_branch(self) -> str:
        return f"z9hG4bKvn{secrets.token_hex(12)}"


class Socket:
    """A real UDP socket for requests."""

    def __init__(self, peer: UdpPeer) -> None:
        self._peer = peer

    def send(self, flow: Flow, data: bytes, on_unreachable: object) -> None:
        self._peer.send(data, (flow.host, flow.port))


async def test_a_peer_that_stays_silent_is_a_408_once_64_times_t1_have_passed(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    client = ClientTransactions(Socket(callee), Namer(callee), later=timers.later, t1_s=0.02)
    began = time.monotonic()
    response = await client.request(request_to(peer.address), flow_to(peer.address))
    assert (response.code, response.phrase) == (408, "Request Timeout")
    assert 1.27 < time.monotonic() - began < 30.0
    # At 0, 1, 3, 7, 15, 31 and 63 times T1, as far as this machine keeps up.
    assert 2 <= len(peer.raw) <= 7
    assert len(set(peer.raw)) == 1
    assert len(client) == 0


async def test_a_connection_that_nobody_takes_is_a_503(edge: Edge) -> None:
    closed = await asyncio.start_server(lambda *_: None, "127.0.0.3", 0)
    host, port = closed.sockets[0].getsockname()
    closed.close()
    await closed.wait_closed()
    response = await answer_of(edge, request_to((host, port)), flow_to((host, port), TCP))
    assert (response.code, response.phrase) == (503, "Service Unavailable")


async def test_over_tcp_it_goes_once_and_its_answer_comes_back(edge: Edge) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readuntil(b"\r\n\r\n")
        heard.put_nowait(data)
        await asyncio.sleep(0.8)  # over UDP it would have been repeated
        writer.write(b"".join(_answer_lines(data)))
        heard.put_nowait(await reader.read())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.3", 0)
    address = server.sockets[0].getsockname()[:2]
    response = await answer_of(edge, request_to(address), flow_to(address, TCP))
    assert response.code == 200
    await edge.stop()
    async with asyncio.timeout(30):
        assert await heard.get() != b""
        assert await heard.get() == b""
    server.close()


def _answer_lines(data: bytes) -> list[bytes]:
    kept = (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:")
    lines = [line + b"\r\n" for line in data.split(b"\r\n") if line.startswith(kept)]
    return [b"SIP/2.0 200 OK\r\n", *lines, b"Content-Length: 0\r\n\r\n"]


async def test_whoever_stops_waiting_leaves_nothing_behind(
    edge: Edge, sip: Address, peer: UdpPeer
) -> None:
    asked = await ask(edge, request_to(peer.address), flow_to(peer.address))
    heard = await peer.next()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await is_left_alone(peer)
    peer.send(reply_as(heard, 200, "OK", tag="t"), sip)
    assert len(edge._parts.client) == 0


async def test_a_request_that_waits_when_the_edge_stops_is_told_so(
    engine: FakeEngine, edge: Edge, peer: UdpPeer
) -> None:
    asked = await ask(edge, request_to(peer.address), flow_to(peer.address))
    await peer.next()
    await edge.stop()
    assert (await asked).code == 503


async def test_a_failed_invite_is_acknowledged_each_time_it_is_repeated(
    edge: Edge, sip: Address, peer: UdpPeer
) -> None:
    asked = await ask(edge, request_to(peer.address, "INVITE"), flow_to(peer.address))
    invite = await peer.next()
    for _ in range(2):
        peer.send(reply_as(invite, 486, "Busy Here", tag="theirs"), sip)
        ack = await peer.expect("ACK")
        assert (ack.via.branch, ack.cseq, ack.uri) == (invite.via.branch, 1, invite.uri)
        assert (ack.to_tag, ack.from_tag) == ("theirs", "ours")
    assert (await asked).code == 486


INVITE = parse(
    b"INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
    b"Route: <sip:p1;lr>, <sip:p2;lr>\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
    b"Call-ID: 1\r\nCSeq: 7 INVITE\r\nMax-Forwards: 9\r\nUser-Agent: U\r\n"
    b"Authorization: Digest x\r\nContent-Type: application/sdp\r\n\r\nv=0"
)


@pytest.mark.parametrize(
    ("to", "written"),
    [
        ("<sip:b@h>;tag=2", "<sip:b@h>;tag=2"),
        ('"unclosed <sip:b@h>;tag=2', "<sip:b@h>"),
        ("<sip:b@h;tag=2", "<sip:b@h>"),
    ],
)
def test_an_ack_of_a_failure_is_the_invites_but_for_to(to: str, written: str) -> None:
    ack = acknowledgement(INVITE, Message.response(486, "Busy", [("to", to)]))
    assert ack == Message.request(
        "ACK",
        "sip:bob@192.0.2.1",
        [
            ("max-forwards", "70"),
            ("route", "<sip:p1;lr>, <sip:p2;lr>"),
            ("from", "<sip:a@h>;tag=1"),
            ("to", written),
            ("call-id", "1"),
            ("cseq", "7 ACK"),
            ("user-agent", "U"),
        ],
    )


def test_a_cancel_is_the_invites_with_reasons() -> None:
    cancel = cancellation(INVITE, [("reason", "Q.850;cause=16"), ("reason", "SIP;cause=200")])
    assert (cancel.method, cancel.uri, cancel.body) == ("CANCEL", INVITE.uri, b"")
    assert (cancel.get("cseq"), cancel.get("to")) == ("7 CANCEL", "<sip:b@h>")
    assert cancel.headers["reason"] == ["Q.850;cause=16", "SIP;cause=200"]
    assert "authorization" not in cancel.headers


async def test_an_answer_to_us_is_read_however_much_strangers_send(
    engine: FakeEngine, peer: UdpPeer, callee: UdpPeer
) -> None:
    guard = GuardSettings(strangers_rate=1.0, strangers_invite_rate=1.0)
    settings = edge_settings(listen=(("udp", "127.0.0.2", 0),), guard=guard)
    edge = Edge(engine, settings)
    await edge.start()
    try:
        _, host, port = edge.listening[0]
        asked = await ask(edge, request_to(peer.address), flow_to(peer.address))
        heard = await peer.next()
        for _ in range(50):
            callee.send(b"OPTIONS sip:x@y SIP/2.0\r\n\r\n", (host, port))
        await engine.rejection("crowded-out")
        answer = reply_as(heard, 200, "OK", tag="t")
        peer.send(answer.replace(heard.via.branch, f"z9hG4bKvn{'0' * 24}"), (host, port))
        peer.send(answer, (host, port))
        assert (await asyncio.wait_for(asked, 15)).code == 200
    finally:
        await edge.stop()


async def test_no_more_are_waited_for_than_there_is_room(
    edge: Edge, peer: UdpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_AWAITED", 1)
    asked = await ask(edge, request_to(peer.address), flow_to(peer.address))
    await peer.next()
    second = await answer_of(edge, request_to(peer.address, cseq=2), flow_to(peer.address))
    assert second.code == 503
    asked.cancel()
    assert not [data for data in peer.raw if b"CSeq: 2 " in data]
