"""The port of pjsua2's bridge through which a browser is heard and hears."""

import threading
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from callengine.core.sounds import FRAME_BYTES, SOUND_RATE_HZ, Cushion
from callengine.worker.selftest.ports import SoundPort

_free: list["BrowserPort"] = []
_free_ears: list["EarPort"] = []
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
        unplug(self)
        self.hears, self.failed = _to_nobody, lambda callback: None
        with self._lock:
            self._cushion = Cushion()
        _free.append(self)


class EarPort(SoundPort):
    """Hears one party of a call, and says nothing."""

    def __init__(self) -> None:
        super().__init__("ear", SOUND_RATE_HZ)
        self.hears: Callable[[bytes], None] = _to_nobody
        "As that of `BrowserPort`."

    def next_frame(self) -> bytes:
        """Say nothing."""
        return self.silence

    def onFrameReceived(self, frame: Any) -> None:  # noqa: N802
        """Pass on what the party says."""
        heard = bytes(frame.buf)
        if len(heard) == FRAME_BYTES:
            self.hears(heard)

    def give_back(self) -> None:
        """Be free for another."""
        unplug(self)
        self.hears = _to_nobody
        _free_ears.append(self)


def unplug(port: SoundPort) -> None:
    """Take what a port hears and who hears it off the bridge; its own echo, too."""
    ports = {media.getPortId(): media for media in pj.Endpoint.instance().mediaEnumPorts2()}
    own = port.getPortId()
    for number, media in ports.items():
        info = media.getPortInfo()
        heard_by = [to for to in info.listeners if own in (number, to) and to in ports]
        for to in heard_by:
            media.stopTransmit(ports[to])


def take_ear() -> EarPort:
    """Return a port that nobody listens with; on the call's thread."""
    return _free_ears.pop() if _free_ears else EarPort()


def take_port() -> BrowserPort:
    """Return a port that no leg has; on the call's thread."""
    return _free.pop() if _free else BrowserPort()
