"""Calls planned: what the directory holds about an INVITE or a new destination, and the plan."""

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from callengine.core import sdp
from callengine.core.callerid import CallerId, Claim, KnownNames, caller_id
from callengine.core.directory import (
    BrowserPlace,
    Destination,
    Platform,
    Source,
    with_browsers,
)
from callengine.core.identity import ArrivedCall, arrival, identity
from callengine.core.numberrules import NumberRules, Vouched
from callengine.core.obstacles import Obstacle, obstacle
from callengine.core.orders import passwords_of
from callengine.core.outcomes import Rejection
from callengine.core.parties import CALLER
from callengine.core.permissions import Usage
from callengine.core.pickup import Partner, plan_pick_up
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined, plan_call
from callengine.core.reasons import Rule
from callengine.core.request import THE_CALLER, CallRequest
from callengine.core.rewriting import headers_of
from callengine.directory import lookup
from callengine.directory.current import Ask
from callengine.directory.minutes import Minutes
from callengine.directory.store import Store
from callengine.edge.interface import IncomingCall
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import Joint, LiveCall
from callengine.engine.plans.sources import OneTimeCall, OneTimeSources
from callengine.engine.settings import EngineSettings
from sip.srtp import Srtp

Decision = CallPlan | Declined | Rejection


class PublicAddresses(Protocol):
    """The edge: under which address each peer knows us."""

    def public_address_for(self, flow: str) -> tuple[str, int]:
        """Return the address and port shown to that peer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an INVITE asks for, with all that is known about it."""

    call: IncomingCall
    request: CallRequest
    destination: Destination
    platform: Platform
    minutes_today: Mapping[str, float]
    "Talked through trunks since midnight, by label, of those who have a limit."
    one_time: OneTimeCall | None


@dataclass(frozen=True, slots=True)
class Substitute:
    """A callee who has the caller's place: connected with another, by a transfer."""

    leg: str
    user: str
    name: str
    source: Source | None
    "None: the caller's own rights and lists hold on."


