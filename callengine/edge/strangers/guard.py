"""The guard before the parser: how much of what each source sends is read.

A source that has shown who it is (a trunk, a registered phone, a call) draws from tokens of its
own, so that nothing strangers send from anywhere, its own address included, can use them up.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from weakref import WeakValueDictionary

from callengine.core.outcomes import Rejection
from callengine.core.reasons import Rule
from callengine.edge.settings import GuardSettings
from callengine.edge.sources import source_key
from callengine.edge.strangers.heldback import MANY, HeldBack
from callengine.edge.strangers.meters import Allowance, Bucket, SharedBuckets

MAX_KNOWN = 100_000
TRUNK_KNOWN_S = 3600.0
"How long after its last request a trunk's address is remembered."
CROWDED_OUT = Rule.CROWDED_OUT
_INVITE = b"INVITE "

NameOurs = Callable[[bytes], str]
"Return the live leg or request of ours that a message names by a secret of ours, or nothing."


@dataclass(frozen=True, slots=True)
class _Share:
    """What one source of a kind may send."""

    messages: Allowance
    invites: Allowance


class _Party:
    """A known source, with tokens of its own."""

    __slots__ = ("__weakref__", "invites", "messages", "share")

    def __init__(self, share: _Share, now: float) -> None:
        self.share = share
        self.messages = Bucket(share.messages, now)
        self.invites = Bucket(share.invites, now)

    def wait_s(self, now: float, *, is_invite: bool) -> float:
        """Take what one message needs and return 0, or return how long until it may come."""
        if not self.messages.take(now):
            return self.messages.wait_s(now)
        if is_invite and not self.invites.take(now):
            return self.invites.wait_s(now)
        return 0.0


@dataclass(slots=True)
class _Acquaintance:
    """Until when a flow or an address is known, and whose tokens it draws from."""

    party: _Party
    until: float


class Guard:
    """Decides about each message by its source and first bytes; times are monotonic seconds."""

    def __init__(
        self,
        settings: GuardSettings,
        *,
        name_ours: NameOurs = lambda _: "",
        is_live: Callable[[str], bool] = lambda _: True,
        banned_s: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        """Take whom to ask.

        `is_live(name)` tells whether what was named is there still, and `banned_s(source)` for
        how many seconds more a source is banned.
        """
        self._name_ours = name_ours
        self._is_live = is_live
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
        self._acquaintances: OrderedDict[Hashable, _Acquaintance] = OrderedDict()
        "By flow; a trunk's by address."
        self._users: WeakValueDictionary[str, _Party] = WeakValueDictionary()
        self._leg = Allowance(settings.leg_rate, settings.leg_rate * settings.burst_s)
        self._legs: OrderedDict[str, Bucket] = OrderedDict()
        self._calls = SharedBuckets(self._phone.messages)
        self._held_back = HeldBack()

    # Who is known

    def welcome_phone(self, flow: Hashable, user: str, now: float, for_s: float) -> None:
        """Give a phone that has proven whose it is the tokens of its user.

        All flows of one user share them: however many ports somebody sends from, it is one phone.
        """
        party = self._users.get(user)
        if party is None:
            party = self._users[user] = _Party(self._phone, now)
        self._welcome(flow, party, now + for_s)

    def welcome_trunk(self, host: str, now: float) -> None:
        """Give a trunk's address tokens of its own."""
        acquaintance = self._acquaintances.get(host)
        party = acquaintance.party if acquaintance is not None else _Party(self._trunk, now)
        self._welcome(host, party, now + TRUNK_KNOWN_S)

    def _welcome(self, key: Hashable, party: _Party, until: float) -> None:
        acquaintance = self._acquaintances.get(key)
        if acquaintance is None and len(self._acquaintances) >= MAX_KNOWN:
            self._acquaintances.popitem(last=False)
        if acquaintance is not None and acquaintance.party is party:
            until = max(acquaintance.until, until)
        self._acquaintances[key] = _Acquaintance(party, until)
        self._acquaintances.move_to_end(key)

    def forget(self, host: str) -> None:
        """Treat an address as no trunk's (any more)."""
        self._acquaintances.pop(host, None)

    def is_known(self, flow: Hashable, host: str, now: float) -> bool:
        """Tell whether a source has shown who it is."""
        return self._party(flow, host, now) is not None

    def is_phone(self, flow: Hashable, now: float) -> bool:
        """Tell whether whoever has this flow answered a challenge there."""
        acquaintance = self._acquaintances.get(flow)
        if acquaintance is None or acquaintance.until <= now:
            return False
        return acquaintance.party.share is self._phone

    def _party(self, flow: Hashable, host: str, now: float) -> _Party | None:
        for key in (flow, host):
            acquaintance = self._acquaintances.get(key)
            if acquaintance is not None and acquaintance.until > now:
                return acquaintance.party
        return None

    # What may pass

    def wait_s(self, data: bytes, flow: Hashable, host: str, now: float) -> float:
        """Return 0 if a message may be read now, else how long until its like may be."""
        start = data if data[:1] not in (b"\r", b"\n") else data.lstrip(b"\r\n")
        is_invite = start.startswith(_INVITE)
        if self.is_exempt(host):
            return 0.0
        source, rule = host, Rule.FLOODING
        party = self._party(flow, host, now)
        if party is not None:
            wait_s = party.wait_s(now, is_invite=is_invite)
        else:
            source = source_key(host)
            # What belongs to a call costs what strangers may send nothing.
            wait_s = float(not self._is_of_a_call(start, source, now))
            if wait_s:
                wait_s, rule = self._stranger_wait_s(source, now, is_invite=is_invite)
        if not wait_s or (party is not None and self._is_of_a_call(start, source, now)):
            return 0.0
        blamed = MANY if rule == CROWDED_OUT else source
        self._held_back.note(blamed, rule, now, is_invite=is_invite)
        return wait_s

    def _stranger_wait_s(self, source: str, now: float, *, is_invite: bool) -> tuple[float, Rule]:
        if banned_s := self._banned_s(source):
            return banned_s, Rule.BANNED
        if not self._messages.take(source, now):
            return self._messages.wait_s(source, now), Rule.FLOODING
        if is_invite and not self._invites.take(source, now):
            return self._invites.wait_s(source, now), Rule.FLOODING
        # Last, so that one loud source is stopped before it spends what all strangers share.
        if wait_s := self._strangers.wait_s(now, is_invite=is_invite):
            return wait_s, CROWDED_OUT
        return 0.0, Rule.FLOODING

    def is_exempt(self, host: str) -> bool:
        """Tell whether an address is of a network that no limit holds for."""
        if not self._exempt:
            return False
        address = ipaddress.ip_address(host.partition("%")[0])
        return any(address in network for network in self._exempt)

    def _is_of_a_call(self, start: bytes, source: str, now: float) -> bool:
        """Tell whether a message is a call's, within what calls send.

        That is little for each call, and bounded for each source: somebody may have many.
        """
        token = self._name_ours(start)
        if not token:
            return False
        bucket = self._legs.get(token)
        if bucket is None:
            if len(self._legs) >= MAX_KNOWN:
                self._legs.popitem(last=False)
            bucket = self._legs[token] = Bucket(self._leg, now)
        self._legs.move_to_end(token)
        return bucket.take(now) and self._calls.take(source, now)

    # What was held back

    def sweep(self, now: float) -> Iterator[Rejection]:
        """Forget whom nothing was heard of; yield what is to be told of those held back."""
        over = [key for key, entry in self._acquaintances.items() if entry.until <= now]
        for key in over:
            del self._acquaintances[key]
        while self._legs and not self._is_live(next(iter(self._legs))):
            self._legs.popitem(last=False)
        return self._held_back.lines(now)


def _share(rate: float, invite_rate: float, burst_s: float) -> _Share:
    return _Share(Allowance(rate, rate * burst_s), Allowance(invite_rate, invite_rate * burst_s))
