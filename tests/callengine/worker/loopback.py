"""A call process alone, with a stand-in for the edge that is both its caller and its callee."""

import asyncio
import os
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import IO, Any, TypeVar

from callengine.core.control.calls import FROM_CALL_PROCESS, FromCallProcess, ToCallProcess
from callengine.core.control.language import encode
from callengine.core.orders import CallOrder, LegOrder, WaveOrder
from callengine.worker.process.control import socket_pair
from tests.peers import descriptions
from tests.peers.nursery import ROOT, Forked, nursery
from tests.peers.ports import free_port_range

T = TypeVar("T")
CONTROL = 3
"The control socket's number in a call process: the first after standard input, output and errors."
COPIED = ("via", "from", "to", "call-id", "cseq")


class LoopbackEdge(asyncio.DatagramProtocol):
    """Rings, answers and hangs up as the edge would; keeps the first lines of what it is sent."""

    def __init__(self) -> None:
        self.codec = "PCMU"
        "What caller and callee speak."
        self.heard: list[str] = []
        self.waiters: list[tuple[str, asyncio.Future[str]]] = []
        self.callee_rings = asyncio.Event()
        self._dialogs: dict[str, tuple[tuple[str, int], list[str]]] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.host, self.port = transport.get_extra_info("sockname")

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def order(self, *, targets: tuple[str, ...] = ("B",), **more: Any) -> CallOrder:
        legs = tuple(self._leg_b(name) for name in targets)
        return CallOrder(
            call="1" * 32,
            edge=self.address,
            leg_a=LegOrder("A", "token-a", public_address="127.0.0.1", label="caller"),
            waves=(WaveOrder(legs, (self.codec,), (self.codec,)),),
            offered=(self.codec,),
            ring_timeout_s=5.0,
            max_duration_s=60.0,
            **more,
        )

    def _leg_b(self, name: str) -> LegOrder:
        return LegOrder(
            name,
            f"token-{name}",
            to_uri=f"sip:callee@{self.address}",
            from_uri=f"<sip:caller@{self.address}>",
            public_address="127.0.0.1",
            label=f"Phone {name}",
        )

    def invite(self, sip_port: int, *, rtp_port: int = 9) -> None:
        """Send the caller's INVITE."""
        body = descriptions.sdp([self.codec], port=rtp_port)
        self._send(("127.0.0.1", sip_port), *self._caller("INVITE", 1, "a", sip_port), body)

    def _caller(self, method: str, cseq: int, tag: str, port: int) -> tuple[str, list[str]]:
        return f"{method} sip:token-a@127.0.0.1:{port} SIP/2.0", [
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{method}{cseq}",
            f"From: <sip:caller@{self.address}>;tag={tag}",
            f"To: <sip:callee@{self.address}>",
            "Call-ID: call-a",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            f"Contact: <sip:caller@{self.address}>",
        ]

    async def hears(self, start: str, timeout_s: float = 20.0) -> str:
        """Return the first message that starts so, of those to come and of those that came."""
        for text in self.heard:
            if text.startswith(start):
                return text
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.waiters.append((start, future))
        return await asyncio.wait_for(future, timeout_s)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        self.heard.append(text)
        head = text.partition("\r\n\r\n")[0].split("\r\n")
        copied = [line for line in head[1:] if line.partition(":")[0].lower() in COPIED]
        method = head[0].partition(" ")[0]
        if method == "SIP/2.0":
            self._response(head[0], copied, addr)
        elif method == "INVITE":
            tagged = [f"{x};tag=b" if x.lower().startswith("to:") else x for x in copied]
            contact = f"Contact: <sip:callee@{self.address}>"
            self._send(addr, "SIP/2.0 180 Ringing", [*tagged, contact])
            self._dialogs["B"] = addr, [*tagged, contact]
            self.callee_rings.set()
        elif method != "ACK":
            self._send(addr, "SIP/2.0 200 OK", copied)
            if method == "CANCEL":
                invite = [line.replace("CANCEL", "INVITE") for line in copied]
                invite = [f"{x};tag=b" if x.lower().startswith("to:") else x for x in invite]
                self._send(addr, "SIP/2.0 487 Request Terminated", invite)
        for start, future in list(self.waiters):
            if text.startswith(start) and not future.done():
                future.set_result(text)

    def _response(self, first: str, copied: list[str], addr: tuple[str, int]) -> None:
        if first[8] != "1" and any(x.lower().endswith("invite") for x in copied):
            ack = [line.replace("INVITE", "ACK") for line in copied]
            self._send(addr, f"ACK sip:leg@{addr[0]}:{addr[1]} SIP/2.0", ack)

    def callee_answers(self) -> None:
        """Answer the callee's INVITE with 200."""
        addr, lines = self._dialogs["B"]
        typed = [*lines, "Content-Type: application/sdp"]
        self._send(addr, "SIP/2.0 200 OK", typed, descriptions.sdp([self.codec], port=9))

    def callee_sends(self, method: str, *lines: str, body: str = "") -> None:
        """Send a request inside the callee's dialog."""
        addr, dialog = self._dialogs["B"]
        values = {line.partition(":")[0].lower(): line.partition(":")[2] for line in dialog}
        head = [
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bKcallee{method}",
            f"From:{values['to']}",
            f"To:{values['from']}",
            f"Call-ID:{values['call-id']}",
            f"CSeq: 7 {method}",
            "Max-Forwards: 70",
            f"Contact: <sip:callee@{self.address}>",
            *lines,
        ]
        self._send(addr, f"{method} sip:leg@{addr[0]}:{addr[1]} SIP/2.0", head, body)

    def _send(self, to: tuple[str, int], first: str, lines: list[str], body: str = "") -> None:
        typed = ["Content-Type: application/sdp"] if body and not _is_typed(lines) else []
        size = f"Content-Length: {len(body)}"
        text = "\r\n".join((first, *lines, *typed, size, "", body))
        self.transport.sendto(text.encode(), to)


