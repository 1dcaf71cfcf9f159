"""The loopback socket over which the edge and call processes speak SIP."""

from collections.abc import Callable

from callengine.edge.flow import UDP, Flow
from callengine.edge.transport.listeners import bind
from callengine.edge.transport.udp import UdpListener
from callengine.edge.transport.upcalls import OnWaited

Worker = tuple[str, int]
"A call process's SIP address on loopback."

OnDatagram = Callable[[bytes, Flow], None]
"Take data and flow."


class Loopback:
    """One UDP socket on 127.0.0.1; closed, it sends nothing."""

    def __init__(self) -> None:
        self._listener: UdpListener | None = None

    def open(self, on_datagram: OnDatagram, on_waited: OnWaited = lambda *_: None) -> None:
        """Open it on a port the system chooses; `on_waited` is told how late it is read."""
        self._listener = UdpListener(
            bind(UDP, "127.0.0.1", 0),
            lambda data, flow, _: on_datagram(data, flow),
            on_waited=on_waited,
        )

    def close(self) -> None:
        """Close it, if it is open."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    @property
    def address(self) -> str:
        """Return `127.0.0.1:PORT`."""
        if self._listener is None:
            raise RuntimeError("the edge is not started")
        return f"{self._listener.host}:{self._listener.port}"

    def send(self, worker: Worker, data: bytes) -> None:
        """Send a datagram to a call process."""
        if self._listener is not None:
            self._listener.send(data, *worker)