class Planning:
    """Makes the plans of one engine's calls; `codecs` are what its call processes can do now.

    `browsers_of` returns the browsers that take the calls of a connection, by its SIP user.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        ask: Ask,
        minutes: Minutes,
        edge: PublicAddresses,
        book: CallBook,
        sources: OneTimeSources,
        codecs: Callable[[], tuple[str, ...]],
        browsers_of: Callable[[str], tuple[BrowserPlace, ...]],
    ) -> None:
        self._settings = settings
        self._ask = ask
        self._minutes = minutes
        self._edge = edge
        self._book = book
        self._sources = sources
        self._codecs = codecs
        self._browsers_of = browsers_of

    async def asked(
        self, call: IncomingCall, named: Destination | None = None
    ) -> Asked | Rejection:
        """Find out what an INVITE asks for; a rejection if it cannot be read or names another.

        `named` is where the call leads, whatever was dialled.
        """
        one_time = self._sources.placed(call)
        call = one_time.named(call) if one_time else call
        try:
            call = _heard(call)
            offered, hindrance, encrypted = _offer(call)
        except sdp.SdpError as error:
            return _malformed(call, str(error))
        answer = await self._ask(_look_up_call, call, self._codecs())
        destination, platform, names, arrived = answer
        if arrived.refusal and one_time is None:
            return _filtered(call, arrived)
        caller: CallerId | Rejection = CallerId(arrived.claim.user, arrived.claim.name)
        if one_time is None:
            caller = caller_id(
                call.source, arrived.claim, names, call_id=call.call_id, to=arrived.to_user
            )
        if isinstance(caller, Rejection):
            return caller
        claimed = str(arrived.claim) if caller.note else ""
        caller, vouched = identity(call.source, caller, arrived, call.heard, names)
        rules = call.source.trunk.rules if call.source.trunk else NumberRules()
        passed, recorded = headers_of(rules, call.headers)
        request = CallRequest(
            call=uuid.uuid4().hex,
            call_id=call.call_id,
            from_user=caller.user,
            from_name=caller.name,
            to_user=arrived.to_user,
            offered=offered,
            max_forwards=call.max_forwards,
            source=call.source,
            obstacle=hindrance,
            claimed=claimed,
            vouched=replace(vouched, headers=passed, recorded=recorded),
            notes=(
                *arrived.notes,
                *([caller.note] if caller.note else ()),
                *(f"{name}: {value}" for name, value in recorded),
            ),
            is_sips=call.is_sips,
            encrypted=encrypted,
        )
        destination = with_browsers(named or destination, self._browsers_of)
        if one_time is not None:
            destination = one_time.destination
        minutes = await self._minutes.today(call.source, destination, platform.time_zone)
        return Asked(call, request, destination, platform, minutes, one_time)

    def decide(self, asked: Asked) -> Decision:
        """Plan a call beside those that are up now."""
        decision = plan_call(
            asked.request,
            destination=asked.destination,
            platform=asked.platform,
            usage=self._usage(self._book.in_progress(), asked.minutes_today),
            ring_timeout_s=self._settings.ring_timeout_s,
            max_duration_s=self._settings.max_duration_s,
            local_host=self._local_host(asked.call.flow),
            chance=random.random,
        )
        return asked.one_time.signed(decision) if asked.one_time else decision

    def decide_pick_up(self, asked: Asked, joint: Joint) -> Decision:
        """Plan a call that takes the place of a party in another, which does not count any more."""
        others = self._book.in_progress()
        others.subtract(joint.call.ends)
        text = f"Takes {joint.name} over from call {joint.call.id}, in the place of "
        text += f"{joint.call.name_of(joint.leg)} (Replaces)."
        return plan_pick_up(
            replace(asked.request, notes=(*asked.request.notes, text)),
            partner=_partner(joint),
            platform=asked.platform,
            usage=self._usage(others, asked.minutes_today),
            max_duration_s=self._settings.max_duration_s,
        )

    async def plan_again(
        self,
        call: LiveCall,
        to: str,
        *,
        hops_used: int,
        acts_for: Source | None = None,
        caller: Substitute | None = None,
        is_sips: bool = False,
        passed: tuple[tuple[str, str], ...] = (),
    ) -> tuple[Decision, Mapping[str, str]]:
        """Plan a live call for another destination, for the caller as it was.

        Returned with what the gateways of its trunks are answered with, by the trunk's name.

        The call itself does not count against anybody's limit. `acts_for` is a callee whose rights
        hold instead of the caller's; `hops_used` is what is taken from Max-Forwards anew. `caller`
        is who has the caller's place by now, if another has. `is_sips`: whoever leads it there
        named a sips: address, which holds beside what the caller dialled. `passed` are headers of
        its own that go with the INVITE; they stand before the caller's.
        """
        assert call.source is not None
        source = caller.source if caller and caller.source else call.source
        destination, platform = await self._ask(_look_up, to, self._codecs())
        destination = with_browsers(destination, self._browsers_of)
        minutes = await self._minutes.today(acts_for or source, destination, platform.time_zone)
        others = self._book.in_progress()
        others.subtract(call.ends)
        vouched = Vouched() if caller else call.plan.vouched
        names = {name.lower() for name, _ in passed}
        kept = (pair for pair in vouched.headers if pair[0].lower() not in names)
        request = CallRequest(
            call=call.plan.call,
            call_id=call.sip_call_id,
            from_user=caller.user if caller else call.plan.from_user,
            from_name=caller.name if caller else call.plan.from_name,
            to_user=to,
            # What else a callee could do, nobody knows: it is asked by a re-INVITE.
            offered=None if caller else call.plan.offered,
            max_forwards=call.plan.max_forwards + 1 - hops_used,
            source=source,
            encrypted=_must_stay_encrypted(call, caller.leg if caller else CALLER),
            who=caller.name if caller else THE_CALLER,
            acts_for=acts_for,
            vouched=replace(vouched, headers=(*passed, *kept)),
            is_sips=call.plan.is_sips or is_sips,
        )
        decision = plan_call(
            request,
            destination=destination,
            platform=platform,
            usage=self._usage(others, minutes),
            ring_timeout_s=self._settings.ring_timeout_s,
            local_host=self._local_host(call.flow),
            chance=random.random,
        )
        return decision, passwords_of(destination)

    def _usage(self, in_progress: Mapping[str, int], minutes: Mapping[str, float]) -> Usage:
        return Usage(in_progress, self._book.begun_lately(), minutes)

    def _local_host(self, flow: str) -> str:
        """Return the host part of our users' URIs, as a peer there knows us."""
        host, port = self._edge.public_address_for(flow)
        host = f"[{host}]" if ":" in host else host
        return f"{host}:{port}" if port != 5060 else host


