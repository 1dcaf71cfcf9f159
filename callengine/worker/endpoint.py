"""pjsua2, started once for the life of a call process."""

import ctypes
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pjsua2 as pj
import pjsua2.pjsua2 as bindings

from callengine.core.control.forking import Fork
from callengine.core.limits import LEGS_PER_PROCESS, RTP_PORTS_PER_PROCESS
from callengine.core.srtp import SECURE_USER, SUITES
from callengine.worker import plugins
from callengine.worker.callbacks import Contained
from callengine.worker.descriptors import Descriptors
from callengine.worker.mediaclock import FRAME_MS, media_clock
from callengine.worker.rtpguard import sockets

REST_AFTER_S = 1.5
"Above PJ_IOQUEUE_KEY_FREE_DELAY (0.5 s): until then a closed socket keeps its place among 64."

_NEVER_OFFERED = ("speex/32000", "L16/44100/2", "opus/8000", "opus/16000")


@dataclass(frozen=True, slots=True)
class CallProcessConfig:
    """What a call process is forked with."""

    bridge_rate_hz: int
    rtp_port: int
    "First of the RTP_PORTS_PER_PROCESS ports this process may use."
    user_agent: str
    calls_before_recycling: int = 100

    @classmethod
    def from_request(cls, request: Fork) -> "CallProcessConfig":
        """Return the config that came with a fork request."""
        return cls(**{name: getattr(request, name) for name in cls.__slots__})


def keep_g722_levels() -> None:
    """Have pjmedia shift G722's samples by one bit, as G.722's own scale wants, and not by two.

    Between two pjmedia peers it makes no difference; every other phone was 6 dB off, both ways.
    """
    ctypes.CDLL(bindings._pjsua2.__file__).pjmedia_codec_g722_set_pcm_shift(1)


def quieten() -> None:
    """Keep pjlib from writing to standard output before it can be configured; call once."""
    ctypes.CDLL(bindings._pjsua2.__file__).pj_log_set_level(0)


