"""Who reads RTP and has the bridge mix: the media extension's thread, or two of pjmedia's.

Between calls, and while an agent has a call's sockets, nobody does either.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from callengine.worker.native import libraries
from callengine.worker.native.media import media
from callengine.worker.pjsua.mediathread import MediaThread

logger = logging.getLogger(__name__)

FRAME_MS = 20
REST_WITHIN_MS = 1000
"A tick waits for Python's lock where a codec is Python's; a machine may be that busy."


class MediaClock(Protocol):
    """Made after `libStart`, on the thread that called it; rests at first."""

    @property
    def waiting_thread(self) -> int:
        """The kernel's number of its thread if that waits its turn like any other, else 0."""

    def read(self) -> None:
        """Read what arrives from now on: a call may open sockets, or has them back."""

    def mix(self) -> None:
        """Have the bridge mix as well, every FRAME_MS; does no harm again."""

    def rest(self, *, now: bool = False) -> None:
        """Do neither; with `now` nothing is under way any more when this returns."""

    def close(self) -> bool:
        """End it; return whether `libDestroy` may follow: nothing of pjmedia runs any more."""


class PjmediaClock:
    """One thread of pjmedia's polls for RTP, another mixes."""

    waiting_thread = 0
    "They wait, and cannot be told from pjmedia's others."

    def __init__(self, devices: Any) -> None:
        self._devices = devices
        self._thread = MediaThread()
        self._mixes = False

    def read(self) -> None:
        self._thread.wake()

    def mix(self) -> None:
        if not self._mixes:
            self._mixes = True
            self._devices.setNullDev()

    def rest(self, *, now: bool = False) -> None:
        if self._mixes:
            self._mixes = False
            self._devices.setNoDev()
        self._thread.rest(now=now)

    def close(self) -> bool:
        self._thread.wake()
        return True


class ExtensionClock:
    """One thread reads RTP, and then has the bridge mix: half as many wake-ups, and no poll."""

    def __init__(self, library: Any, bridge_rate_hz: int) -> None:
        self._library = library
        self._mixes = False
        api = libraries.pjmedia()
        queue = api.pjmedia_endpt_get_ioqueue(api.pjsua_get_pjmedia_endpt())
        samples = bridge_rate_hz * FRAME_MS // 1000
        port = api.pjsua_set_no_snd_dev()
        error = library.vn_clock_begin(queue, port, samples * 2, samples)
        if error:
            raise OSError(error, "the clock of the bridge cannot begin")
        self.waiting_thread = int(library.vn_clock_waits())

    def read(self) -> None:
        if not self._mixes:
            self._library.vn_clock_run(0)

    def mix(self) -> None:
        self._mixes = True
        self._library.vn_clock_run(1)

    def rest(self, *, now: bool = False) -> None:
        self._mixes = False
        self._settle(self._library.vn_clock_rest)

    def close(self) -> bool:
        return self._settle(self._library.vn_clock_end)

    def _settle(self, ask: Callable[[int], int]) -> bool:
        has_settled = bool(ask(REST_WITHIN_MS))
        if not has_settled:
            logger.warning("a tick of the bridge takes longer than %d ms", REST_WITHIN_MS)
        return has_settled


def stop_polling() -> None:
    """End the thread that pjsua begins whatever it is told: the extension's clock takes its place.

    It has ended when this returns, 10 ms later.
    """
    api = libraries.pjmedia()
    api.pjmedia_endpt_stop_threads(api.pjsua_get_pjmedia_endpt())


def media_clock(devices: Any, bridge_rate_hz: int) -> MediaClock:
    """Return the clock of this process; `devices` is pjsua2's AudDevManager."""
    library = media()
    if library is None:
        return PjmediaClock(devices)
    return ExtensionClock(library, bridge_rate_hz)
