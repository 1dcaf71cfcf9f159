"""The codec lab's part of the engine: places a call between two built-in phones, for real.

Or from one to a voice agent.

The calling phone comes through the edge like any other, as a one-time user that is known here and
in no table. So nothing of a real registration, password or limit is touched.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from callengine.core.lab import LabCase, LabEnds
from callengine.core.outcomes import Rejection, Termination
from callengine.core.reasons import Reason
from callengine.lab.ends import UnknownEndError
from callengine.lab.labcall import LabCall, LabOrder, phone_address
from callengine.lab.messages import order_of
from callengine.lab.phones import Phone, PhoneError, PhoneSettings, phone_server, start_phone
from callengine.loop.tasks import BackgroundTasks
from callengine.notices.answering import answer
from callengine.notices.lab import AskForLab, LabBusy, LabOffer, LabPlaced, LabRefused, PlaceLabCall

logger = logging.getLogger(__name__)

MAX_LAB_CALLS = 2
"At once, on one engine."
DECIDED_WITHIN_S = 10.0
ANSWERED_WITHIN_S = 10.0
WRITTEN_WITHIN_S = 8.0
"DECIDED_WITHIN_S and this are less than a page waits for the answer."
END_WITHIN_S = 5.0
SPARE_LIFE_S = 60.0
"How much longer than the talk a phone lives at most, whatever happens to us."
TONES_HZ = (440, 660)


class LabError(Exception):
    """A lab call cannot be placed; the text says why and what to do."""


class Sources(Protocol):
    """Where callers that stand in no table are announced."""

    def add(self, call: LabCall) -> None:
        """Let the caller of this call in, once."""

    def remove(self, call: LabCall) -> None:
        """Forget a call that is over."""


class Host(Protocol):
    """What is asked of the engine the laboratory is in."""

    @property
    def node(self) -> str:
        """Its name."""

    @property
    def codecs(self) -> tuple[str, ...]:
        """What it can do now."""

    @property
    def unavailable(self) -> dict[str, str]:
        """Codec name -> why it cannot do it."""

    @property
    def listening(self) -> Iterable[tuple[str, str, int]]:
        """Return the addresses it takes SIP at: transport, host and port."""

    async def written(self, timeout_s: float) -> None:
        """Wait until what was written so far is in the database; raises TimeoutError."""

    def end_call(self, key: str, termination: Termination) -> None:
        """End a call by its key of 32 digits, if it is still up."""


class Laboratory:
    """Places lab calls and ends their phones; all of it on the engine's event loop."""

    def __init__(
        self,
        host: Host,
        sources: Sources,
        find: Callable[[LabCase], Awaitable[LabEnds]],
    ) -> None:
        """`find` looks up the two ends of a case; it raises UnknownEndError."""
        self._host = host
        self._sources = sources
        self._find = find
        self._calls: list[LabCall] = []
        self._tasks = BackgroundTasks("the codec lab")
        self._closed = False

    # What pages ask

    def offer(self, asked: AskForLab, *, channel: str) -> None:
        """Answer whether a call can be placed here; the order is heard on `channel`."""
        problem = self._busy()
        self._tasks.start(answer(asked.reply, LabBusy(problem) if problem else LabOffer(channel)))

    def place(self, asked: PlaceLabCall) -> None:
        """Place a call, and tell the page once it is on the record."""
        self._tasks.start(self._place(asked))

    def refuse(self, asked: AskForLab | PlaceLabCall, why: str) -> None:
        """Tell the page why not."""
        self._tasks.start(answer(asked.reply, LabRefused(why)))

    async def stop(self) -> None:
        """End every lab call and take no more."""
        self._closed = True
        await self._tasks.stop()

    async def _place(self, asked: PlaceLabCall) -> None:
        try:
            call = await self._prepared(order_of(asked))
        except (LabError, UnknownEndError, ValueError) as error:
            await answer(asked.reply, LabRefused(str(error)))
            return
        try:
            await self._carry(call, asked)
        except (LabError, PhoneError) as error:
            await answer(asked.reply, LabRefused(str(error)))
        except Exception:
            logger.exception("a call of the codec lab failed")
            await answer(asked.reply, LabRefused("The engine failed; its log says why."))
        finally:
            self._calls.remove(call)
            self._sources.remove(call)

    def _busy(self) -> str:
        node = self._host.node
        if self._closed:
            return f"The engine {node} is shutting down. Try again when it is back."
        if len(self._calls) >= MAX_LAB_CALLS:
            return (
                f"{MAX_LAB_CALLS} lab calls are up on the engine {node} already, its limit. "
                "Hang one up or wait until it is over."
            )
        return ""

    async def _prepared(self, order: LabOrder) -> LabCall:
        self._check_codecs(order)
        ends = await self._find(order.case)
        if problem := self._busy():  # nothing is awaited between this and taking the place
            raise LabError(problem)
        call = LabCall(order, ends)
        self._calls.append(call)
        self._sources.add(call)
        return call

    def _check_codecs(self, order: LabOrder) -> None:
        wanted = dict.fromkeys((*order.case.caller, *order.case.callee))
        for name in wanted:
            if name not in self._host.codecs:
                why = self._host.unavailable.get(name, f"{name} is unavailable on this engine.")
                raise LabError(f"{why} Take {name} out of the phones' lists.")

    # One call

    async def _carry(self, call: LabCall, asked: PlaceLabCall) -> None:
        phones: list[Phone] = []
        talking: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            server = phone_server(self._host.listening)
            starting = [self._phone(call, server, host=call.host, password=call.password)]
            callee_host = phone_address()
            if call.ends.destination.agent is None:
                starting.append(self._phone(call, server, host=callee_host, password=""))
            phones += await _all_or_none(starting)
            caller, *callees = phones
            for callee in callees:
                call.callee_uri = f"sip:phone@{callee_host}:{callee.port};transport=udp"
            uri = f"sip:{call.user}@{server}"
            caller.tell(do="call", uri=uri, codecs=list(call.order.case.caller))
            wait_s = DECIDED_WITHIN_S + ANSWERED_WITHIN_S
            talking = asyncio.create_task(caller.hears("talking", timeout_s=wait_s))
            await answer(asked.reply, LabPlaced(await self._decided(call, talking)))
            await self._talk(call, caller, talking)
        finally:
            talking.cancel()
            await asyncio.shield(self._clear(call, phones))

    async def _phone(self, call: LabCall, server: str, *, host: str, password: str) -> Phone:
        case = call.order.case
        settings = PhoneSettings(
            user=call.user if password else "phone",
            server=server,
            password=password,
            host=host,
            hz=TONES_HZ[0] if password else TONES_HZ[1],
            codecs=case.caller if password else case.callee,
            life_s=call.order.talk_s + SPARE_LIFE_S,
        )
        phone = await start_phone(settings)
        missing = [name for name in settings.codecs if name not in phone.codecs]
        if missing:
            await phone.stop()
            raise LabError(f"The built-in phones cannot do {', '.join(missing)} on this engine.")
        return phone

    async def _decided(self, call: LabCall, talking: "asyncio.Future[Any]") -> str:
        """Return the id of the call once it is on the record."""
        await asyncio.wait(
            {talking, call.decided}, timeout=DECIDED_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
        )
        if not call.decided.done():
            raise LabError(_unheard(talking))
        decision = call.decided.result()
        if isinstance(decision, Rejection):
            raise LabError(f"Refused with {decision.code} {decision.rule}: {decision.advice}")
        await self._written()
        return decision.call

    async def _written(self) -> None:
        """Wait until what was written so far is in the database; raises LabError if it is away."""
        try:
            await self._host.written(WRITTEN_WITHIN_S)
        except TimeoutError:
            raise LabError(
                f"The call was placed and its record was not written within {WRITTEN_WITHIN_S:g} s:"
                " is the database up? Look into the engine's log."
            ) from None

    async def _talk(self, call: LabCall, caller: Phone, talking: "asyncio.Future[Any]") -> None:
        """Let the phones talk for as long as was asked, then hang up."""
        talk_s = call.order.talk_s
        try:
            heard = await talking
            if heard["is"] == "talking":
                await caller.hears(timeout_s=talk_s)
        except TimeoutError:
            self._hang_up(call, f"The {talk_s:g} s of this lab call are over: a normal end.")
            with contextlib.suppress(TimeoutError):
                await caller.hears(timeout_s=END_WITHIN_S)

    async def _clear(self, call: LabCall, phones: list[Phone]) -> None:
        self._hang_up(call, "The codec lab ended its call. Place another from its page.")
        await asyncio.gather(*(phone.stop() for phone in phones))

    def _hang_up(self, call: LabCall, advice: str) -> None:
        """End the call for both phones, if it is still up."""
        decision = call.decided.result() if call.decided.done() else None
        if decision is None or isinstance(decision, Rejection):
            return
        self._host.end_call(decision.call, Termination("engine", Reason.LAB_CALL_OVER, 200, advice))


def _unheard(talking: "asyncio.Future[Any]") -> str:
    if not talking.done():
        return (
            f"The calling phone's INVITE was not answered within {DECIDED_WITHIN_S:g} s. "
            "Look into the engine's log."
        )
    fact = talking.result()
    return f"The calling phone was refused: {fact.get('code')} {fact.get('reason')}."


async def _all_or_none(starting: Any) -> list[Phone]:
    """Return the phones once all are there; if one fails the others are ended."""
    results = await asyncio.gather(*starting, return_exceptions=True)
    phones = [phone for phone in results if isinstance(phone, Phone)]
    failure = next((error for error in results if isinstance(error, BaseException)), None)
    if failure is not None:
        await asyncio.gather(*(phone.stop() for phone in phones))
        raise failure
    return phones