class CallAccount(Contained, pj.Account):  # type: ignore[misc]
    """An account that hands its incoming calls on, and what failed about one."""

    def __init__(self, incoming: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        super().__init__()
        self._incoming = incoming
        self._failed = failed

    def callback_failed(self, callback: str) -> None:
        """Hand on what failed."""
        self._failed(callback)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        """Hand on an INVITE."""
        self._incoming(prm)


class Endpoint:
    """One pjsua2 library instance: loopback signalling, no sound device, one thread of ours."""

    def __init__(
        self,
        config: CallProcessConfig,
        incoming: Callable[[Any], None],
        failed: Callable[[str], None],
    ) -> None:
        self.config = config
        self._callbacks = incoming, failed
        self._library = pj.Endpoint()
        self._library.libCreate()
        self._library.libInit(_library_config(config))
        keep_g722_levels()
        built_in = [codec.codecId for codec in self._library.codecEnum2()]
        self.codecs = plugins.install(built_in, bridge_rate_hz=config.bridge_rate_hz)
        for codec in (*_NEVER_OFFERED, *self.codecs.faulty):
            self._silence(codec)
        transport = pj.TransportConfig()
        transport.boundAddress = "127.0.0.1"
        self._transport = self._library.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._library.libStart()
        self._library.audDevManager().setNoDev()
        self._clock = media_clock(self._library.audDevManager(), config.bridge_rate_hz)
        self._clock.rest()
        info = self._library.transportGetInfo(self._transport)
        self._wake_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wake_socket.bind(("127.0.0.1", 0))
        self.sip_port = int(info.localName.rpartition(":")[2])
        self.account = self.new_account()
        self.secure = self.new_account(encrypts=True)
        "Where INVITEs arrive, and legs begin, whose audio may be encrypted."
        (signalling,) = sockets.find(self.sip_port)
        assert signalling is not None
        self.descriptors = Descriptors(signalling.descriptor)
        "Of parties with sockets of their own; without any, pjsip alone waits."

    def _silence(self, codec: str) -> None:
        try:
            self._library.codecSetPriority(codec, 0)
        except pj.Error:
            return  # this build does not have it

    def new_account(self, *, is_challenged: bool = False, encrypts: bool = False) -> CallAccount:
        """Return another account; one that `is_challenged` answers a trunk's challenges.

        One that `encrypts` offers SRTP beside plain RTP, and answers either.
        """
        account = CallAccount(*self._callbacks)
        account.create(self._account_config(is_challenged=is_challenged, encrypts=encrypts))
        return account

    def _account_config(self, *, is_challenged: bool = False, encrypts: bool = False) -> Any:
        config = pj.AccountConfig()
        # pjsua gives an INVITE to the account that its To names, else to the first.
        user = SECURE_USER if encrypts else "leg"
        config.idUri = f"sip:{user}@127.0.0.1:{self.sip_port}"
        config.sipConfig.transportId = self._transport
        config.natConfig.contactRewriteUse = 0
        config.natConfig.viaRewriteUse = False
        config.natConfig.sdpNatRewriteUse = 0
        config.mediaConfig.lockCodecEnabled = False
        config.mediaConfig.streamKaEnabled = False
        media = config.mediaConfig.transportConfig
        media.port = self.config.rtp_port
        media.portRange = RTP_PORTS_PER_PROCESS - 1
        # Legs write their own address into SDP; naming one here saves pjlib a name look-up.
        media.publicAddress = "127.0.0.1"
        if encrypts:
            _encrypt(config.mediaConfig)
        if is_challenged:
            # The edge puts the trunk's own in their place, which are never given to this process.
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", "leg", pj.PJSIP_CRED_DATA_PLAIN_PASSWD, "none")
            )
        return config

    def wake(self) -> None:
        """End the wait of `poll`; may be called on any thread."""
        self._wake_socket.sendto(b"\r\n", ("127.0.0.1", self.sip_port))

    def poll(self, timeout_ms: int) -> None:
        """Handle what has arrived, waiting up to `timeout_ms` for the first of it."""
        if self.descriptors:
            self.descriptors.wait(timeout_ms)
            timeout_ms = 0
        self._library.libHandleEvents(timeout_ms)

    def read_media(self) -> None:
        """Let RTP be read: a call may open sockets, or has them back."""
        self._clock.read()

    def run_bridge(self) -> None:
        """Let the bridge's clock tick; before legs are joined."""
        self._clock.mix()

    def lend_media(self) -> None:
        """Have pjmedia neither read nor write on any socket of media, until `read_media`.

        The bridge's clock stops: its streams would send reports of their own.
        """
        self._clock.rest(now=True)

    def rest(self) -> None:
        """Stop the bridge's clock and the reading of RTP, REST_AFTER_S after the last call.

        Until then they give back what it used: the clock its ports, the reading its sockets.
        """
        self._clock.rest()

    def close(self) -> None:
        """Stop the library."""
        if self._clock.close():
            self._library.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)


def _encrypt(media: Any) -> None:
    """Have an account's calls do SRTP where both sides want to; what they may, the edge decides."""
    # Its keys come from OpenSSL, whose randomness may be older than the fork.
    seed = os.urandom(64)
    ctypes.CDLL(bindings._pjsua2.__file__).RAND_seed(seed, len(seed))
    media.srtpUse = pj.PJMEDIA_SRTP_OPTIONAL
    media.srtpSecureSignaling = 0
    media.srtpOpt.keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
    for suite in SUITES:
        crypto = pj.SrtpCrypto()
        crypto.name = suite
        media.srtpOpt.cryptos.append(crypto)


def _library_config(config: CallProcessConfig) -> Any:
    library = pj.EpConfig()
    library.uaConfig.threadCnt = 0
    library.uaConfig.userAgent = config.user_agent
    library.uaConfig.maxCalls = LEGS_PER_PROCESS
    library.uaConfig.natTypeInSdp = 0
    library.logConfig.level = 0
    library.logConfig.consoleLevel = 0
    library.medConfig.clockRate = config.bridge_rate_hz
    library.medConfig.sndClockRate = config.bridge_rate_hz
    library.medConfig.audioFramePtime = FRAME_MS
    library.medConfig.ptime = 0  # 20 ms, or what the peer's description asks for
    library.medConfig.noVad = True
    library.medConfig.ecTailLen = 0
    library.medConfig.maxMediaPorts = 32
    # The large resampling filter. The small one (4) costs a third less on PCMU<->G722, but takes
    # 1 dB off everything and 3 dB off 3 kHz.
    library.medConfig.quality = 5
    return library
