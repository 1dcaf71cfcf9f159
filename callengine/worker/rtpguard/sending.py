"""Whether a leg's RTP is wanted where it would go. Pure: time is an argument, in seconds.

A description may name anybody's address (RFC 8445 section 19.5.1, the voice hammer). So nothing is
sent to a caller who has shown nothing before its ACK, which only somebody writes whom our answer
has reached. And where a description names another host than it was heard from, that host has to be
heard soon, or sending pauses until it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from callengine.worker.rtpguard.programs import Network, host_network

UNHEARD_S = 5.0
"How long is sent to a host that was only named."
MAX_HOSTS = 4
"Hosts a leg's descriptions may name one after the other and be sent to unheard."

TOLD_AFTER_S = 1.0
"Of a stream; an ACK is on its way for less."


class Hold(Enum):
    """Why nothing is sent."""

    UNACKNOWLEDGED = "the caller's ACK has not come"
    UNHEARD = "nothing has come from the host that was described"


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing is sent."""

    why: Hold
    host: str
    "Whose address was described."
    heard_from: str
    "The host that the description came from."


@dataclass(frozen=True, slots=True)
class Resumed:
    """It is sent, or sent again."""

    why: Hold
    "Why it was not."
    is_heard: bool
    "Whether the peer has been heard; else another host was described."


@dataclass(slots=True)
class SendingRules:
    """Decide for one leg."""

    is_proven: bool = True
    "Whether the peer has shown that it is where it signals from."
    is_trunk: bool = False
    "An administrator has written down whom the leg belongs to."
    also: Sequence[Network] = ()
    "Networks that its media may come from and go to."
    _named: Network | None = None
    _heard_from: Network | None = None
    _is_heard: bool = True
    _until: dict[Network, float] = field(default_factory=dict)
    "How long is sent to a host unheard: once for each, however often it is described."
    _known: set[Network] = field(default_factory=set)
    "Hosts that were described and heard."
    _began: float = 0.0
    _told: dict[Hold, bool] = field(default_factory=dict)
    "Which holds were told of, and whether their end was."

    def described(self, host: str, now: float) -> None:
        """Take the host of a description on which a stream begins."""
        self._named, self._began = host_network(host), now
        self._is_heard = self._named is None or self._named in self._known
        self._allow(now)

    def heard_from(self, host: str) -> None:
        """Take the host that a description was heard from; it comes just before or after."""
        self._heard_from = host_network(host) or self._heard_from

    def acknowledged(self, now: float) -> None:
        """Take the caller's ACK."""
        if not self.is_proven:
            self.is_proven = True
            self._until.clear()
            self._allow(now)

    def _allow(self, now: float) -> None:
        if self._named is not None and len(self._until) < MAX_HOSTS:
            self._until.setdefault(self._named, now + UNHEARD_S)

    @property
    def waits(self) -> bool:
        """Whether it matters if the peer is heard."""
        return not self._is_heard and not self._is_exempt

    def look(self, *, packets: int, rtp_from: str, rtcp_from: str) -> None:
        """Take how many RTP packets of the stream came, and from where the last did.

        With the first from another host that is let through, pjmedia sends there. It does not with
        a report, so of those only the described host's count.
        """
        by_named = packets > 0 and host_network(rtp_from) == self._named
        if self._named and (by_named or host_network(rtcp_from) == self._named):
            self._known.add(self._named)
        self._is_heard = self._is_heard or packets > 0 or self._named in self._known

    def hold(self, now: float) -> Hold | None:
        """Return why nothing is to be sent now, or None."""
        if not self.is_proven:
            return Hold.UNACKNOWLEDGED
        if self._named is None or not self.waits or now < self._until.get(self._named, now):
            return None
        return Hold.UNHEARD

    def news(self, now: float) -> Paused | Resumed | None:
        """Return what is to be told, each hold and its end once; a moment's is not worth it."""
        hold = self.hold(now)
        if hold is not None:
            if hold in self._told or now - self._began < TOLD_AFTER_S:
                return None
            self._told[hold] = False
            return Paused(hold, _host(self._named), _host(self._heard_from))
        over = next((why for why, is_over in self._told.items() if not is_over), None)
        if over is None:
            return None
        self._told[over] = True
        return Resumed(over, self._is_heard)

    @property
    def _is_exempt(self) -> bool:
        named, heard_from = self._named, self._heard_from
        if self.is_trunk or named is None or heard_from in (None, named):
            return True
        return any(
            network.version == named.version and network.supernet_of(named)  # type: ignore[arg-type]
            for network in self.also
        )


def _host(network: Network | None) -> str:
    return str(network.network_address) if network is not None else ""
