"""Our public address, learned from a STUN server as often as it may change (RFC 5389)."""

import asyncio
import ipaddress
import logging
import socket

from callengine.edge.transport import stun
from callengine.edge.transport.addresses import Addresses
from callengine.edge.transport.udp import UdpListener, UdpTransport
from callengine.loop.tasks import BackgroundTasks

logger = logging.getLogger(__name__)

ASK_EVERY_S, AGAIN_AFTER_S = 300.0, 30.0
"How often is asked, and how soon again when nobody answered."
WAITS_S = (0.5, 1.0, 2.0)
"How long is waited for each of the questions that may get lost."
PATIENCE_AT_START_S = 2.0


class AddressLearner:
    """Asks a STUN server from each IPv4 socket of SIP how it sees us."""

    def __init__(self, udp: UdpTransport, addresses: Addresses, server: tuple[str, int]) -> None:
        self._udp = udp
        self._addresses = addresses
        self._server = server
        self._waiting: dict[bytes, asyncio.Future[str]] = {}
        self._tasks = BackgroundTasks("the public address")
        udp.on_stun_answer = self._take

    async def start(self) -> None:
        """Ask once, waiting a moment for the answer, and go on asking."""
        first = asyncio.Event()
        self._tasks.start(self._ask_for_ever(first))
        try:
            async with asyncio.timeout(PATIENCE_AT_START_S):
                await first.wait()
        except TimeoutError:
            return

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _ask_for_ever(self, first: asyncio.Event) -> None:
        has_failed = False
        while True:
            try:
                await self._ask_all()
            except OSError as error:
                if not has_failed:
                    logger.warning(
                        "the public address is not known: the STUN server %s:%d gave no answer "
                        "(%s). Peers are shown the address that reaches them",
                        *self._server,
                        error or "it took too long",
                    )
                has_failed = True
            else:
                has_failed = False
            first.set()
            await asyncio.sleep(AGAIN_AFTER_S if has_failed else ASK_EVERY_S)

    async def _ask_all(self) -> None:
        host, port = self._server
        entries = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
        server = str(entries[0][4][0]), port
        for listener in self._udp.listeners:
            if listener.sock.family == socket.AF_INET:
                self._addresses.learned(listener.host, await self._ask(listener, server))

    async def _ask(self, listener: UdpListener, server: tuple[str, int]) -> str:
        """Return our address as the server sees it; raises TimeoutError."""
        request, transaction = stun.binding_request()
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = answer
        try:
            for wait_s in WAITS_S:
                listener.send(request, *server)
                done, _ = await asyncio.wait([answer], timeout=wait_s)
                if done:
                    return answer.result()
        finally:
            del self._waiting[transaction]
        raise TimeoutError

    def _take(self, datagram: bytes, source: str) -> None:
        """Take an answer; who does not know the transaction's 96 bits of chance has none."""
        answer = self._waiting.get(stun.transaction_of(datagram))
        if answer is None or answer.done() or not (host := stun.mapped_address(datagram)):
            return
        if ipaddress.ip_address(host).is_unspecified:
            logger.info("%s answered with an address that is none", source)
            return
        answer.set_result(host)
