"""A call process whose callee is a voice agent; the test is its edge, its caller and its engine."""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from agents.formats import Encoding
from callengine.core.control.agents import AgentFacts, AgentSocket, ConnectAgent
from callengine.core.control.calls import (
    FROM_CALL_PROCESS,
    CallEnded,
    FromCallProcess,
    ProcessReady,
    TakeCall,
    TimelineNote,
    ToCallProcess,
)
from callengine.core.control.language import encode
from callengine.core.orders import AgentOrder, CallOrder, LegOrder, WaveOrder
from tests.callengine.worker.loopback import LoopbackEdge, call_process
from tests.peers import descriptions
from tests.peers.rtp import FRAME_S, RtpTone
from tests.peers.waiting import until

T = TypeVar("T")
TIMEOUT_S = 30.0
CALL = "1" * 32


class AgentCall:
    """One call to an agent, from its INVITE on."""

    def __init__(self, sock: socket.socket, edge: LoopbackEdge, rtp: RtpTone, pid: int) -> None:
        self.edge, self.rtp, self.pid = edge, rtp, pid
        self.said: list[FromCallProcess] = []
        self.sip_port = 0
        self.codecs: Sequence[Any] = ("PCMU",)
        self.answer_sdp = ""
        self.url = ""
        self.asked = 0
        "How often it wanted a socket."
        self._sequence = 1
        self._changed = asyncio.Condition()
        self._socket = sock
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    # As the engine

    def tell(self, message: ToCallProcess, *descriptors: int) -> None:
        """Say something, and wake the process as the engine does."""
        socket.send_fds(self._socket, [encode(message)], descriptors)
        self.edge.transport.sendto(b"\r\n", ("127.0.0.1", self.sip_port))

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._socket, 262144):
            for message in FROM_CALL_PROCESS.decode_all(data):
                self.said.append(message)
                if isinstance(message, ConnectAgent):
                    self.asked += 1
                    await self._connect(message.leg)
            async with self._changed:
                self._changed.notify_all()

    async def _connect(self, leg: str) -> None:
        parts = urlsplit(self.url)
        sock = socket.socket()
        sock.setblocking(False)
        host, port = "127.0.0.1", parts.port or 80
        try:
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except OSError as error:
            self.tell(AgentSocket(CALL, leg, os.strerror(error.errno or 0), ""))
        else:
            self.tell(AgentSocket(CALL, leg, "", f"{host}:{port}"), sock.fileno())
        finally:
            sock.close()

    async def hears(self, kind: type[T], which: Callable[[T], bool] = lambda _: True) -> T:
        """Return the first message of this type that fits, of those that came and are to come."""
        async with asyncio.timeout(TIMEOUT_S), self._changed:
            while True:
                for message in self.said:
                    if isinstance(message, kind) and which(message):
                        return message
                await self._changed.wait()

    def told(self, kind: type[T]) -> list[T]:
        return [message for message in self.said if isinstance(message, kind)]

    def notes(self) -> list[str]:
        return [note.text for note in self.told(TimelineNote)]

    @property
    def facts(self) -> AgentFacts:
        return self.told(AgentFacts)[-1]

    async def is_ready(self) -> None:
        await self.hears(AgentFacts, lambda facts: facts.state == "ready")

    async def ended(self) -> Any:
        """Return the termination."""
        return (await self.hears(CallEnded)).termination

    # As the caller

    async def calls(self, agent: AgentOrder, **more: Any) -> None:
        """Send the INVITE."""
        self.url = agent.url
        ready = await self.hears(ProcessReady)
        self.sip_port = ready.sip_port
        self.tell(TakeCall(order(self.edge, agent, self.codecs, **more)))
        to = ("127.0.0.1", self.sip_port)
        self.edge._send(to, *self.edge._caller("INVITE", 1, "a", self.sip_port), self._sdp())

    async def is_answered(self) -> None:
        """Wait for 200."""
        answer = await self.edge.hears("SIP/2.0 200", TIMEOUT_S)
        self.answer_sdp = answer.partition("\r\n\r\n")[2]

    @property
    def to(self) -> tuple[str, int]:
        """Where the caller's RTP goes."""
        found = re.search(r"^m=audio (\d+)", self.answer_sdp, re.MULTILINE)
        assert found
        return "127.0.0.1", int(found[1])

    async def sends(self, payload_type: int, payloads: Sequence[bytes], *, step: int = 160) -> None:
        """Send RTP in real time, a packet each 20 ms."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for index, payload in enumerate(payloads):
            self.rtp.send(self.to, payload_type, payload, step=step)
            await asyncio.sleep(began + (index + 1) * FRAME_S - loop.time())

    def sounds(self) -> list[bytes]:
        """Return the payloads that arrived, but for silence of G.711."""
        return [x.payload for x in self.rtp.packets if len(set(x.payload)) > 1]

    def hangs_up(self) -> None:
        """Send BYE."""
        self._says("BYE")

    async def describes(self, direction: str) -> None:
        """Send a re-INVITE with this direction, and wait for its answer."""
        before = self._answers()
        self._says("INVITE", self._sdp(direction=direction, version=before + 1))
        await until(lambda: self._answers() > before, "no answer", timeout_s=TIMEOUT_S)

    def _answers(self) -> int:
        return sum(text.startswith("SIP/2.0 200") for text in self.edge.heard)

    def _says(self, method: str, body: str = "") -> None:
        """Send a request inside the caller's dialog."""
        self._sequence += 1
        first, lines = self.edge._caller(method, self._sequence, "a", self.sip_port)
        answer = next(x for x in self.edge.heard if x.startswith("SIP/2.0 200"))
        tagged = next(x for x in answer.split("\r\n") if x.lower().startswith("to:"))
        lines = [tagged if x.startswith("To:") else x for x in lines]
        self.edge._send(("127.0.0.1", self.sip_port), first, lines, body)

    def _sdp(self, **more: Any) -> str:
        return descriptions.sdp(
            self.codecs, port=self.rtp.port, telephone_event={101: 8000}, **more
        )


def order(edge: LoopbackEdge, agent: AgentOrder, codecs: Sequence[Any], **more: Any) -> CallOrder:
    names = tuple(codec if isinstance(codec, str) else codec[0] for codec in codecs)
    leg = LegOrder("B", "", label=agent.name, agent=agent)
    return replace(edge.order(), waves=(WaveOrder((leg,), names, ()),), offered=names, **more)


@asynccontextmanager
async def agent_call(*codecs: Any, plugs: Sequence[str] = ()) -> AsyncIterator[AgentCall]:
    """Run a call process, with plugs in it; the caller offers these codecs."""
    rtp = await RtpTone.open()
    async with call_process(*plugs) as (talk, edge):
        call = AgentCall(talk._socket, edge, rtp, talk.process.pid)
        call.codecs = codecs or ("PCMU",)
        try:
            yield call
        except BaseException as error:
            error.add_note(f"{talk.logged()}\n{call.said}\n{edge.heard}")
            raise
        finally:
            await call.stop()
            rtp.close()


def support(url: str, encoding: Encoding = Encoding.PCMU, **more: Any) -> AgentOrder:
    """Return an agent of AssemblyAI's dialect, with one format both ways."""
    settings: dict[str, Any] = {
        "system_prompt": "Be friendly.", "input": encoding, "output": encoding, **more
    }  # fmt: skip
    return AgentOrder("support", "assemblyai", url, **settings)
