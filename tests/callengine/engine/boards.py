"""A switchboard with a real edge and real call processes, and no database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from callengine.core.callerid import Claim, KnownNames
from callengine.core.directory import ConnectionEntry, Destination, Platform, Source
from callengine.core.identity import ArrivedCall
from callengine.edge.interface import IncomingCall
from callengine.engine.processes.process import CallProcess, PoolSettings
from callengine.engine.settings import EngineSettings
from callengine.engine.switchboard import Switchboard
from callengine.record.changes import Keepable
from tests.callengine.edge.fakes import SDP, Phone, UdpPeer, edge_settings
from tests.peers.ports import free_port_range


class Written:
    """A journal that keeps how calls ended and the lines of their timelines."""

    def __init__(self) -> None:
        self.endings: list[dict[str, Any]] = []
        self.lines: list[tuple[str, str]] = []

    def write(self, write: Any, then: object = None) -> None:
        given = write.told() if isinstance(write, Keepable) else {}
        snapshot = given.get("snapshot")
        if snapshot is not None and snapshot["termination"] is not None:
            self.endings.append(snapshot["termination"])
        self.lines += [(entry["kind"], entry["text"]) for entry in given.get("entries", ())]

    async def close(self) -> None:
        """There is no thread to end."""


class Detached(Switchboard):
    """A switchboard with an edge and no database: whoever calls is a stranger, and may."""

    def __init__(self, pool: PoolSettings) -> None:
        edge = edge_settings(listen=(("udp", "127.0.0.2", 0),))
        super().__init__(EngineSettings("node", edge, pool, ring_timeout_s=5, grace_s=0))
        self.written = Written()
        self.book.open_with(cast("Any", self.written), self._publisher)

    async def trunk_access(self, address: str, *_: object) -> None:
        return None

    async def external_sip(self) -> bool:
        return True

    async def is_registered_at(self, flow: str) -> bool:
        return False

    async def registered_trunk(self, contact_user: str) -> None:
        return None

    async def trunks_by_credentials(self) -> bool:
        return False

    async def source(self, *, kind: str, name: str, address: str) -> Source:
        return Source("external", address)

    def read_for(self, call: IncomingCall, destination: Destination) -> tuple[Any, ...]:
        """Return what is looked up for a call that leads there."""
        platform = Platform(("PCMU",), True, ("PCMU",))
        arrived = ArrivedCall(call.to_user, Claim(call.from_user, call.from_name), is_private=False)
        return destination, platform, KnownNames(), arrived


class Board(Detached):
    """Anybody may call `callee`, who is a plain UDP socket."""

    def __init__(self, callee: UdpPeer, *, max_calls: int) -> None:
        pool = PoolSettings(
            max_calls=max_calls,
            rtp_ports=free_port_range(16 * max_calls),
            user_agent="test",
            spare=((8000, 1),),
        )
        super().__init__(pool)
        host, port = callee.address
        self._callee = ConnectionEntry("bob", "Bob", address=f"sip:bob@{host}:{port}")

    async def _ask(self, question: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return self.read_for(arguments[0], Destination(connection=self._callee))

    def given_to(self) -> CallProcess | None:
        """Return the process that was given the one call."""
        return next((call.process for call in self.calls.values()), None)


@asynccontextmanager
async def opened(callee: UdpPeer, *, max_calls: int = 1) -> AsyncIterator[Board]:
    """Start call processes and the edge; end everything after."""
    board = Board(callee, max_calls=max_calls)
    await board.pool.start()
    await board.edge.start()
    try:
        yield board
    finally:
        await board.pool.stop()
        await board.edge.stop()


def call(board: Board, peer: UdpPeer) -> Phone:
    """Send the INVITE of a caller nobody knows; return the phone to go on with."""
    phone = Phone(*peer.address, user="eve", edge=board.edge.listening[0][1:])
    peer.send(request(phone, "INVITE", body=SDP), phone.edge)
    return phone


def request(phone: Phone, method: str, **more: Any) -> str:
    """Return a request of the INVITE's transaction."""
    uri = f"sip:bob@{phone.edge[0]}:{phone.edge[1]}"
    text = phone.request(method, 1, uri=uri, branch="z9hG4bKone", **more)
    return text.replace(f"sip:eve@{phone.edge[0]}>;tag", "sip:eve@198.51.100.1>;tag")
