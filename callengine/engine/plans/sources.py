"""Callers known in memory alone, for one call each: those of the codec lab.

Such a caller has a user name and a password that stand in no table. It comes through the edge and
is challenged like anybody; what it proves leads to a source made for it, and by that very source
its call is known again. Whoever places the call says where it leads and what goes on record.
"""

from typing import Protocol

from callengine.core.directory import Destination, Source
from callengine.core.outcomes import Rejection
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined
from callengine.edge.interface import Credentials, IncomingCall
from sip.digest import kept_ha1

ONE_TIME = "one-time"
"The kind of credentials that stand for one of these callers."
Decision = CallPlan | Declined | Rejection


class OneTimeCall(Protocol):
    """A call placed by us, from its announcement to its end."""

    @property
    def user(self) -> str:
        """The user name its caller authenticates with; nobody else's."""

    @property
    def password(self) -> str:
        """What its caller proves that it knows."""

    @property
    def host(self) -> str:
        """The IP address its caller sends from; nobody else's."""

    @property
    def source(self) -> Source | None:
        """Who calls, once the caller has proved its password; known again by identity."""

    @property
    def is_decided(self) -> bool:
        """Whether it has been planned: from then on the password is good for nothing."""

    @property
    def destination(self) -> Destination:
        """Where it leads, whatever was dialled."""

    def admit(self, address: str) -> Source:
        """Return the source of the call, which comes from this address."""

    def named(self, call: IncomingCall) -> IncomingCall:
        """Return the INVITE with the names that go on record."""

    def signed(self, decision: Decision) -> Decision:
        """Return the decision as it goes on record."""


class OneTimeSources:
    """The one-time callers of one engine."""

    def __init__(self, realm: str) -> None:
        self._realm = realm
        self._calls: dict[str, OneTimeCall] = {}
        "By user name."

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: OneTimeCall) -> None:
        """Let the caller of this call in, once."""
        self._calls[call.user] = call

    def remove(self, call: OneTimeCall) -> None:
        """Forget a call that is over."""
        self._calls.pop(call.user, None)

    def credentials(self, username: str) -> Credentials | None:
        """Return the digest credentials of a one-time caller, if this is one."""
        call = self._calls.get(username)
        if call is None or call.is_decided:
            return None
        kept = kept_ha1(username=call.user, realm=self._realm, password=call.password)
        return Credentials(
            username=call.user,
            kind=ONE_TIME,
            name=call.user,
            enabled=True,
            ha1_md5=kept.md5,
            ha1_sha256=kept.sha256,
            ha1b_md5=kept.with_realm_md5,
            ha1b_sha256=kept.with_realm_sha256,
        )

    def is_host(self, address: str) -> bool:
        """Tell whether a one-time caller sends from here: it is on no access list."""
        return any(call.host == address for call in self._calls.values())

    def source(self, user: str, address: str) -> Source:
        """Return the source of a one-time caller's call; raises LookupError if it is over."""
        call = self._calls.get(user)
        if call is None:
            raise LookupError("this one-time caller's call is over")
        return call.admit(address)

    def placed(self, incoming: IncomingCall) -> OneTimeCall | None:
        """Return the call an INVITE belongs to; None for everybody else's."""
        return next((c for c in self._calls.values() if c.source is incoming.source), None)
