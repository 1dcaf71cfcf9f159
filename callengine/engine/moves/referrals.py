"""Transfers that a party of a call asks for by REFER (RFC 3515): who may, whom it means."""

import logging
import time
from functools import partial
from typing import Protocol

from callengine.core.directory import Source
from callengine.core.reasons import Reason
from callengine.core.replaces import Replaces, replaces_in
from callengine.directory import lookup
from callengine.directory.current import Ask
from callengine.edge.callers.invites import dialled_user
from callengine.edge.interface import NamedDialog, Referral
from callengine.edge.messages.uris import parse_uri
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import Joint, LiveCall, Referrer
from callengine.engine.calls.settling import partner
from callengine.engine.moves.joining import may_be_taken_over
from callengine.engine.moves.transfers import Transfers

logger = logging.getLogger(__name__)

ACCEPTED, DECLINED, NO_CALL = 202, 603, 481


class _DeclinedError(Exception):
    """A REFER that is not acted on; its text says why and what to do."""

    def __init__(self, advice: str, rule: str = "", *, code: int = DECLINED) -> None:
        super().__init__(f"{advice} Rule: {rule}." if rule else advice)
        self.code = code


class ReferringEdge(Protocol):
    """What is asked of the edge."""

    def is_local_host(self, host: str, port: int | None) -> bool:
        """Tell whether `host[:port]` means this edge."""

    def dialog_named(self, replaces: Replaces) -> NamedDialog | None:
        """Return the dialog with this Call-ID and these tags."""

    def tell_referrer(self, handle: str, code: int) -> None:
        """Tell a peer how far its REFER has come."""


