"""Where responses go once the connection of their request is gone (RFC 3261 section 18.2.2)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from callengine.edge.flow import Flow
from callengine.edge.frontdoor import Edge
from callengine.edge.interface import Refused, TrunkAccess
from callengine.edge.messages.received import Received, receive
from callengine.edge.transactions.responses import ResponseSender
from tests.callengine.edge.fakes import PATIENCE_S, SDP, FakeEngine, Phone, answer_challenge

HOST = "127.0.0.3"
Heard = asyncio.Queue[bytes]


@asynccontextmanager
async def listening(port: int = 0) -> AsyncIterator[tuple[int, Heard]]:
    """Listen at the caller's host; yields the port and what the first read of each brings."""
    heard: Heard = asyncio.Queue()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(connected, HOST, port)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        await server.wait_closed()


async def connect(edge: Edge) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect from a port where somebody may listen later."""
    _, host, port = edge.listening[1]
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    raw.setblocking(False)
    raw.bind((HOST, 0))
    await asyncio.get_running_loop().sock_connect(raw, (host, port))
    return await asyncio.open_connection(sock=raw)


async def invite_and_leave(edge: Edge, sent_by: int, *, password: str = "") -> int:
    """Send an INVITE over TCP and close once it is being set up; return the port it came from."""
    reader, writer = await connect(edge)
    own_port: int = writer.get_extra_info("sockname")[1]
    phone = Phone(HOST, sent_by, edge=edge.listening[1][1:], transport="TCP")
    invite = phone.request("INVITE", 1, body=SDP)
    if password:
        writer.write(invite.encode())
        line = answer_challenge(
            await response(reader),
            method="INVITE",
            uri=invite.split(" ")[1],
            user=phone.user,
            password=password,
        )
        invite = phone.request("INVITE", 2, body=SDP, headers=(line,))
    else:
        invite = invite.replace(f"@{phone.edge[0]}>;tag", "@far.example>;tag")
    writer.write(invite.encode())
    assert (await response(reader)).code == 100
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.1)
    return own_port


async def response(reader: asyncio.StreamReader) -> Received:
    async with asyncio.timeout(PATIENCE_S):
        return receive(await reader.readuntil(b"\r\n\r\n"))


@pytest.fixture
def busy(engine: FakeEngine) -> FakeEngine:
    """An engine that refuses calls, once it may answer."""
    engine.outcome = lambda _: Refused(486, "Busy Here")
    engine.may_answer.clear()
    return engine


@pytest.mark.parametrize(("is_trunk", "password"), [(True, ""), (False, "correct horse")])
async def test_who_is_known_and_whose_connection_is_gone_is_answered_at_its_sent_by(
    edge: Edge, busy: FakeEngine, is_trunk: bool, password: str
) -> None:
    if is_trunk:
        busy.trunks[HOST] = TrunkAccess("carrier", True, "")
    async with listening() as (sent_by, heard):
        own_port = await invite_and_leave(edge, sent_by, password=password)
        async with listening(own_port) as (_, heard_where_it_called_from):
            busy.may_answer.set()
            async with asyncio.timeout(PATIENCE_S):
                answer = receive(await heard.get())
            assert (answer.code, answer.cseq_method) == (486, "INVITE")
            assert f"received={HOST}" in answer.vias[0]
            assert heard_where_it_called_from.empty()
    assert not [r for r in busy.rejections if r.rule == "response-undelivered"]


async def test_a_stranger_whose_connection_is_gone_gets_none_opened(
    edge: Edge, busy: FakeEngine
) -> None:
    busy.external = True
    async with listening() as (sent_by, heard):
        own_port = await invite_and_leave(edge, sent_by)
        async with listening(own_port) as (_, heard_where_it_called_from):
            busy.may_answer.set()
            line = await busy.rejection("response-undelivered")
            await asyncio.sleep(0.3)
            assert heard.empty()
            assert heard_where_it_called_from.empty()
    assert (line.source_address, line.code, line.method) == (HOST, 0, "INVITE")
    assert "has not shown who it is" in line.advice


async def test_a_response_that_no_connection_could_be_opened_for_is_on_record_once(
    edge: Edge, busy: FakeEngine
) -> None:
    busy.trunks[HOST] = TrunkAccess("carrier", True, "")
    async with listening() as (sent_by, _):
        pass
    await invite_and_leave(edge, sent_by)
    busy.may_answer.set()
    line = await busy.rejection("response-undelivered")
    assert f"none could be opened to {HOST}:{sent_by}" in line.advice
    await asyncio.sleep(0.3)
    assert [r.rule for r in busy.rejections].count("response-undelivered") == 1


class Wires:
    """Stands for the transports: which TCP connections are up, and what was sent."""

    def __init__(self, *up: str, room: bool = True) -> None:
        self.up, self.room = up, room
        self.sent: list[str] = []

    def has_connection(self, flow: Flow) -> bool:
        return str(flow) in self.up

    def has_room_for(self, host: str) -> bool:
        return self.room

    def send(
        self, flow: Flow, data: bytes, on_unreachable: Callable[[], None] = lambda: None
    ) -> None:
        self.sent.append(str(flow))


def request(flow: str, via: str) -> Received:
    text = Phone("h", 1).request("OPTIONS", 1).replace("UDP h:1;", f"{via};")
    message = receive(text.encode())
    message.flow = Flow.parse(flow)
    return message


WAYS = [
    # heard from, Via, connections that are up, known, room, flow of the response or why none
    ("udp:8.8.8.8:9", "UDP h:70", (), False, True, "udp:8.8.8.8:9"),
    ("tcp:8.8.8.8:9", "TCP h:70", ("tcp:8.8.8.8:9",), False, True, "tcp:8.8.8.8:9"),
    ("tcp:8.8.8.8:9", "TCP h:70", (), True, True, "tcp:8.8.8.8:70"),
    ("tcp:8.8.8.8:9", "TCP h", (), True, True, "tcp:8.8.8.8:5060"),
    ("tcp:8.8.8.8:9", "TCP 9.9.9.9:70", (), True, True, "tcp:8.8.8.8:70"),
    ("tcp:2001:db8::1:9", "TCP h:70", (), True, True, "tcp:[2001:db8::1]:70"),
    ("tcp:8.8.8.8:9", "TCP h:70", ("tcp:8.8.8.8:70",), False, False, "tcp:8.8.8.8:70"),
    ("tcp:8.8.8.8:9", "TCP h:70", (), False, True, "has not shown who it is"),
    ("tcp:8.8.8.8:9", "TCP h:70", (), True, False, "too many with 8.8.8.8"),
    ("tcp:8.8.8.8:9", "TCP h:5080", (), True, True, "names this server itself"),
]


@pytest.mark.parametrize(("heard", "via", "up", "known", "room", "way"), WAYS)
def test_the_way_of_a_response(
    heard: str, via: str, up: tuple[str, ...], known: bool, room: bool, way: str
) -> None:
    wires, why = Wires(*up, room=room), list[str]()
    sender = ResponseSender(
        wires,  # type: ignore[arg-type]
        is_in_use=lambda flow: known and str(flow) == str(Flow.parse(heard)),
        is_ours=lambda host, port: (host, port) == ("8.8.8.8", 5080),
        on_lost=lambda _, reason: why.append(reason),
    )
    sender.once(request(heard, via), b"data")
    if ":" in way:
        assert (wires.sent, why) == ([way], [])
    else:
        assert wires.sent == []
        assert way in why[0]
