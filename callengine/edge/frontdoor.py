"""The SIP front door: the only part of the engine that faces the network for signalling."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from callengine.core.naming import NextHop
from callengine.core.outcomes import Rejection
from callengine.core.reachability import Sounding
from callengine.core.registering import RegistrarAnswer
from callengine.core.replaces import Replaces
from callengine.edge.assembly import Assembly
from callengine.edge.bans import HeldBan
from callengine.edge.flow import Flow
from callengine.edge.interface import Accepted, Engine, LegAnchor, NamedDialog
from callengine.edge.legs.table import LegState
from callengine.edge.messages.families import is_over_ipv6
from callengine.edge.outside import OptionsAnswer, OutwardBinding
from callengine.edge.settings import EdgeSettings, Listen
from callengine.edge.tap import Observer
from callengine.edge.timers import later
from callengine.edge.transport.learning import AddressLearner

__all__ = ["Edge", "EdgeSettings"]

logger = logging.getLogger(__name__)

SWEEP_S = 1.0
LATE_MESSAGES_S = 0.5
"How long messages of a call process may come after its word that a call is over."


class Edge:
    """Registers phones, takes calls, and forwards between peers and call processes."""

    def __init__(self, engine: Engine, settings: EdgeSettings) -> None:
        self._parts = Assembly(engine, settings)
        parts, server = self._parts, settings.stun_server
        self._learner = (
            AddressLearner(parts.transports.datagrams, parts.addresses, server) if server else None
        )

    async def start(self) -> None:
        """Open every socket, or none.

        Raises:
            AddressTakenError: a listening address cannot be used; the message names it.
            CertificateError: the certificate for TLS cannot be used; the message says why.
        """
        parts = self._parts
        await parts.transports.start()
        parts.addresses.note_listeners()
        if self._learner is not None:
            await self._learner.start()
        parts.loopback.open(parts.backdoor.take, parts.waited)
        parts.tasks.start(self._sweep())

    async def stop(self) -> None:
        """Close everything at once; ending calls first is the caller's part."""
        parts = self._parts
        if self._learner is not None:
            await self._learner.stop()
        await parts.tasks.stop()
        await parts.locator.stop()
        for leg in parts.legs:
            parts.abandoner.remove(leg)
        parts.transactions.clear()
        parts.client.clear()
        await parts.transports.stop()
        parts.loopback.close()

    @property
    def internal_address(self) -> str:
        """Return `127.0.0.1:PORT`, the UDP socket call processes talk to."""
        return self._parts.loopback.address

    @property
    def listening(self) -> tuple[Listen, ...]:
        """Return the bound public addresses, with the real ports."""
        transports = self._parts.transports
        udp: list[Listen] = [("udp", item.host, item.port) for item in transports.udp]
        return (
            *udp,
            *(
                ("tls" if kind.is_secure else "tcp", host, port)
                for kind, host, port in transports.tcp
            ),
        )

    @property
    def shortage(self) -> str:
        """Return what a person is told of calls refused because we are behind, or nothing."""
        return self._parts.overload.shortage(time.monotonic())

    @property
    def observer(self) -> Observer | None:
        """Called with leg token or None, `in` or `out`, flow and bytes of each message.

        What passes before a call has its legs, its INVITE and our 100 among it, comes with None.
        Retransmissions are shown too, theirs and ours. Called inline: be quick.
        """
        return self._parts.tap.observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._parts.tap.observer = observer

    def public_address_for(self, flow: str) -> tuple[str, int]:
        """Return the host and port that Contact and SDP show to a peer."""
        return self._parts.addresses.public_address_for(Flow.parse(flow))

    def local_address_for(self, flow: str) -> tuple[str, int]:
        """Return our own address and port toward a peer, as this machine has them."""
        return self._parts.addresses.local_address_for(Flow.parse(flow))

    def media_address_for(self, flow: str) -> str:
        """Return the IPv4 address that our descriptions show to a peer."""
        return self._parts.addresses.media_address_for(Flow.parse(flow))

    def offers_ipv6(self, flow: str) -> bool:
        """Tell whether a peer is offered audio over IPv6: it signals so, and we can."""
        to = Flow.parse(flow)
        return is_over_ipv6(to) and bool(self._parts.addresses.ipv6_for_audio(to, to.host))

    async def locate(self, uri: str) -> tuple[NextHop, ...]:
        """Return where a SIP URI leads, the first to try first (RFC 3263).

        Raises:
            UnresolvableError: it leads nowhere; the message says why.
        """
        return await self._parts.locator.locate(uri)

    async def register(
        self, binding: OutwardBinding, flow: Flow, *, expires_s: int
    ) -> RegistrarAnswer:
        """Register at a carrier, or with 0 s take it back; challenges are answered."""
        return await self._parts.outside.register(binding, flow, expires_s=expires_s)

    async def probe(self, uri: str, flow: Flow) -> Sounding:
        """Ask a peer with OPTIONS whether it is there."""
        return await self._parts.outside.probe(uri, flow)

    async def options(
        self,
        uri: str,
        flow: Flow,
        *,
        username: str,
        password: str,
        on_challenge: Callable[[], None],
    ) -> OptionsAnswer:
        """Ask as `AsksOptions` has it."""
        return await self._parts.outside.options(
            uri, flow, username=username, password=password, on_challenge=on_challenge
        )

    def is_local_host(self, host: str, port: int | None) -> bool:
        """Tell whether `host[:port]` means this edge."""
        return self._parts.addresses.is_local_host(host, port)

    def open_legs(self, *anchors: LegAnchor) -> None:
        """Anchor more legs of a call; those of an `Accepted` are anchored by the edge itself.

        Raises:
            ValueError: a token is in use.
        """
        for anchor in anchors:
            self._parts.legs.open(anchor)

    def leg(self, token: str) -> LegAnchor | None:
        """Return the leg a token names, if it is (still) anchored."""
        leg = self._parts.legs.by_token.get(token)
        return leg.anchor if leg is not None else None

    def tell_referrer(self, handle: str, code: int) -> None:
        """Tell a peer how far its REFER has come, as a SIP status code."""
        self._parts.refer_desk.tell(handle, code)

    def refer(self, token: str, *, target: str, by: str, heard: Callable[[int], None]) -> bool:
        """Send a leg's peer a REFER to a SIP URI; `heard` is told how the peer fares, as codes.

        Returns False if the leg has no dialog whose parties talk; then nothing is sent or heard.
        """
        return self._parts.onward_refers.send(token, target=target, by=by, heard=heard)

    def forget_refer(self, token: str) -> None:
        """Hear no more of that."""
        self._parts.onward_refers.forget(token)

    def dialog_named(self, replaces: Replaces) -> NamedDialog | None:
        """Return the dialog with this Call-ID and these tags, ours and the peer's."""
        legs, ours, theirs = self._parts.legs, replaces.to_tag, replaces.from_tag
        named = legs.named(replaces.call_id, ours=ours, theirs=theirs)
        if named is None:
            return None
        leg, dialog = named
        return NamedDialog(
            leg.anchor,
            is_answered=dialog.confirmed,
            is_over=dialog.ended or dialog.left or leg.state is not LegState.OPEN,
            is_ours=leg.invite is None,
        )

    def talks(self, token: str) -> bool:
        """Tell whether the dialog of a leg is one that another leg can take over."""
        leg = self._parts.legs.by_token.get(token)
        return leg is not None and leg.state is LegState.OPEN and leg.talking() is not None

    def has_been_taken_over(self, token: str) -> bool:
        """Tell whether another leg has the dialog of this one."""
        leg = self._parts.legs.by_token.get(token)
        return leg is not None and any(dialog.moved for dialog in leg.dialogs.values())

    def let_go(self, call: str) -> None:
        """Have a call process that ends a call wait for no peer: not for a caller's ACK either."""
        self._parts.abandoner.let_go(call)

    def move_call(self, accepted: Accepted) -> bool:
        """Give a call that its process did not take to another; False if nobody waits any more."""
        call, parts = accepted.leg_a.call, self._parts
        before = next((leg for leg in parts.legs.of_call(call) if leg.invite), None)
        if before is None or not before.is_waiting:
            return False
        assert before.invite is not None
        parts.abandoner.clear(call)
        self.open_legs(accepted.leg_a, *accepted.legs_b)
        parts.inward.invite(before.invite, accepted.leg_a, before.invite_body)
        return True

    def close_call(self, call: str) -> None:
        """Note that a call has ended; its legs absorb retransmissions for a while yet.

        What its process left open, the edge ends soon after: the last of what it sent may still
        be on its way.
        """
        abandoner = self._parts.abandoner
        for leg in self._parts.legs.of_call(call):
            if leg.state is LegState.OPEN:
                leg.state = LegState.CLOSED
        abandoner.linger(call)
        later(LATE_MESSAGES_S, lambda: abandoner.abandon(call, code=500, reason=""))

    def abandon(self, call: str, *, code: int, reason: str) -> None:
        """End a call whose process is gone: BYE, CANCEL or a final `code`, as each leg needs.

        `reason` is the value of a Reason header (RFC 3326), such as `Q.850;cause=41`.
        """
        self._parts.legs.note_dead(call)
        self._parts.abandoner.abandon(call, code=code, reason=reason)
        self._parts.abandoner.linger(call)

    def store(self, rejection: Rejection) -> None:
        """Have a rejection stored, unless its source had its share of this minute."""
        self._parts.rejections.store(rejection)

    def know_phones(self, flows: Iterable[tuple[str, str, float]]) -> None:
        """Have the guard know who is registered: flow, SIP user, and for how many seconds."""
        now = time.monotonic()
        for text, sip_user, for_s in flows:
            flow = Flow.parse(text)
            self._parts.guard.welcome_phone(flow, sip_user, now, for_s)
            self._parts.keepalive.note(flow, sip_user, for_s=for_s)

    def hold_bans(self, bans: Iterable[HeldBan]) -> None:
        """Keep out these, as they are stored, and nobody else."""
        self._parts.warden.replace(bans)

    def lift_ban(self, source: str, user: str) -> None:
        """Let in again, at once; an empty user stands for the whole source."""
        self._parts.warden.lift(source, user)

    def reload_certificate(self) -> None:
        """Read the certificate for TLS anew; connections that are up go on."""
        self._parts.transports.tls.reload()

    def refuse_new_calls(self, retry_after_s: int) -> None:
        """Answer every new INVITE with 503 and Retry-After from now on."""
        self._parts.callers.retry_after_s = retry_after_s
        if (burst := self._parts.overload.tell(time.monotonic(), at_once=True)) is not None:
            self._parts.rejections.store_unchecked(burst)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self._sweep_once(time.monotonic())
            except Exception:  # else nothing would be swept from then on
                logger.exception("what is over could not be swept up")

    def _sweep_once(self, now: float) -> None:
        parts = self._parts
        parts.authenticator.sweep(now)
        parts.rejections.sweep(now)
        if (burst := parts.overload.tell(now)) is not None:
            parts.rejections.store_unchecked(burst)
        for rejection in parts.guard.sweep(now):
            parts.rejections.store_unchecked(rejection)
        parts.transports.close_idle(now)
        parts.keepalive.tick(now)