class Referrals:
    """Judges what peers ask by REFER, and has it carried out as a transfer."""

    def __init__(
        self, *, book: CallBook, transfers: Transfers, edge: ReferringEdge, ask: Ask
    ) -> None:
        self._book = book
        self._transfers = transfers
        self._edge = edge
        self._ask = ask
        self._accepted: dict[str, tuple[str, Referrer, Joint | None]] = {}
        "Target and who asked, by the edge's handle, until the transfer begins."

    async def judge(self, referral: Referral) -> int:
        """Return what a REFER is answered with."""
        call = self._book.calls.get(referral.call)
        if call is None or call.ended:
            return NO_CALL
        try:
            referrer = await self._referrer(call, referral)
            joint = await self._joint(call, referral, referrer)
            to = joint.name if joint else self._target(referral)
            _check_alone(call)
        except _DeclinedError as declined:
            text = f"{call.name_of(referral.leg)} asked to transfer the call (REFER): {declined}"
            self._note(call, referral.leg, f"{text} The call goes on as it was.")
            return declined.code
        self._accepted[referral.handle] = to, referrer, joint
        self._transfers.expect(call, referrer, joint)
        return ACCEPTED

    def begin(self, referral: Referral) -> None:
        """Ring whom a REFER names: it was answered with 202."""
        accepted = self._accepted.pop(referral.handle, None)
        call = self._book.calls.get(referral.call)
        if accepted is None:
            return
        to, referrer, joint = accepted
        if call is None or call.ended:
            referrer.tell(NO_CALL)
            if call is not None and joint is not None:
                self._transfers.not_joined(call, joint)
            return
        by = call.name_of(referrer.leg)
        self._transfers.begin(call, to=to, by=by, referrer=referrer, joint=joint)

    async def _referrer(self, call: LiveCall, referral: Referral) -> Referrer:
        """Return who asks, with its rights, and for whom. Raises _DeclinedError."""
        leg = referral.leg
        # Before it is waited: strangers must not have us wait for nothing.
        source = await self._source(call, leg)
        if not (source.kind == "connection" or (source.trunk and source.trunk.acts_on_refer)):
            who = f"the trunk {source.trunk.name}" if source.trunk else "who called"
            why = f"{who} may not transfer calls. "
            why += "Let it, in the trunk's settings." if source.trunk else "Register."
            raise _DeclinedError(why[0].upper() + why[1:], Reason.REFER_DECLINED)
        waiting = await partner(call, leg) if referral.is_answered else None
        if waiting is None:
            why = "It talks to nobody."
            raise _DeclinedError(why, Reason.CALL_NOT_ANSWERED, code=491)
        if waiting in call.agents.orders:
            why = "It talks to a voice agent, which is not handed to others."
            raise _DeclinedError(why, Reason.REFER_DECLINED)
        other = await self._source(call, waiting)
        return Referrer(
            leg=leg,
            waiting=waiting,
            source=source,
            partner=other,
            tell=partial(self._edge.tell_referrer, referral.handle),
            is_sips=referral.target[:5].lower() == "sips:",
            passed=referral.passed,
        )

    async def _source(self, call: LiveCall, leg: str) -> Source:
        """Return a party as a caller, with the rights it would have."""
        if leg == "A" and call.source is not None:
            return call.source
        kind, _, name = call.party_of(leg).partition(":")
        try:
            return await self._ask(lookup.source, kind=kind, name=name, address="")
        except LookupError as error:
            raise _DeclinedError(f"{error}.") from error

    async def _joint(self, call: LiveCall, referral: Referral, referrer: Referrer) -> Joint | None:
        """Return the other call of who refers, if it joins two. Raises _DeclinedError."""
        try:
            replaces = replaces_in(referral.headers)
        except ValueError as error:
            raise _DeclinedError(f"{error}.", code=400) from error
        if replaces is None:
            return None
        named = self._edge.dialog_named(replaces)
        anchor = named.anchor if named is not None and not named.is_over else None
        other = self._book.calls.get(anchor.call) if anchor is not None else None
        if not named or not anchor or other is None or other is call or other.ended:
            why = "The call it joins this one with is not up here."
            raise _DeclinedError(why, Reason.REFER_DECLINED, code=NO_CALL)
        if other.party_of(anchor.name) != call.party_of(referrer.leg):
            why = "The call it joins this one with is somebody else's."
            raise _DeclinedError(why, Reason.REFER_DECLINED)
        whom = await partner(other, anchor.name) if named.is_answered else None
        if other.ended:
            why = "The call it joins this one with is over."
            raise _DeclinedError(why, Reason.REFER_DECLINED, code=NO_CALL)
        if whom is None:
            why = "Whom it joins this call with has not answered. Transfer once they talk."
            raise _DeclinedError(why, Reason.CALL_NOT_ANSWERED, code=491)
        if not may_be_taken_over(other, whom):
            why = "Whom it joins this call with cannot be taken over now."
            raise _DeclinedError(why, Reason.REFER_DECLINED)
        return Joint(other, anchor.name, whom)

    def _target(self, referral: Referral) -> str:
        """Return the user part to ring. Raises _DeclinedError."""
        try:
            uri = parse_uri(referral.target)
        except ValueError as error:
            raise _DeclinedError(f"{referral.target} cannot be dialled: {error}.") from error
        if uri.scheme != "tel" and not self._edge.is_local_host(uri.host, uri.port):
            why = f"{referral.target} is not of this server: only its users and numbers are rung."
            raise _DeclinedError(why, Reason.REFER_DECLINED)
        if not (user := dialled_user(uri.user or "")):
            why = f"{referral.target} names nobody to ring."
            raise _DeclinedError(why, Reason.REFER_DECLINED)
        return user

    def _note(self, call: LiveCall, leg: str, text: str) -> None:
        self._book.note(call, kind="transfer-failed", leg=leg, text=text, at=time.time())


def _check_alone(call: LiveCall) -> None:
    """Let a second transfer not call off the first, which it would. Raises _DeclinedError."""
    if call.transfer is not None:
        why = f"A transfer to {call.transfer.to} is under way. Wait for it."
        raise _DeclinedError(why, Reason.TRANSFERS_TOO_FAST, code=491)
