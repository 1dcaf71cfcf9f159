"""pjsua2 up to where a process needs sockets of its own: at one bridge rate, with its codecs.

What is made here before processes are forked is shared by them; what each makes is its own.
"""

import ctypes
import os
from typing import Any

import pjsua2 as pj
import pjsua2.pjsua2 as bindings

from callengine.core.limits import LEGS_PER_PROCESS
from callengine.worker import plugins
from callengine.worker.native.media import media
from callengine.worker.pjsua.mediaclock import FRAME_MS, stop_polling

_NEVER_OFFERED = ("speex/32000", "L16/44100/2", "opus/8000", "opus/16000")
_SEED_BYTES = 64
_functions = ctypes.CDLL(bindings._pjsua2.__file__)


class Library:
    """The one pjsua2 of a process: no socket, no sound device, and with the extension no thread.

    Without a thread it may be made before the process is forked, if it is the thread that made it
    that forks; what goes on with it calls `seed` first.
    """

    def __init__(self, bridge_rate_hz: int, user_agent: str) -> None:
        self.bridge_rate_hz = bridge_rate_hz
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        self.endpoint.libInit(library_config(bridge_rate_hz, user_agent))
        if media() is not None:
            stop_polling()
        keep_g722_levels()
        built_in = [codec.codecId for codec in self.endpoint.codecEnum2()]
        self.codecs = plugins.install(built_in, bridge_rate_hz=bridge_rate_hz)
        for codec in (*_NEVER_OFFERED, *self.codecs.faulty):
            self._silence(codec)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNoDev()

    def _silence(self, codec: str) -> None:
        try:
            self.endpoint.codecSetPriority(codec, 0)
        except pj.Error:
            return  # this build does not have it


def seed() -> None:
    """Have pjlib and OpenSSL draw by chance anew: forked processes would all draw the same.

    That would be Call-IDs, tags, branches, SSRCs, and keys.
    """
    drawn = os.urandom(_SEED_BYTES)
    _functions.RAND_seed(drawn, len(drawn))
    _functions.pj_srand(int.from_bytes(drawn[:4]))


def keep_g722_levels() -> None:
    """Have pjmedia shift G722's samples by one bit, as G.722's own scale wants, and not by two.

    Between two pjmedia peers it makes no difference; every other phone was 6 dB off, both ways.
    """
    _functions.pjmedia_codec_g722_set_pcm_shift(1)


def quieten() -> None:
    """Keep pjlib from writing to standard output before it can be configured; call once."""
    _functions.pj_log_set_level(0)


def library_config(bridge_rate_hz: int, user_agent: str) -> Any:
    """Return what `libInit` is given."""
    library = pj.EpConfig()
    library.uaConfig.threadCnt = 0
    library.uaConfig.userAgent = user_agent
    library.uaConfig.maxCalls = LEGS_PER_PROCESS
    library.uaConfig.natTypeInSdp = 0
    library.logConfig.level = 0
    library.logConfig.consoleLevel = 0
    library.medConfig.clockRate = bridge_rate_hz
    library.medConfig.sndClockRate = bridge_rate_hz
    library.medConfig.audioFramePtime = FRAME_MS
    library.medConfig.ptime = 0  # 20 ms, or what the peer's description asks for
    library.medConfig.noVad = True
    library.medConfig.ecTailLen = 0
    library.medConfig.maxMediaPorts = 32
    # The large resampling filter. The small one (4) costs a third less on PCMU<->G722, but takes
    # 1 dB off everything and 3 dB off 3 kHz.
    library.medConfig.quality = 5
    return library
