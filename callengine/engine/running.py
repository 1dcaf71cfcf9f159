"""Start and stop an engine: settings from Django's, and what a person is told."""

import asyncio
import hashlib
import logging
import signal
import sys
from collections.abc import Callable
from typing import cast

from django.conf import settings

from callengine.core.capacity import CapacityLimits
from callengine.edge.settings import BanSettings, Clients, EdgeSettings, GuardSettings, TlsSettings
from callengine.edge.transport.listeners import AddressTakenError
from callengine.engine.node.collecting import take_over
from callengine.engine.node.descriptors import fitted
from callengine.engine.node.largepages import use_large_pages
from callengine.engine.processes.process import GivenUpError, PoolSettings
from callengine.engine.settings import CaptureLimits, EngineSettings
from callengine.engine.switchboard import Switchboard
from callengine.record.retention import RetentionSettings
from callengine.record.writer import WriterSettings

USER_AGENT = "VoIPNumber/0.1"
logger = logging.getLogger(__name__)

LISTEN_EXAMPLE = "VOIPNUMBER_SIP_LISTEN=udp:HOST:PORT,tcp:HOST:PORT"
SWITCH_S = 0.0005
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def engine_settings() -> EngineSettings:
    """Return the settings of this process's engine, from the environment through Django."""
    ports = settings.VOIPNUMBER_RTP_PORTS
    return EngineSettings(
        node=settings.VOIPNUMBER_NODE,
        edge=_edge_settings(),
        pool=PoolSettings(
            max_calls=settings.VOIPNUMBER_MAX_CALLS,
            rtp_ports=(ports[0], ports[1]),
            user_agent=USER_AGENT,
        ),
        capacity=CapacityLimits(
            max_calls=settings.VOIPNUMBER_MAX_CALLS,
            reserved_calls=(
                settings.VOIPNUMBER_MAX_CALLS * settings.VOIPNUMBER_RESERVED_PERCENT // 100
            ),
            external_calls=settings.VOIPNUMBER_EXTERNAL_CALLS,
            external_calls_per_minute=settings.VOIPNUMBER_EXTERNAL_CALLS_PER_MINUTE,
            trunk_calls_per_minute=settings.VOIPNUMBER_TRUNK_CALLS_PER_MINUTE,
        ),
        sound_listen=settings.VOIPNUMBER_SOUND_LISTEN,
        data=settings.VOIPNUMBER_DATA,
        node_lost_s=settings.VOIPNUMBER_NODE_LOST_S,
        retention=RetentionSettings(keep_days=settings.VOIPNUMBER_KEEP_DAYS),
        captures=CaptureLimits(
            max_s=settings.VOIPNUMBER_CAPTURE_MINUTES * 60,
            max_bytes=settings.VOIPNUMBER_CAPTURE_MB * 1_000_000,
            folder_bytes=settings.VOIPNUMBER_CAPTURES_MB * 1_000_000,
        ),
        record=WriterSettings(spill=settings.VOIPNUMBER_DATA / "unwritten-records"),
        ring_timeout_s=settings.VOIPNUMBER_RING_TIMEOUT_S,
        failover_timeout_s=settings.VOIPNUMBER_GATEWAY_TIMEOUT_S,
        grace_s=settings.VOIPNUMBER_GRACE_S,
        max_duration_s=settings.VOIPNUMBER_MAX_CALL_S,
        media_timeout_s=settings.VOIPNUMBER_MEDIA_TIMEOUT_S,
        media_also_from=settings.VOIPNUMBER_MEDIA_ALSO_FROM,
    )