def _is_typed(lines: list[str]) -> bool:
    return any(line.startswith("Content-Type") for line in lines)


class Conversation:
    """The engine's end of a control socket."""

    def __init__(self, sock: Any, process: Forked, log: IO[str]) -> None:
        self.process = process
        self._log = log
        self.said: list[FromCallProcess] = []
        self._unheard: deque[FromCallProcess] = deque()
        "What came together with what was waited for."
        self._socket = sock
        sock.setblocking(False)

    def logged(self) -> str:
        """Return what the process has written to its log so far."""
        self._log.seek(0)
        return self._log.read()

    def tell(self, message: ToCallProcess) -> None:
        self._socket.send(encode(message))

    async def hears(
        self, kind: type[T], *, timeout_s: float = 20.0, which: Callable[[T], bool] = lambda _: True
    ) -> T:
        """Return the next message of this type."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            while True:
                while self._unheard:
                    message = self._unheard.popleft()
                    self.said.append(message)
                    if isinstance(message, kind) and which(message):
                        return message
                data = await loop.sock_recv(self._socket, 262144)
                assert data, f"the call process ended before it said {kind}: {self.said[-3:]}"
                self._unheard += FROM_CALL_PROCESS.decode_all(data)


def _started(log: IO[str], module: str, descriptor: int, *plugs: str) -> Forked:
    """Fork a call process, as the fork server does, from one that has loaded what it needs."""
    program = ["-m", module, str(CONTROL), str(free_port_range(16)[0]), *plugs]
    with open(os.devnull) as nothing:
        files = [nothing.fileno(), log.fileno(), log.fileno(), descriptor]
        return nursery(ROOT, module).fork(program, os.environ, files)


@asynccontextmanager
async def call_process(
    *plugs: str, module: str = "tests.callengine.worker.plugged"
) -> AsyncIterator[tuple[Conversation, LoopbackEdge]]:
    """Run a call process with plugs in it (see `plugged`), and a stand-in for the edge."""
    ours, theirs = socket_pair()
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed below)
    with theirs:
        process = _started(log, module, theirs.fileno(), *plugs)
    transport, edge = await asyncio.get_running_loop().create_datagram_endpoint(
        LoopbackEdge, local_addr=("127.0.0.1", 0)
    )
    try:
        with ours:
            yield Conversation(ours, process, log), edge
    finally:
        transport.close()
        process.kill()
        process.wait()
        log.close()
