"""pjsua2 as one call process has it: its sockets, its accounts, and the clock of its bridge."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pjsua2 as pj

from callengine.core.control.forking import Fork
from callengine.core.limits import RTP_PORTS_PER_PROCESS
from callengine.core.srtp import SECURE_USER, SUITES
from callengine.worker.pjsua.callbacks import Contained
from callengine.worker.pjsua.descriptors import Descriptors
from callengine.worker.pjsua.library import Library, seed
from callengine.worker.pjsua.mediaclock import media_clock
from callengine.worker.rtpguard import sockets

REST_AFTER_S = 0.2
"""Ten ticks: the bridge gives back a call's ports in the first. A closed socket's place among 64 is
given back as another is opened, if that is PJ_IOQUEUE_KEY_FREE_DELAY (0.5 s) later or more."""


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
    """One pjsua2 with loopback signalling, and a thread of ours if any.

    Goes on with a `library` that was made before the process was forked, or makes one.
    """

    def __init__(
        self,
        config: CallProcessConfig,
        incoming: Callable[[Any], None],
        failed: Callable[[str], None],
        library: Library | None = None,
    ) -> None:
        self.config = config
        self._callbacks = incoming, failed
        library = library or Library(config.bridge_rate_hz, config.user_agent)
        seed()
        self._library, self.codecs = library.endpoint, library.codecs
        transport = pj.TransportConfig()
        transport.boundAddress = "127.0.0.1"
        self._transport = self._library.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._clock = media_clock(self._library.audDevManager(), config.bridge_rate_hz)
        self.waiting_thread = self._clock.waiting_thread
        "The clock's, as the kernel numbers it, if that waits its turn like any other; else 0."
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

        Until then the clock gives back the ports of the bridge that the call used.
        """
        self._clock.rest()

    def close(self) -> None:
        """Stop the library."""
        if self._clock.close():
            self._library.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)


def _encrypt(media: Any) -> None:
    """Have an account's calls do SRTP where both sides want to; what they may, the edge decides."""
    media.srtpUse = pj.PJMEDIA_SRTP_OPTIONAL
    media.srtpSecureSignaling = 0
    media.srtpOpt.keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
    for suite in SUITES:
        crypto = pj.SrtpCrypto()
        crypto.name = suite
        media.srtpOpt.cryptos.append(crypto)