def _edge_settings() -> EdgeSettings:
    return EdgeSettings(
        listen=tuple((at.transport, at.host, at.port) for at in settings.VOIPNUMBER_SIP_LISTEN),
        public_address=settings.VOIPNUMBER_PUBLIC_ADDRESS or None,
        tls_name=settings.VOIPNUMBER_SIP_TLS_NAME,
        tls=TlsSettings(
            certificate=settings.VOIPNUMBER_SIP_TLS_CERTIFICATE,
            key=settings.VOIPNUMBER_SIP_TLS_KEY,
            authorities=settings.VOIPNUMBER_SIP_TLS_AUTHORITIES,
            clients=cast("Clients", settings.VOIPNUMBER_SIP_TLS_CLIENTS),
            handshake_s=settings.VOIPNUMBER_SIP_TLS_HANDSHAKE_S,
        ),
        public_addresses=settings.VOIPNUMBER_PUBLIC_ADDRESSES,
        stun_server=settings.VOIPNUMBER_STUN_SERVER,
        dns_servers=settings.VOIPNUMBER_DNS_SERVERS,
        realm=settings.VOIPNUMBER_REALM,
        # Nodes that share the key understand each other's nonces.
        nonce_secret=hashlib.sha256(b"nonce:" + settings.SECRET_KEY.encode()).digest(),
        nonce_any_address=settings.VOIPNUMBER_NONCE_ANY_ADDRESS,
        user_agent=USER_AGENT,
        keepalive_s=settings.VOIPNUMBER_SIP_KEEPALIVE_S,
        tcp_message_s=settings.VOIPNUMBER_TCP_MESSAGE_S,
        late_s=settings.VOIPNUMBER_LATE_MS / 1000,
        bans=BanSettings(
            failures=settings.VOIPNUMBER_BAN_FAILURES,
            users=settings.VOIPNUMBER_BAN_USERS,
            window_s=settings.VOIPNUMBER_BAN_WINDOW_S,
            ban_s=settings.VOIPNUMBER_BAN_S,
        ),
        guard=GuardSettings(
            stranger_rate=settings.VOIPNUMBER_STRANGER_RATE,
            stranger_invite_rate=settings.VOIPNUMBER_STRANGER_INVITE_RATE,
            strangers_rate=settings.VOIPNUMBER_ALL_STRANGERS_RATE,
            strangers_invite_rate=settings.VOIPNUMBER_ALL_STRANGERS_INVITE_RATE,
            phone_rate=settings.VOIPNUMBER_PHONE_RATE,
            phone_invite_rate=settings.VOIPNUMBER_PHONE_INVITE_RATE,
            trunk_rate=settings.VOIPNUMBER_TRUNK_RATE,
            trunk_invite_rate=settings.VOIPNUMBER_TRUNK_INVITE_RATE,
            exempt=settings.VOIPNUMBER_OWN_PROXIES,
        ),
    )


def new_switchboard(*, browsers: int = 0) -> Switchboard:
    """Return the engine of this process, its limits fitted to those of the system.

    `browsers` is how many connections to pages the process takes as well.
    """
    return Switchboard(fitted(engine_settings(), browsers=browsers))


def settle() -> None:
    """Have the event loop wait less for others of its process; once an engine is up.

    A full collection of garbage, in which it stands still, takes 45 to 110 ms for all that Django
    brings and more for what calls do: that is taken out of the collector's sight, and `collecting`
    says when. And each time the loop sends or reads, another thread may run, which gives the
    interpreter back after this interval: 5 ms, as Python has it, are the time that an INVITE may
    take in all.

    What stands from now on is in fewer pages (`largepages`).
    """
    sys.setswitchinterval(SWITCH_S)
    take_over()
    use_large_pages()


class StopSignals:
    """Stop an engine gracefully on the first SIGTERM or SIGINT, at once on the second.

    SIGHUP has the certificate for TLS read anew. All are heeded from before the engine starts: any
    of them would end a process that has no word for it, and the calls it has by then with it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        board: Switchboard,
        *,
        stopped: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._loop, self._board, self._stopped, self._say = loop, board, stopped, say
        self._is_up = self._is_asked = self._has_new_files = False
        self._stopping: asyncio.Task[None] | None = None
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._asked)
        loop.add_signal_handler(signal.SIGHUP, self._renewed)

    async def start(self) -> bool:
        """Start the engine; return whether it is to run: it may be told to stop before it is up.

        Raises what `Switchboard.start` does.
        """
        try:
            await self._board.start()
        except GivenUpError:
            self._say("Stopped before it was up.")
            return False
        self._is_up = True
        if self._has_new_files:
            self._renewed()
        if self._is_asked:
            self._begin_stop()
        return True

    def _renewed(self) -> None:
        self._has_new_files = True
        if self._is_up:
            self._board.edge.reload_certificate()

    def _asked(self) -> None:
        if self._stopping is not None:
            self._board.hurry()
        elif self._is_up:
            self._begin_stop()
        else:
            self._is_asked = True
            self._board.pool.give_up()

    def _begin_stop(self) -> None:
        board = self._board
        self._stopping = self._loop.create_task(self._stop())
        if board.calls:
            self._say(
                f"Stopping: no new calls; {len(board.calls)} in progress get up to "
                f"{board.settings.grace_s:g} s. Ask again to hang them up now."
            )

    async def _stop(self) -> None:
        try:
            await self._board.stop()
        except Exception:
            logger.exception("not everything could be stopped in order")
        finally:
            self._stopped()


def complaint(error: Exception) -> str:
    """Return one sentence on why an engine could not start, and what to change."""
    if isinstance(error, AddressTakenError):
        return f"{error.strerror}. Choose addresses with {LISTEN_EXAMPLE}."
    return str(error)


def announce(board: Switchboard) -> str:
    """Return what a person wants to read once an engine is up."""
    listening = ", ".join(f"{kind}:{host}:{port}" for kind, host, port in board.edge.listening)
    return f"SIP on {listening}; codecs {', '.join(board.pool.codecs)}"
