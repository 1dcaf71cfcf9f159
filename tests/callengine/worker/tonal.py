"""A call process whose callees are no SIP calls: each has its own UDP socket, and plays a tone.

Run as `python -m tests.callengine.worker.tonal FD RTP_PORT CONTROLLER_PORT`. A callee that is
dialled sends `B dial` to the controller; back come `ring`, `answer` and `leave`.
"""

import socket
import sys
from collections.abc import Sequence
from typing import Any

import pjsua2 as pj

from callengine.core.orders import CallOrder, LegOrder
from callengine.worker import plugins
from callengine.worker.legs.party import Parties, Party, Post
from callengine.worker.pjsua.endpoint import CallProcessConfig, Endpoint
from callengine.worker.pjsua.library import quieten
from callengine.worker.process.control import Control
from callengine.worker.process.loop import CallServer
from callengine.worker.sip.leg import Bridged
from callengine.worker.sip.parties import SipParties
from tests.callengine.worker.memory import MemoryParty

TONE_HZ = 1000


class TonalParty(MemoryParty):
    """A callee told what to do over its own socket, in the one poll loop of its process."""

    def __init__(
        self,
        order: LegOrder,
        allowed: Sequence[str],
        post: Post,
        endpoint: Endpoint,
        controller: tuple[str, int],
    ) -> None:
        super().__init__(order, allowed, post)
        self._endpoint, self._controller = endpoint, controller
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        endpoint.descriptors.watch(self._socket.fileno(), self._read)
        self._tone: Any = None

    def _read(self) -> None:
        match self._socket.recv(100):
            case b"ring":
                self.ring()
            case b"answer":
                self.answer()
            case b"leave":
                self.leave()

    def dial(self) -> None:
        self._socket.sendto(f"{self.name} dial".encode(), self._controller)

    def end(self, code: int, reason: str) -> None:
        self._socket.sendto(f"{self.name} end {code}".encode(), self._controller)
        super().end(code, reason)

    def leave(self, code: int = 200) -> None:
        super().leave(code)
        self._endpoint.descriptors.unwatch(self._socket.fileno())
        self._socket.close()

    def join(self, other: Party) -> None:
        super().join(other)
        self._endpoint.run_bridge()
        if self._tone is None:
            self._tone = _tone()
        assert isinstance(other, Bridged)
        self._tone.startTransmit(other.audio())


def _tone() -> Any:
    generator = pj.ToneGenerator()
    generator.createToneGenerator(8000, 1)
    tone = pj.ToneDesc()
    tone.freq1, tone.freq2, tone.on_msec, tone.off_msec = TONE_HZ, 0, 1000, 0
    tones = pj.ToneDescVector()
    tones.append(tone)
    generator.play(tones, True)
    return generator


class TonalParties(SipParties):
    """A SIP caller, and callees of that kind."""

    controller = ("127.0.0.1", 0)

    def __init__(self, endpoint: Endpoint, order: CallOrder) -> None:
        super().__init__(endpoint, order)
        self._at = endpoint

    def callee(self, order: LegOrder, *, allowed: Sequence[str], post: Post) -> Any:
        return TonalParty(order, allowed, post, self._at, self.controller)


def made(endpoint: Endpoint, order: CallOrder) -> Parties:
    return TonalParties(endpoint, order)


def main() -> None:
    descriptor, rtp_port, controller_port = (int(word) for word in sys.argv[1:])
    quieten()
    plugins.preload()
    TonalParties.controller = ("127.0.0.1", controller_port)
    with socket.socket(fileno=descriptor) as sock:
        CallServer(Control(sock), CallProcessConfig(8000, rtp_port, "test"), made).run()


if __name__ == "__main__":
    main()
