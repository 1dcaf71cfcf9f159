"""Messages cut out of a stream."""

import time
from collections.abc import Iterator

import pytest

from callengine.edge.transport.framing import Broken, Event, Framed, Ping, StreamFramer
from callengine.edge.transport.lineends import with_crlf
from tests.spent import cpu_s


def fed(framer: StreamFramer, data: bytes) -> Iterator[Event]:
    framer.feed(data)
    while (event := framer.next()) is not None:
        yield event


def test_framer_cuts_what_arrives_in_any_pieces() -> None:
    one = b"OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc"
    stream = b"\r\n\r\n" + one + b"\r\n" + one
    for size in range(1, len(stream)):
        framer = StreamFramer(1000)
        events = [e for i in range(0, len(stream), size) for e in fed(framer, stream[i : i + size])]
        assert events == [Ping(), Framed(one), Framed(one)]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_lines_that_end_in_lf_alone_are_lines(size: int) -> None:
    one = b"OPTIONS sip:a SIP/2.0\nl: 4\n\na\nb\n"
    other = b"OPTIONS sip:a SIP/2.0\r\nl: 4\r\n\r\na\nb\n"
    stream, framer = one + other + b"\r\n\r\n" + one, StreamFramer(1000)
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    events = [event for piece in pieces for event in fed(framer, piece)]
    assert events == [Framed(other), Framed(other), Ping(), Framed(other)]


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\nv: x\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nv: x\n\n",
        b"OPTIONS sip:a SIP/2.0\r\nv: x\r\n\r\na\n\nb",
        b"OPTIONS sip:a SIP/2.0",
        b"\n",
        b"",
    ],
)
def test_where_not_all_lines_end_in_lf_alone_nothing_is_changed(data: bytes) -> None:
    assert with_crlf(data) == data


@pytest.mark.parametrize(
    ("data", "too_large"),
    [
        (b"x" * 300, True),
        (b"A b\r\nContent-Length: 999\r\n\r\n", True),
        (b"A b\r\nContent-Length: no\r\n\r\n", False),
    ],
)
def test_framer_gives_up_once(data: bytes, too_large: bool) -> None:
    framer = StreamFramer(200)
    (event,) = fed(framer, data)
    assert isinstance(event, Broken)
    assert event.too_large is too_large
    assert not list(fed(framer, b"more\r\n\r\n"))


def test_a_stream_that_comes_byte_by_byte_is_read_in_linear_time() -> None:
    head = (
        b"OPTIONS sip:a SIP/2.0\r\nx: " + b"y" * 15_000 + b"\r\nContent-Length:\r\n 15000\r\n\r\n"
    )
    message = head + b"z" * 15_000
    framer = StreamFramer(32_768)
    started = time.thread_time()
    events = [event for byte in message for event in fed(framer, bytes([byte]))]
    assert events == [Framed(message)]
    assert time.thread_time() - started < 0.5


def test_a_first_line_that_comes_byte_by_byte_is_read_in_linear_time() -> None:
    def fed_slowly() -> None:
        framer = StreamFramer(65_536)
        for _ in range(65_536):
            assert not list(fed(framer, b"x"))

    assert cpu_s(fed_slowly) < 0.5


def test_empty_lines_by_the_thousand_cost_nothing_before_they_are_taken() -> None:
    """As much as is read at once: a few connections a second of them stood the engine still."""
    lines = b"\r\n" * 131_072

    def fed_at_once() -> None:
        framer = StreamFramer(32_768)
        framer.feed(lines)
        assert framer.next() == Ping()

    assert cpu_s(fed_at_once) < 0.01
