"""TCP connections that bring nothing, or a byte at a time, or too many at once."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from callengine.edge.frontdoor import Edge
from callengine.edge.transport.framing import StreamFramer
from tests.callengine.edge.fakes import FakeEngine, Phone, edge_settings

pytestmark = pytest.mark.thorough

MESSAGE_S = 1.0
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def edge(engine: FakeEngine) -> AsyncIterator[Edge]:
    settings = edge_settings(
        listen=(("tcp", "127.0.0.2", 0),),
        tcp_message_s=MESSAGE_S,
        max_tcp_connections=3,
        max_tcp_connections_per_host=2,
    )
    edge = Edge(engine, settings)
    await edge.start()
    yield edge
    await edge.stop()


async def connect(edge: Edge, host: str = "127.0.0.3") -> Stream:
    _, to, port = edge.listening[0]
    return await asyncio.open_connection(to, port, local_addr=(host, 0))


def options(number: int = 1) -> bytes:
    return Phone("127.0.0.3", 5062, transport="TCP").request("OPTIONS", number).encode()


async def closed_after(stream: Stream, trickle: bytes = b"", every_s: float = 0.2) -> float:
    """Return when the other side closed, writing a byte of `trickle` now and then."""
    reader, writer = stream
    began, left = time.monotonic(), list(trickle)
    while True:
        try:
            async with asyncio.timeout(every_s):
                while data := await reader.read(4096):
                    assert data.startswith(b"SIP/2.0 200") or not data.strip()
                break
        except TimeoutError:
            pass
        except ConnectionResetError:  # a byte arrived while the other side was closing
            break
        if left:
            writer.write(bytes([left.pop(0)]))
    writer.close()
    return time.monotonic() - began


async def test_a_connection_that_brings_nothing_is_closed(edge: Edge, engine: FakeEngine) -> None:
    # It is accepted a moment before whoever connects is told.
    assert MESSAGE_S * 0.8 < await closed_after(await connect(edge)) < MESSAGE_S + 15
    line = await engine.rejection("no-message")
    assert (line.source_address, line.code) == ("127.0.0.3", 0)


@pytest.mark.parametrize("trickle", [b"\r\n" * 60, options()], ids=["keep-alives", "a message"])
async def test_neither_keep_alives_nor_single_bytes_hold_a_connection(
    edge: Edge, engine: FakeEngine, trickle: bytes
) -> None:
    assert await closed_after(await connect(edge), trickle) < MESSAGE_S + 15
    assert {r.rule for r in engine.rejections} <= {"no-message", "message-too-slow"}
    assert engine.rejections


async def test_a_later_message_must_be_whole_in_time_too(edge: Edge, engine: FakeEngine) -> None:
    stream = await connect(edge)
    later = options(2)
    stream[1].write(options() + later[:20])
    assert await closed_after(stream, later[20:]) < MESSAGE_S + 15
    await engine.rejection("message-too-slow")


async def test_a_phone_that_says_something_now_and_then_stays(edge: Edge) -> None:
    reader, writer = await connect(edge)
    began = time.monotonic()
    for number in range(5):
        request = options(number + 1)  # made once: each has a branch of its own, of any length
        writer.write(request[:100])
        await asyncio.sleep(0.1)
        writer.write(request[100:] + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
        await asyncio.sleep(MESSAGE_S / 3)
    assert time.monotonic() - began > 2 * MESSAGE_S
    writer.close()


async def test_one_source_has_so_many_connections_and_strangers_make_room(
    edge: Edge, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [await connect(edge) for _ in range(3)]
    assert await streams[2][0].read() == b"", "the third of one source is refused"
    line = await engine.rejection("too-many-connections")
    assert line.source_address == "127.0.0.3"
    streams.append(await connect(edge, "127.0.0.4"))
    monkeypatch.setattr("callengine.edge.transport.tcp._SPARED_S", 0.0)
    monkeypatch.setattr("callengine.edge.transport.tcp._MAKE_ROOM_S", 0.0)
    reader, writer = await connect(edge, "127.0.0.5")
    writer.write(options())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
    assert await streams[0][0].read() == b"", "the one silent longest made room"
    for _, other in (*streams, (reader, writer)):
        other.close()


@pytest.mark.parametrize(
    ("data", "amid"),
    [(b"", False), (b"\r\n", False), (b"O", True), (b"\r\nO", True), (b"\r\n\r\n", False)],
)
def test_keep_alives_are_no_beginning_of_a_message(data: bytes, amid: bool) -> None:
    framer = StreamFramer(1000)
    framer.feed(data)
    assert framer.is_amid_message is amid
