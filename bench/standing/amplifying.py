"""How many bytes the engine sends back to whoever stands in the source of one small datagram."""

import asyncio
import socket
from pathlib import Path

from bench.standing.figures import Figure
from bench.standing.messages import Address, smallest
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import registered
from tests.wire.directory import configuration, connection

LISTENED_S = 40.0
ENVIRONMENT = {"VOIPNUMBER_RING_TIMEOUT_S": "5"}
"So that a call that rings has its final answer, and all repetitions of it, in that time."
VICTIMS = "127.0.5.{}"


class Victim(asyncio.DatagramProtocol):
    """An address somebody spoofs: it acknowledges nothing and counts."""

    def __init__(self) -> None:
        self.bytes = self.datagrams = 0

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.bytes += len(data)
        self.datagrams += 1


async def measure(root: Path) -> list[Figure]:
    """Send one of each kind, listen for 40 s, and compare bytes of SIP."""
    figures: list[Figure] = []
    for external in (False, True):
        settings = configuration(connection("bob"), connection("idle"), external_sip=external)
        with Engine(settings, environment=ENVIRONMENT, root=root) as engine:
            async with registered(engine, "bob") as bob:
                ringing = asyncio.create_task(_ring(bob))
                here = f"sip:bob@{engine.host}:{engine.port}"
                kinds = {
                    "INVITE of a stranger": smallest("INVITE", engine.server, to="bob"),
                    "INVITE as a local user": smallest(
                        "INVITE", engine.server, to="bob", sender=here
                    ),
                    "INVITE to nobody": smallest("INVITE", engine.server, to="zz"),
                    "INVITE to an absent phone": smallest("INVITE", engine.server, to="idle"),
                    "REGISTER": smallest("REGISTER", engine.server, to="bob"),
                    "OPTIONS": smallest("OPTIONS", engine.server),
                    "NOTIFY": smallest("NOTIFY", engine.server),
                }
                results = await _all(engine.server, list(kinds.values()))
                ringing.cancel()
                await asyncio.gather(ringing, return_exceptions=True)
        suffix = "external SIP on" if external else "external SIP off"
        for (name, data), (received, datagrams) in zip(kinds.items(), results, strict=True):
            factor = received / len(data)
            figures.append(
                Figure(
                    f"amplification, {name}, {suffix}",
                    f"{factor:.1f}",
                    f"x ({len(data)} -> {received:,} B in {datagrams})",
                )
            )
    return figures


async def _ring(phone: Phone) -> None:
    while True:
        await (await phone.wait_call(2 * LISTENED_S)).ring()


async def _all(server: Address, datagrams: list[bytes]) -> list[tuple[int, int]]:
    """Send each from an address of its own; return bytes and datagrams that came to each."""
    loop = asyncio.get_running_loop()
    victims: list[tuple[asyncio.DatagramTransport, Victim]] = []
    for number, data in enumerate(datagrams):
        transport, victim = await loop.create_datagram_endpoint(
            Victim, local_addr=(VICTIMS.format(number + 1), 0), family=socket.AF_INET
        )
        transport.sendto(data, server)
        victims.append((transport, victim))
    await asyncio.sleep(LISTENED_S)
    for transport, _ in victims:
        transport.close()
    return [(victim.bytes, victim.datagrams) for _, victim in victims]
