"""The browser phone's part of the engine: places its calls, and has its pages ring."""

import logging
import uuid
from dataclasses import replace
from functools import partial
from typing import Protocol

from callengine.core.control.language import ControlError
from callengine.core.directory import ConnectionEntry, Destination, Source
from callengine.core.orders import passwords_of
from callengine.core.outcomes import Rejection
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined
from callengine.core.states import CallState
from callengine.directory import lookup
from callengine.directory.current import Ask
from callengine.edge.callers.invites import dialled_user
from callengine.edge.interface import Accepted, IncomingCall, LegAnchor
from callengine.engine.arrivals.assignment import Assignment
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.parties.browserpages import BrowserPages, browser_name
from callengine.engine.parties.browsersockets import BrowserSockets
from callengine.engine.plans.planning import Asked, Planning
from callengine.loop.tasks import BackgroundTasks
from callengine.notices.answering import answer
from callengine.notices.phone import (
    AskForPhone,
    ListenToCall,
    PhoneOffer,
    PhonePlaced,
    PhoneRefused,
    PhoneRings,
    PlacePhoneCall,
)

logger = logging.getLogger(__name__)

MAX_BROWSER_CALLS = 20
"At once, on one engine: each costs some 5 % of a core more than a phone's."
MAX_RATE_HZ = 16000
NOWHERE = "udp:127.0.0.1:9"
"In place of where an INVITE came from: this machine."
MAX_FORWARDS = 70
AGENT = "agent:"
"Before the name of a voice agent, which may have no number."
NOT_ANSWERED = "Nobody talks yet: listen once the call is answered."


class RefusedError(Exception):
    """A call from a browser is not placed; the text says why and what to do."""

    def __init__(self, text: str, call: str = "") -> None:
        super().__init__(text)
        self.call = call


class Anchoring(Protocol):
    """What is asked of the edge: legs to anchor."""

    def open_legs(self, *anchors: LegAnchor) -> None:
        """Anchor more legs of a call."""


