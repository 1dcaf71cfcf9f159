"""The port of pjsua2's bridge through which a browser is heard and hears."""

import threading
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from callengine.core.sounds import FRAME_BYTES, SOUND_RATE_HZ, Cushion
from callengine.worker.selftest.ports import SoundPort

_free: list["BrowserPort"] = []
"Made once and kept, as all ports are (see `selftest.ports`)."


def _to_nobody(samples: bytes) -> None:
    """Take sound that nobody hears."""


class BrowserPort(SoundPort):
    """Plays what a page sends, and gives what the bridge has for it."""

    def __init__(self) -> None:
        super().__init__("browser", SOUND_RATE_HZ)
        self._cushion = Cushion()
        self._lock = threading.Lock()
        self.hears: Callable[[bytes], None] = _to_nobody
        "Called with 20 ms of sound on the bridge's thread."

    def play(self, samples: bytes) -> None:
        """Have 20 ms played; from any thread."""
        with self._lock:
            self._cushion.put(samples)

    def next_frame(self) -> bytes:
        """Return what the page has said."""
        with self._lock:
            return self._cushion.take() or self.silence

    def onFrameReceived(self, frame: Any) -> None:  # noqa: N802
        """Give the page what it hears; nothing is silence, which the page has by itself."""
        heard = bytes(frame.buf)
        if len(heard) == FRAME_BYTES:
            self.hears(heard)

    def give_back(self) -> None:
        """Be free for another leg."""
        self._unplug()
        self.hears, self.failed = _to_nobody, lambda callback: None
        with self._lock:
            self._cushion = Cushion()
        _free.append(self)

    def _unplug(self) -> None:
        """Take what this port hears and who hears it off the bridge; its own echo, too."""
        ports = {media.getPortId(): media for media in pj.Endpoint.instance().mediaEnumPorts2()}
        own = self.getPortId()
        for number, media in ports.items():
            info = media.getPortInfo()
            heard_by = [to for to in info.listeners if own in (number, to) and to in ports]
            for to in heard_by:
                media.stopTransmit(ports[to])


def take_port() -> BrowserPort:
    """Return a port that no leg has; on the call's thread."""
    return _free.pop() if _free else BrowserPort()
