"""One call in its process: legs feed the state machine, its effects move the legs."""

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import pjsua2 as pj

from callengine.core import effects as fx
from callengine.core.control import (
    CallEnded,
    EndCall,
    FollowRedirect,
    LegFacts,
    OfCall,
    RedirectAsked,
    StateReached,
    Taken,
    TimelineNote,
    TransferOver,
)
from callengine.core.events import (
    DialFailed,
    Event,
    HangUpOrdered,
    LegFailed,
    RedirectDecided,
    TransferOrdered,
)
from callengine.core.machine import CallMachine
from callengine.core.orders import CallOrder, LegOrder, TransferOrder
from callengine.core.states import CallState
from callengine.core.terminations import leg_failed
from callengine.worker import plugins, slots
from callengine.worker.endpoint import Endpoint
from callengine.worker.legs import Leg
from callengine.worker.mediawatch import MediaWatch
from callengine.worker.rtpguard.guard import RtpGuard

logger = logging.getLogger(__name__)


class CallRunner:
    """Carry one call from its order to its end; everything happens on one thread."""

    def __init__(
        self, endpoint: Endpoint, order: CallOrder, send: Callable[[OfCall], None]
    ) -> None:
        self._endpoint = endpoint
        self._order = order
        self._send = send
        self._machine = CallMachine(order, now=time.monotonic())
        self._legs: dict[str, Leg] = {}
        self._accounts: dict[str, Any] = {}
        "Accounts of legs that answer challenges, by leg name."
        self._reported: deque[tuple[Leg, Event | None]] = deque()
        self._bridged: str | None = None
        self._heard: set[str] = {"A"}
        "Legs whose audio the other party has heard: only theirs are the call's codecs."
        self._match: tuple[str, ...] = ()
        "What the caller's leg is to use, until it can be asked for it."
        self._watch = MediaWatch(
            self._machine, timeout_s=order.media_timeout_s, send=send, note=self._note
        )
        self._sent_facts: dict[str, LegFacts] = {}
        self._taken = False
        self._raised = plugins.raised_so_far()
        self.unable = ""
        "Why this process cannot carry the call, if so; nothing of it may be answered then."

    @property
    def finished(self) -> bool:
        """Whether the call is over and everything about it has been sent."""
        return self._machine.finished

    @property
    def legs(self) -> int:
        """How many legs the call has had."""
        return len(self._legs)

    def take(self, prm: Any, hung_up: EndCall | None = None) -> None:
        """Take the caller's INVITE (pjsua2's OnIncomingCallParam), and say so or why not.

        `hung_up` is the order to end the call if that came first.
        """
        if "A" in self._legs:
            self._refuse_second(prm)
            return
        if others := slots.held() - {prm.callId}:
            self.unable = f"{len(others)} of its call slots were not free"
            return
        leg = self._leg(self._order.leg_a, self._order.waves[0].vn_a, call_id=prm.callId)
        leg.read_message(prm.rdata.wholeMsg)
        if self._order.offered is not None:
            leg.offered = self._order.offered
        self._carry_out(self._machine.start(_hang_up(hung_up) if hung_up else None))
        if self.unable:
            return
        self._taken = True
        self._send(Taken())
        self._facts(leg)

    def failed(self, callback: str) -> bool:
        """Take what failed while an INVITE was taken; return whether the call goes to its end.

        Else nothing of it may be answered.
        """
        if self._taken:
            self._carry_out(self._machine.handle(LegFailed("A", callback), time.monotonic()))
        return self._taken

    def order_hang_up(self, message: EndCall) -> None:
        """End the call because the engine or an operator says so."""
        self._carry_out(self._machine.handle(_hang_up(message), time.monotonic()))

    def order_transfer(self, order: TransferOrder) -> None:
        """Ring somebody else for the caller, unless the order was for an earlier call."""
        if order.call == self._order.call:
            self._carry_out(self._machine.handle(TransferOrdered(order), time.monotonic()))

    def order_redirect(self, message: FollowRedirect) -> None:
        """Ring whom the engine names instead of a leg that was redirected, or nobody."""
        if message.call != self._order.call:
            return
        event = RedirectDecided(message.leg, message.waves, message.why)
        self._carry_out(self._machine.handle(event, time.monotonic()))

    def step(self) -> None:
        """Handle what the legs reported, timers, and the second's statistics."""
        now = time.monotonic()
        while self._reported:
            leg, event = self._reported.popleft()
            self._connect()
            if event is not None:
                self._carry_out(self._machine.handle(leg.explained(event), now))
            self._settle(leg)
            self._facts(leg)
            self._try_match()
        deadline = self._machine.next_deadline()
        if deadline is not None and now >= deadline:
            self._carry_out(self._machine.tick(now))
        for leg in self._legs.values():
            if leg.glare.due(now):
                self._try_again(leg)
        gone = self._watch.step(now) or self._codec_failed()
        if gone is not None:
            self._carry_out(self._machine.handle(gone, now))

    def _codec_failed(self) -> HangUpOrdered | None:
        """Return the end of a call for which pjmedia calls us in vain."""
        callback = plugins.failed(since=self._raised)
        if not callback:
            return None
        end = leg_failed("one of the parties", callback)
        return HangUpOrdered(end.by, end.reason, end.code, end.advice)

    def wait_ms(self, longest_ms: int) -> int:
        """Return how long the process may sleep before `step` is due."""
        if self._reported:
            return 0
        now = time.monotonic()
        times = (
            self._machine.next_deadline(),
            *(leg.glare.again_at for leg in self._legs.values()),
        )
        due = [self._watch.next_look(), *(time for time in times if time is not None)]
        return max(1, min(longest_ms, int((min(due) - now) * 1000) + 1))

    def abandon(self) -> None:
        """Hang everything up without asking: the engine is gone."""
        for leg in self._legs.values():
            self._guard(partial(leg.end, 503, ""))

    def release(self) -> None:
        """Give back what pjsua2 holds for this call."""
        self._reported.clear()
        self._legs.clear()
        self._watch.release()
        for account in self._accounts.values():
            self._guard(account.shutdown)
        self._accounts.clear()

    # Effects

    def _carry_out(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            self._one(effect)

    def _one(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Dial(order, codecs):
                self._dial(order, codecs)
            case fx.RingCaller(code, leg):
                self._ring(code, leg)
            case fx.AnswerCaller():
                self._guard(lambda: self._legs["A"].respond(200))
            case fx.DeclineCaller(code, reason):
                self._guard(lambda: self._legs["A"].end(code, reason))
            case fx.EndLeg(leg, code, reason):
                self._hang_up(leg, code, reason)
            case fx.Bridge(leg):
                self._bridge(leg)
            case fx.MatchCaller(codecs):
                self._begin_match(codecs)
            case fx.TransferEnded(leg, vn_a):
                self._transfer_ended(leg, vn_a)
            case fx.SendDigit(leg, digit):
                self._send_digit(leg, digit)
            case _:
                self._report(effect)

    def _report(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Note(kind, leg, text):
                self._note(kind, leg, text)
            case fx.RedirectWanted(leg, code, contacts):
                self._send(RedirectAsked(leg, code, contacts))
            case fx.StateChanged(state):
                self._send(StateReached(CallState(state), time.time()))
            case fx.Finish(termination):
                self._watch.finish()
                for leg in self._legs.values():
                    self._facts(leg)
                self._send(CallEnded(termination, time.time()))

    def _dial(self, order: LegOrder, codecs: tuple[str, ...]) -> None:
        account = self._endpoint.account
        if order.username:
            account = self._account_of(order)
        leg = self._leg(order, codecs, account=account)
        try:
            leg.dial(
                to_uri=order.to_uri,
                target_uri=f"sip:{order.token}@{self._order.edge}",
                from_uri=order.from_uri,
            )
        except pj.Error as error:
            logger.warning("leg %s could not be dialled: %s", order.name, error.reason)
            self._not_dialled(leg, order.label, error.reason)
            return
        leg.slot = leg.getId()
        self._note("dialled", order.name, f"Ringing {order.label}: offered {', '.join(codecs)}.")

    def _account_of(self, order: LegOrder) -> Any:
        """Return an account with the leg's credentials; those of legs that are gone make room.

        pjsua2 holds eight and aborts the process at the ninth.
        """
        gone = [name for name in self._accounts if self._legs[name].is_gone]
        for name in gone:
            self._guard(self._accounts.pop(name).shutdown)
        account = self._endpoint.new_account(order.username, order.password)
        self._accounts[order.name] = account
        return account

    def _not_dialled(self, leg: Leg, label: str, why: str) -> None:
        """Blame this process, not a callee who was never rung: another may take the call."""
        leg.ended = True
        if self._taken:
            self._post(leg, DialFailed(leg.name, why))
        else:
            self.unable = self.unable or f"{label or leg.name} could not be dialled: {why}"

    def _leg(
        self,
        order: LegOrder,
        allowed: tuple[str, ...],
        *,
        account: Any = None,
        call_id: int = pj.PJSUA_INVALID_ID,
    ) -> Leg:
        leg = Leg(
            account=account or self._endpoint.account,
            name=order.name,
            public_address=order.public_address,
            bridge_rate_hz=self._endpoint.config.bridge_rate_hz,
            allowed=allowed,
            post=self._post,
            wake=self._endpoint.wake,
            guard=RtpGuard(
                order.name,
                (*self._order.media_also_from, *order.media_also_from),
                is_proven=order.is_proven,
                is_trunk=bool(order.trunk),
            ),
            call_id=call_id,
        )
        self._legs[order.name] = leg
        self._watch.add(leg, order)
        return leg

    def _ring(self, code: int, early_media_leg: str | None) -> None:
        if early_media_leg is not None:
            self._bridged = early_media_leg
            self._heard.add(early_media_leg)
        self._guard(lambda: self._legs["A"].respond(code))

    def _hang_up(self, name: str, code: int, reason: str) -> None:
        leg = self._legs.get(name)
        if leg is not None:
            self._guard(lambda: leg.end(code, reason))

    def _send_digit(self, name: str, digit: str) -> None:
        try:
            self._legs[name].send_digit(digit)
        except pj.Error:
            text = "The key could not be passed on: this leg agreed on no telephone-event."
            self._note("dtmf-refused", name, text)

    # Transfer

    def _begin_match(self, codecs: tuple[str, ...]) -> None:
        self._match = codecs
        if not self._machine.is_transferring:  # else it holds once the transfer has succeeded
            self._legs["A"].allowed = codecs
        self._try_match()

    def _try_match(self) -> None:
        if not self._match:
            return
        try:
            self._legs["A"].match(self._match)
        except pj.Error:
            return  # a transaction is still open; the next report tries again
        self._match = ()

    def _try_again(self, leg: Leg) -> None:
        """Repeat a re-offer that met one of the peer's."""
        if leg.ended:
            return
        if codecs := leg.try_again():
            self._match = codecs
            self._try_match()
        else:
            self._settle(leg)

    def _transfer_ended(self, new: str | None, vn_a: tuple[str, ...]) -> None:
        self._match = ()
        self._legs["A"].stop_trying()
        self._send(TransferOver(new, time.time()))
        if new is None:
            return
        self._legs["A"].allowed = vn_a
        for leg in (self._legs["A"], self._legs[new]):
            self._settle(leg)
            self._facts(leg)

    # Media

    def _bridge(self, name: str) -> None:
        old, self._bridged = self._bridged, name
        self._heard.add(name)
        if old not in (None, name):
            self._part(self._legs[old])
        self._connect()

    def _part(self, leg: Leg) -> None:
        caller = self._legs["A"]
        if not (caller.media_active and leg.media_active):
            return  # a leg that has ended left the bridge
        caller_audio, audio = caller.audio(), leg.audio()
        self._guard(partial(caller_audio.stopTransmit, audio))
        self._guard(partial(audio.stopTransmit, caller_audio))

    def _connect(self) -> None:
        if any(leg.media_active for leg in self._legs.values()):
            self._endpoint.run_bridge()
        caller, other = self._legs.get("A"), self._legs.get(self._bridged or "")
        if caller is None or other is None:
            return
        if not (caller.media_active and other.media_active):
            return
        try:
            caller_audio, other_audio = caller.audio(), other.audio()
            caller_audio.startTransmit(other_audio)
            other_audio.startTransmit(caller_audio)
        except pj.Error as error:
            self._note("bridge-failed", other.name, f"The legs were not connected: {error.reason}")

    def _settle(self, leg: Leg) -> None:
        talking = leg.name == self._bridged and self._machine.callee == leg.name
        # One that was answered, or one of several codecs that a transfer made.
        answered_offer = leg.name == "A" and (self._order.offered is None or leg.reoffered)
        if not (talking or answered_offer):
            return
        try:
            if leg.settle():
                text = f"Re-offered one codec, so that both sides send it: not {leg.offered[0]}."
                self._note("re-offered", leg.name, text)
        except pj.Error:
            leg.settled = False  # a transaction is still open; the next report tries again

    # Reporting

    def _post(self, leg: Leg, event: Event | None) -> None:
        self._reported.append((leg, event))

    def _note(self, kind: str, leg: str, text: str) -> None:
        self._send(TimelineNote(kind, leg, text, time.time()))

    def _facts(self, leg: Leg) -> None:
        media = leg.media if leg.name in self._heard else None
        facts = LegFacts(
            name=leg.name,
            call_id=leg.sip_call_id or self._call_id_of(leg),
            user_agent=leg.user_agent,
            offered=leg.offered,
            allowed=leg.allowed,
            codec=media.codec if media else None,
            payload_type=media.payload_type if media else None,
            remote=media.remote if media else "",
            state="ended" if leg.ended else "up",
        )
        if self._sent_facts.get(leg.name) != facts:
            self._sent_facts[leg.name] = facts
            self._send(facts)

    def _call_id_of(self, leg: Leg) -> str:
        if leg.getId() == pj.PJSUA_INVALID_ID:
            return ""  # pjsua2 would not raise for it, but abort the process
        try:
            leg.sip_call_id = leg.getInfo().callIdString
        except pj.Error:
            return ""
        return leg.sip_call_id

    def _refuse_second(self, prm: Any) -> None:
        call = pj.Call(self._endpoint.account, prm.callId)
        answer = pj.CallOpParam()
        answer.statusCode = 486
        self._guard(lambda: call.hangup(answer))

    def _guard(self, action: Callable[[], object]) -> None:
        """Do something that pjsua2 refuses when the peer was quicker (a crossing BYE, say)."""
        try:
            action()
        except pj.Error as error:
            logger.info("pjsua2 refused: %s", error.reason)


def _hang_up(message: EndCall) -> HangUpOrdered:
    end = message.termination
    return HangUpOrdered(end.by, end.reason, end.code, end.advice)
