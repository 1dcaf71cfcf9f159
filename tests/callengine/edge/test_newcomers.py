"""What belongs to calls is read before what would begin something, as far as both have come."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from callengine.edge.flow import UDP, Flow
from callengine.edge.transport import newcomers
from callengine.edge.transport.listeners import bind
from callengine.edge.transport.udp import UdpTransport
from callengine.edge.transport.upcalls import Upcalls
from tests.peers.waiting import until


class Heard:
    """A UDP socket, and what came by it: the first line of each message."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.waited: list[tuple[str, int]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        "Done as a message is taken."
        self._transport = UdpTransport(
            Upcalls(
                on_message=self._take,
                on_broken=lambda *_: None,
                on_unreachable=lambda *_: None,
                on_waited=lambda _, queue: self.waited.append(queue),
            ),
            max_message_bytes=1000,
        )
        self._transport.listen(bind(UDP, "127.0.0.1", 0))
        (listener,) = self._transport.listeners
        self._to = (listener.host, listener.port)
        self._sock = bind(UDP, "127.0.0.1", 0)

    def send(self, *lines: str) -> None:
        for line in lines:
            self._sock.sendto(f"{line}\r\n\r\n".encode(), self._to)

    async def all(self, count: int) -> list[str]:
        await until(lambda: len(self.lines) >= count, "not all of it came")
        return self.lines

    def close(self) -> None:
        self._transport.close()
        self._sock.close()

    def _take(self, data: bytes, flow: Flow) -> None:
        self.lines.append(data.decode().split("\r\n")[0])
        self.meanwhile()


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    heard = Heard()
    yield heard
    heard.close()


async def test_what_belongs_to_calls_is_taken_first_and_the_rest_in_its_order(heard: Heard) -> None:
    heard.send("INVITE 1", "CANCEL 1", "BYE 2", "REGISTER 3", "SIP/2.0 200 4", "INVITE 5", "ACK 6")
    assert await heard.all(7) == [
        *("BYE 2", "SIP/2.0 200 4", "ACK 6"),
        *("INVITE 1", "CANCEL 1", "REGISTER 3", "INVITE 5"),
    ]
    assert heard.waited.count(newcomers.QUEUE) == 4, "they wait in a queue of their own"


async def test_newcomers_that_take_long_let_others_have_their_turn(heard: Heard) -> None:
    def meanwhile() -> None:
        if len(heard.lines) == 1:
            heard.send("BYE 9")
        time.sleep(newcomers.TURN_S)

    heard.meanwhile = meanwhile
    heard.send(*(f"INVITE {number}" for number in range(6)))
    assert (await heard.all(7)).index("BYE 9") < 4


async def test_newcomers_have_their_share_of_the_time_however_much_others_want(
    heard: Heard,
) -> None:
    """There is no end of others, and each takes 20 ms; a newcomer takes 3."""

    def meanwhile() -> None:
        is_other = heard.lines[-1] == "BYE 9"
        if is_other:
            heard.send("BYE 9")
        time.sleep(0.02 if is_other else 0.003)

    heard.meanwhile = meanwhile
    heard.send(*(f"INVITE {number}" for number in range(60)), "BYE 9")
    await until(lambda: "INVITE 59" in heard.lines, "newcomers had no turn")
    assert heard.lines.count("BYE 9") < 40


async def test_the_first_of_very_many_waits_no_longer(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newcomers, "MOST", 2)
    heard.send("INVITE 1", "INVITE 2", "INVITE 3", "BYE 4")
    assert await heard.all(4) == ["INVITE 1", "BYE 4", "INVITE 2", "INVITE 3"]


async def test_nobody_is_taken_once_the_socket_is_closed(heard: Heard) -> None:
    heard.meanwhile = heard.close
    heard.send("INVITE 1", "INVITE 2")
    assert await heard.all(1) == ["INVITE 1"]
    await asyncio.sleep(10 * newcomers.TURN_S)
    assert heard.lines == ["INVITE 1"]
