"""How long one datagram keeps the engine from answering anybody else."""

import asyncio
import itertools
import secrets
import socket
import time
from pathlib import Path

from bench.standing.figures import Figure
from bench.standing.messages import LONG, Address, enormous, request
from tests.peers.engine import Engine
from tests.wire.directory import configuration, connection

EVERY_S = 0.01
PROBES = [f"127.0.3.{number}" for number in range(1, 21)]
"Sent in turn from many addresses, so that no limit for one address is met."
STRANGERS = "127.0.4.{}"
"Each datagram has an address of its own, or a limit would hide what the tenth does."
WATCHED_S = 0.15
SETTLED_S = 0.06
PATIENCE_S = 30.0
WORST = 3
LONG_S = 0.05
SOURCE = ("127.0.4.1", 5060)
"What the requests say of themselves."


class Prober:
    """Sends OPTIONS every 10 ms and notes when each is answered; run it as a task."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._sockets = [_socket(host) for host in PROBES]
        self.sent: dict[str, float] = {}
        "Those unanswered, by Call-ID."
        self.answers: list[float] = []

    def close(self) -> None:
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            loop.add_reader(sock, self._answered, sock)
        due, turn = loop.time(), 0
        while True:
            sock = self._sockets[turn % len(self._sockets)]
            call_id, source = secrets.token_hex(8), sock.getsockname()
            headers = [("Call-ID", call_id)]
            sock.sendto(request("OPTIONS", self._server, source, headers=headers), self._server)
            self.sent[call_id] = loop.time()
            turn, due = turn + 1, due + EVERY_S
            await asyncio.sleep(due - loop.time())

    def _answered(self, sock: socket.socket) -> None:
        data = sock.recv(4096)
        call_id = data.partition(b"Call-ID: ")[2].partition(b"\r")[0].decode(errors="replace")
        if self.sent.pop(call_id, None) is not None:
            self.answers.append(time.monotonic())

    def longest_gap_s(self, since: float) -> float:
        """Return the longest time without an answer since then, that which goes on included."""
        moments = [since, *(at for at in self.answers if at > since), time.monotonic()]
        return max(b - a for a, b in itertools.pairwise(moments))

    async def freeze_s(self, data: bytes, number: int) -> float:
        """Send one datagram and return the longest gap until answers have come back steadily."""
        started = time.monotonic()
        with _socket(STRANGERS.format(number % 250 + 1)) as stranger:
            stranger.sendto(data, self._server)
        await asyncio.sleep(WATCHED_S)
        while time.monotonic() - started < PATIENCE_S:
            answers = [at for at in self.answers if at > time.monotonic() - SETTLED_S]
            if len(answers) >= 3:
                break
            await asyncio.sleep(EVERY_S)
        return self.longest_gap_s(started)


def _socket(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.setblocking(False)
    return sock


async def measure(root: Path) -> list[Figure]:
    """Measure the freeze by the number that was found first, then by others of its kind."""
    figures = []
    with Engine(configuration(connection("bob")), root=root) as engine:
        prober = Prober(engine.server)
        probing = asyncio.create_task(prober.run())
        await asyncio.sleep(0.5)
        since = time.monotonic()
        await asyncio.sleep(2.0)
        at_rest_s = prober.longest_gap_s(since)
        figures.append(Figure("longest gap at rest", f"{at_rest_s * 1e3:.0f}", "ms"))
        number = [("From", f"<tel:{'1' * LONG}!>;tag=1")]
        sample = request("INVITE", engine.server, SOURCE, headers=number)
        froze_s = await prober.freeze_s(sample, 0)
        figures.append(Figure("freeze, From tel: of 4,000 digits", f"{froze_s * 1e3:.0f}", "ms"))
        figures += await _others(prober, engine.server)
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        prober.close()
    return figures


async def _others(prober: Prober, server: Address) -> list[Figure]:
    freezes: list[tuple[float, str]] = []
    for number, (name, data) in enumerate(enormous(server, SOURCE)):
        froze_s = await prober.freeze_s(data, number)
        if froze_s > LONG_S:
            # A neighbour's burst does not happen twice; what is the datagram's does.
            froze_s = min(froze_s, await prober.freeze_s(data, number + 1))
        freezes.append((froze_s, name))
    freezes.sort(reverse=True)
    over = sum(froze_s > LONG_S for froze_s, _ in freezes)
    counted = Figure("freezes over 50 ms, other values", f"{over}", f"of {len(freezes)} datagrams")
    return [
        counted,
        *(Figure(f"freeze, {name}", f"{s * 1e3:.0f}", "ms") for s, name in freezes[:WORST]),
    ]