def _heard(call: IncomingCall) -> IncomingCall:
    """Return an INVITE whose source says whether it offers SRTP. Raises SdpError."""
    if call.sdp is None:
        return call
    audio, plain = sdp.read_audio(call.sdp), obstacle(call.sdp, Srtp.OFF)
    encrypts = bool(audio and audio.suite) or (plain or (None,))[0] is Obstacle.ENCRYPTED
    return replace(call, source=replace(call.source, encrypts=encrypts))


def _offer(
    call: IncomingCall,
) -> tuple[tuple[str, ...] | None, tuple[Obstacle, str] | None, str]:
    """Return the codecs a caller offers, why nothing can be made of it, and why it must encrypt.

    Raises SdpError.
    """
    srtp = call.source.srtp
    encrypted = "SRTP is required of it" if srtp is Srtp.REQUIRED else ""
    if call.sdp is None:
        return None, None, encrypted
    if srtp is Srtp.ALLOWED:
        plain = obstacle(call.sdp, Srtp.OFF)
        encrypted = plain[1] if plain and plain[0] is Obstacle.ENCRYPTED else ""
    return sdp.offered_codecs(call.sdp, srtp), obstacle(call.sdp, srtp), encrypted


def _partner(joint: Joint) -> Partner:
    """Return whom the replaced party talks to."""
    return Partner(
        joint.call.party_of(joint.other),
        codecs=joint.call.allowed_on(joint.other),
        codecs_source=joint.call.list_source_on(joint.other),
    )


def _must_stay_encrypted(call: LiveCall, name: str) -> str:
    """Return why a leg's audio is encrypted by now, or must be; nothing if it is not."""
    order = call.leg_orders.get(name)
    if order is not None and order.srtp is Srtp.REQUIRED:
        return "SRTP is required of it"
    suites = [leg["encryption"] for leg in call.snapshot["legs"] if leg["name"] == name]
    return next(filter(None, suites), "")


def _malformed(call: IncomingCall, why: str) -> Rejection:
    advice = f"The offer could not be read: {why} Look at what the caller's device sends."
    return call.rejected(400, Rule.MALFORMED_SDP, advice)


def _filtered(call: IncomingCall, arrived: ArrivedCall) -> Rejection:
    assert call.source.trunk is not None
    advice = f"Over the trunk {call.source.trunk.name}: {arrived.refusal}. Change the filters on "
    advice += "its Numbers tab if the call should pass."
    user, to = arrived.claim.user, arrived.to_user
    return call.rejected(403, Rule.NUMBER_FILTERED, advice, user=user, to=to)


# Of the directory as it is now


def _look_up(
    to_user: str, codecs: tuple[str, ...], *, store: Store
) -> tuple[Destination, Platform]:
    """Return what is known of a dialled user part, and the platform."""
    platform = replace(lookup.platform(store), available_codecs=codecs)
    return lookup.destination(to_user, store), platform


def _look_up_call(
    call: IncomingCall, codecs: tuple[str, ...], *, store: Store
) -> tuple[Destination, Platform, KnownNames, ArrivedCall]:
    claim = Claim(call.from_user, call.from_name)
    home = lookup.platform(store).home_country
    arrived = arrival(call.source, call.to_user, claim, call.heard, home)
    names = lookup.known_names(call.source, arrived.claim.user, store)
    return (*_look_up(arrived.to_user, codecs, store=store), names, arrived)