class Browsers:
    """Places the calls of browsers and has browsers ring; on the engine's event loop."""

    def __init__(
        self,
        node: str,
        *,
        ask: Ask,
        planning: Planning,
        assignment: Assignment,
        book: CallBook,
        edge: Anchoring,
        pages: BrowserPages,
        sockets: BrowserSockets,
    ) -> None:
        self._node, self._ask, self._planning = node, ask, planning
        self._assignment, self._book, self._edge = assignment, book, edge
        self.pages, self.sockets = pages, sockets
        self._tasks = BackgroundTasks("browser phones")
        self._closed = False

    def close(self) -> None:
        """Place no more calls."""
        self._closed = True

    async def stop(self) -> None:
        """Let no sound in any more."""
        self._closed = True
        await self._tasks.stop()
        await self.sockets.stop()

    # What pages ask

    def offer(self, asked: AskForPhone, *, channel: str) -> None:
        """Answer whether a call can be placed here; the order is heard on `channel`."""
        problem = self._busy()
        told = PhoneRefused(problem, is_offer=True) if problem else PhoneOffer(channel)
        self._tasks.start(answer(asked.reply, told))

    def place(self, asked: PlacePhoneCall) -> None:
        """Place a call, and tell the page where its sound goes."""
        self._tasks.start(self._place(asked))

    def refuse(self, asked: AskForPhone | PlacePhoneCall, why: str) -> None:
        """Tell a page that it came to nothing."""
        order = asked.order if isinstance(asked, PlacePhoneCall) else ""
        self._tasks.start(answer(asked.reply, PhoneRefused(why, order=order)))

    def _busy(self) -> str:
        if self._closed:
            return f"The engine {self._node} is shutting down. Try again when it is back."
        calls = sum(bool(call.plan.browser) for call in self._book.calls.values())
        if calls >= MAX_BROWSER_CALLS:
            return (
                f"{MAX_BROWSER_CALLS} calls from browsers are up on the engine {self._node}, its "
                "limit. Wait until one is over, or call from a phone."
            )
        return ""

    async def _place(self, asked: PlacePhoneCall) -> None:
        try:
            live = await self._placed(asked)
        except RefusedError as refusal:
            refused = PhoneRefused(str(refusal), refusal.call, order=asked.order)
            await answer(asked.reply, refused)
        except Exception:
            logger.exception("a call from a browser could not be placed")
            failed = PhoneRefused("The engine failed; its log says why.", order=asked.order)
            await answer(asked.reply, failed)
        else:
            at = self.sockets.expect(live.plan.call, "A")
            placed = PhonePlaced(live.id, at.host, at.port, at.token, asked.order)
            await answer(asked.reply, placed)

    async def _placed(self, asked: PlacePhoneCall) -> LiveCall:
        if problem := self._busy():
            raise RefusedError(problem)
        to, named = await self._named(asked.to.strip())
        planned = await self._planning.asked(await self._call(asked, to), named)
        if isinstance(planned, Rejection):
            raise RefusedError(planned.advice)
        plan = self._plan(planned, asked)
        live = self._book.open(plan, planned.call)
        live.passwords = passwords_of(planned.destination)
        live.source, live.flow, live.incoming = planned.call.source, planned.call.flow, planned.call
        outcome = await self._assignment.connect(live)
        if not isinstance(outcome, Accepted):
            end = live.snapshot["termination"]
            raise RefusedError(end["advice"] if end else "No call process took it.", live.id)
        self._edge.open_legs(*outcome.legs_b)
        return live

    async def _named(self, text: str) -> tuple[str, Destination | None]:
        """Return what is dialled, and the voice agent that is meant if one is named as such."""
        if text.startswith(AGENT):
            name = text.removeprefix(AGENT).strip()
            named = await self._ask(partial(lookup.agent_destination, name))
            if named is None:
                raise RefusedError(f"No voice agent is named {name!r}.")
            return name, named
        to = dialled_user(text.removeprefix("sip:"))
        if not to:
            raise RefusedError("Nobody is named: type a number, a name or *echo.")
        return to, None

    async def _call(self, asked: PlacePhoneCall, to: str) -> IncomingCall:
        name = browser_name(asked.by)
        entry = ConnectionEntry(asked.by, name)
        if asked.connection:
            connection = await self._ask(partial(lookup.connection, asked.connection))
            if connection is None:
                raise RefusedError(f"No connection has the SIP user {asked.connection!r}.")
            if not connection.enabled:
                raise RefusedError(f"{connection.name} is disabled: enable it, or call as another.")
            entry = connection
        return IncomingCall(
            source=Source(
                "connection",
                "127.0.0.1",
                connection=entry,
                is_inside_only=not asked.connection,
            ),
            call_id=f"browser-{uuid.uuid4().hex}",
            from_user=entry.sip_user,
            from_name=entry.name,
            to_user=to,
            user_agent=name,
            sdp=None,
            max_forwards=MAX_FORWARDS,
            flow=NOWHERE,
        )

    def _plan(self, planned: Asked, asked: PlacePhoneCall) -> CallPlan:
        """Return the plan as a browser's: its own leg has no list. Raises RefusedError."""
        decision = self._planning.decide(planned)
        if isinstance(decision, Rejection):
            raise RefusedError(decision.advice)
        if isinstance(decision, Declined):
            live = self._book.open(decision.plan, planned.call)
            self._book.close(live, decision.termination)
            raise RefusedError(decision.termination.advice, live.id)
        waves = (replace(wave, vn_a=(), avoids_transcoding=False) for wave in decision.waves)
        name = browser_name(asked.by)
        return replace(
            decision,
            waves=tuple(waves),
            browser=name,
            source=decision.source if asked.connection else f"browser:{asked.by}",
            vn_a=(),
            vn_a_source=f"none: {name} has no codec to choose",
            bridge_rate_hz=min(decision.bridge_rate_hz, MAX_RATE_HZ),
        )

    def listen(self, call: LiveCall, asked: ListenToCall) -> None:
        """Let somebody hear a call, or say why not."""
        if not CallState(call.snapshot["state"]).is_talking:
            self._tasks.start(answer(asked.reply, PhoneRefused(NOT_ANSWERED)))
        else:
            at = self.sockets.expect(call.plan.call, "", listener=asked.by)
            placed = PhonePlaced(call.id, at.host, at.port, at.token)
            self._tasks.start(answer(asked.reply, placed))

    # What call processes ask

    def ring(self, call: LiveCall, leg: str) -> None:
        """Have the page of a leg ring, once; one that is gone does not come, and the leg says so.

        Raises ControlError if it was had to ring before: each time costs others a place.
        """
        if leg in call.browsers_rung:
            raise ControlError(f"BrowserWanted of {leg} for the second time")
        call.browsers_rung.add(leg)
        browser = call.leg_orders[leg].browser
        channel = self.pages.channel(browser.page) if browser is not None else ""
        if not channel:
            return
        at = self.sockets.expect(call.plan.call, leg)
        caller, name = call.plan.from_user, call.plan.from_name
        rings = PhoneRings(call.id, at.host, at.port, at.token, caller[:255], name[:255])
        self._tasks.start(answer(channel, rings))
