"""The guard before the parser: how much of what each source sends is read.

A source that has shown who it is (a trunk, a registered phone, a call) draws from tokens of its
own, so that nothing strangers send from anywhere, its own address included, can use them up.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from callengine.core.outcomes import Rejection
from callengine.edge.heldback import HeldBack
from callengine.edge.meters import Allowance, Bucket, SharedBuckets
from callengine.edge.settings import GuardSettings
from callengine.edge.sources import source_key

MAX_KNOWN = 100_000
TRUNK_KNOWN_S = 3600.0
"How long after its last request a trunk's address is remembered."
_INVITE = b"INVITE "

NameLeg = Callable[[bytes], str]
"Return the token of the live leg that a message names by a secret of ours, or an empty string."


@dataclass(frozen=True, slots=True)
class _Share:
    """What one source of a kind may send."""

    messages: Allowance
    invites: Allowance


class _Party:
    """A known source, with tokens of its own."""

    __slots__ = ("invites", "messages", "share", "until")

    def __init__(self, share: _Share, now: float) -> None:
        self.share, self.until = share, now
        self.messages = Bucket(share.messages, now)
        self.invites = Bucket(share.invites, now)

    def wait_s(self, now: float, *, is_invite: bool) -> float:
        """Take what one message needs and return 0, or return how long until it may come."""
        if not self.messages.take(now):
            return self.messages.wait_s(now)
        if is_invite and not self.invites.take(now):
            return self.invites.wait_s(now)
        return 0.0


class Guard:
    """Decides about each message by its source and first bytes; times are monotonic seconds."""

    def __init__(
        self,
        settings: GuardSettings,
        *,
        name_leg: NameLeg = lambda _: "",
        banned_s: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        """`banned_s(source)` returns for how many seconds more a source is banned."""
        self._name_leg = name_leg
        self._banned_s = banned_s
        burst_s, trunk_burst_s = settings.burst_s, settings.trunk_burst_s
        self._stranger = _share(settings.stranger_rate, settings.stranger_invite_rate, burst_s)
        self._phone = _share(settings.phone_rate, settings.phone_invite_rate, burst_s)
        self._trunk = _share(settings.trunk_rate, settings.trunk_invite_rate, trunk_burst_s)
        self._messages = SharedBuckets(self._stranger.messages)
        self._invites = SharedBuckets(self._stranger.invites)
        together = _share(settings.strangers_rate, settings.strangers_invite_rate, 2.0)
        self._strangers = _Party(together, 0.0)
        self._exempt = [ipaddress.ip_network(text) for text in settings.exempt]
        self._known: OrderedDict[str, _Party] = OrderedDict()
        "By flow; a trunk's by address."
        self._legs: OrderedDict[str, _Party] = OrderedDict()
        self._held_back = HeldBack()

    # Who is known

    def welcome_phone(self, flow: str, now: float, for_s: float) -> None:
        """Give a registered phone tokens of its own."""
        self._welcome(flow, self._phone, now, for_s)

    def welcome_caller(self, flow: str, now: float, for_s: float) -> None:
        """Give the flow of a call that was let in tokens of its own, if it has none."""
        if flow not in self._known:
            self._welcome(flow, self._stranger, now, for_s)

    def welcome_trunk(self, host: str, now: float) -> None:
        """Give a trunk's address tokens of its own."""
        self._welcome(host, self._trunk, now, TRUNK_KNOWN_S)

    def _welcome(self, key: str, share: _Share, now: float, for_s: float) -> None:
        party = self._known.get(key)
        if party is None or party.share is not share:
            if party is None and len(self._known) >= MAX_KNOWN:
                self._known.popitem(last=False)
            party = self._known[key] = _Party(share, now)
        party.until = max(party.until, now + for_s)
        self._known.move_to_end(key)

    def forget(self, host: str) -> None:
        """Treat an address as no trunk's (any more)."""
        self._known.pop(host, None)

    def is_known(self, flow: str, host: str, now: float) -> bool:
        """Tell whether a source has shown who it is."""
        return self._party(flow, host, now) is not None

    def is_phone(self, flow: str, now: float) -> bool:
        """Tell whether whoever has this flow answered a challenge there."""
        party = self._known.get(flow)
        return party is not None and party.share is self._phone and party.until > now

    def _party(self, flow: str, host: str, now: float) -> _Party | None:
        party = self._known.get(flow) or self._known.get(host)
        return party if party is not None and party.until > now else None

    # What may pass

    def wait_s(self, data: bytes, flow: str, host: str, now: float) -> float:
        """Return 0 if a message may be read now, else how long until its like may be."""
        start = data if data[:1] not in (b"\r", b"\n") else data.lstrip(b"\r\n")
        is_invite = start.startswith(_INVITE)
        if self.is_exempt(host):
            return 0.0
        source, rule = host, "flooding"
        party = self._party(flow, host, now)
        wait_s = party.wait_s(now, is_invite=is_invite) if party is not None else 1.0
        # What belongs to a call costs the strangers nothing, and a flood costs the call nothing.
        if not wait_s or self._is_of_a_call(start, now, is_invite=is_invite):
            return 0.0
        if party is None:
            source = source_key(host)
            wait_s, rule = self._stranger_wait_s(source, now, is_invite=is_invite)
            if not wait_s:
                return 0.0
        self._held_back.note(source, rule, now, is_invite=is_invite)
        return wait_s

    def _stranger_wait_s(self, source: str, now: float, *, is_invite: bool) -> tuple[float, str]:
        if banned_s := self._banned_s(source):
            return banned_s, "banned"
        if not self._messages.take(source, now):
            return self._messages.wait_s(source, now), "flooding"
        if is_invite and not self._invites.take(source, now):
            return self._invites.wait_s(source, now), "flooding"
        # Last, so that one loud source is stopped before it spends what all strangers share.
        if wait_s := self._strangers.wait_s(now, is_invite=is_invite):
            return wait_s, "crowded-out"
        return 0.0, ""

    def is_exempt(self, host: str) -> bool:
        """Tell whether an address is of a network that no limit holds for."""
        if not self._exempt:
            return False
        address = ipaddress.ip_address(host.partition("%")[0])
        return any(address in network for network in self._exempt)

    def _is_of_a_call(self, start: bytes, now: float, *, is_invite: bool) -> bool:
        token = self._name_leg(start)
        if not token:
            return False
        party = self._legs.get(token)
        if party is None:
            if len(self._legs) >= MAX_KNOWN:
                self._legs.popitem(last=False)
            party = self._legs[token] = _Party(self._phone, now)
        return not party.wait_s(now, is_invite=is_invite)

    # What was held back

    def sweep(self, now: float) -> Iterator[Rejection]:
        """Forget whom nothing was heard of; yield what is to be told of those held back."""
        for key in [key for key, party in self._known.items() if party.until <= now]:
            del self._known[key]
        for token in [token for token, party in self._legs.items() if party.until + 60 <= now]:
            del self._legs[token]
        return self._held_back.lines(now)


def _share(rate: float, invite_rate: float, burst_s: float) -> _Share:
    return _Share(Allowance(rate, rate * burst_s), Allowance(invite_rate, invite_rate * burst_s))
