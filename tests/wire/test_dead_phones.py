"""Phones that fall silent: their calls end at once, and cost nobody else a call process.

The engine holds three calls, and one process gets one call after another: with each it would lose
one of its four slots, if those were not free at once.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import sipmessage

from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.waiting import until
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection

CONFIGURATION = configuration(
    connection("alice"),
    connection("bob", inbound=["PCMU"]),
    connection("carol", inbound=["PCMU"]),
    connection("dora"),
)
CALLS = 3
ENVIRONMENT = {"VOIPNUMBER_MAX_CALLS": str(CALLS)}
AT_ONCE_S = 15.0
"A held slot costs 32 s; a busy machine may take a few."


class DeafPhone(Phone):
    """A phone on which requests of the methods in `deaf_to` are lost."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.deaf_to: frozenset[str] = frozenset()
        self.unheard: list[sipmessage.Request] = []
        self._hear = self.transport.request_handler
        self.transport.request_handler = self._filtered

    async def _filtered(self, request: sipmessage.Request) -> None:
        if request.method in self.deaf_to:
            self.unheard.append(request)
        else:
            await self._hear(request)

    async def wakes_up(self, request: sipmessage.Request) -> IncomingCall:
        """Take an INVITE that was lost; the next requests are heard."""
        self.deaf_to = frozenset()
        await self._hear(request)
        return await self.wait_call()

    def was_sent(self, method: str, call_id: str = "") -> list[str]:
        """Return every request of this method that arrived, repeated ones too."""
        return [x for x in self.received() if x.startswith(f"{method} ") and call_id in x]


@asynccontextmanager
async def deaf(engine: Engine, user: str, *methods: str) -> AsyncIterator[DeafPhone]:
    async with DeafPhone(user, PASSWORD, server=engine.server) as phone:
        assert (await phone.register()).code == 200
        phone.deaf_to = frozenset(methods)
        yield phone
        phone.deaf_to = frozenset()
        await phone.register(expires_s=0)


async def everybody_else_can_call(engine: Engine) -> None:
    """As many calls as the engine holds must be answered, at once, and none refused."""
    async with registered(engine, "carol") as carol, caller(engine, "dora") as phone:
        async with asyncio.timeout(AT_ONCE_S):
            calls = [await phone.invite("carol", phone.sdp(["PCMU"])) for _ in range(CALLS)]
            rung = [await carol.wait_call() for _ in calls]
        await asyncio.gather(*(call.answer_in("PCMU") for call in rung))
        assert [(await call.answered()).code for call in calls] == [200] * CALLS
        await asyncio.gather(*(call.hang_up() for call in calls))
        await asyncio.gather(*(call.ended.wait() for call in rung))


async def branch_of(messages: Callable[[], list[str]], count: int) -> str:
    """Wait for so many copies of one request; return their Via branch."""
    await until(lambda: len(messages()) >= count, f"not repeated {count} times")
    branches = {re.search(r"branch=([^;\s]+)", text)[1] for text in messages()}  # type: ignore[index]
    assert len(branches) == 1
    return branches.pop()


async def test_callers_who_cancel_on_a_callee_that_says_nothing(engine: Engine) -> None:
    async with deaf(engine, "bob", "INVITE") as bob, caller(engine, "alice") as phone:
        calls = []
        for count in range(1, CALLS + 1):
            call = await phone.invite("bob", phone.sdp(["PCMU"]))
            await until(partial(_were_rung, bob, count), "not rung")
            assert (await call.cancel()).code == 200
            assert (await call.wait_final(AT_ONCE_S)).code == 487
            calls.append(call)
        await everybody_else_can_call(engine)
        await all_ended(engine, calls, by="caller", reason="caller-cancelled", code=487)
        # RFC 3261 section 9.1: no CANCEL before the callee has said anything; the INVITE goes on.
        assert not bob.was_sent("CANCEL")
        first = bob.unheard[0]
        await branch_of(partial(bob.was_sent, "INVITE", first.call_id), 2)
        rung = await bob.wakes_up(first)
        await rung.ring()
        await asyncio.wait_for(rung.cancelled.wait(), AT_ONCE_S)


def _were_rung(phone: DeafPhone, count: int) -> bool:
    return len({request.call_id for request in phone.unheard}) == count


async def test_callees_that_answer_after_they_were_cancelled(engine: Engine) -> None:
    async with deaf(engine, "bob", "CANCEL") as bob, caller(engine, "alice") as phone:
        pairs = []
        for _ in range(CALLS):
            a = await phone.invite("bob", phone.sdp(["PCMU"]))
            b = await bob.wait_call()
            await b.ring()
            await a.wait_provisional(180)
            pairs.append((a, b))
            await a.cancel()
            assert (await a.wait_final(AT_ONCE_S)).code == 487
        await everybody_else_can_call(engine)
        for _, b in pairs:
            await branch_of(partial(bob.was_sent, "CANCEL", b.call_id), 2)
            await b.answer(bob.sdp(["PCMU"]))
            await asyncio.wait_for(b.ended.wait(), AT_ONCE_S)
            assert b.bye is not None
        calls = [a for a, _ in pairs]
        await all_ended(engine, calls, by="caller", reason="caller-cancelled", code=487)


async def test_callees_that_never_answer_a_bye(engine: Engine) -> None:
    async with deaf(engine, "bob", "BYE") as bob, caller(engine, "alice") as phone:
        calls = []
        for _ in range(CALLS):
            call = await converse(engine, phone, bob, offer=["PCMU"])
            assert (await call.a.hang_up()).code == 200
            calls.append(call)
        await everybody_else_can_call(engine)
        for call in calls:
            await still_sent(bob, call.b.call_id)
        ended = [call.a for call in calls]
        await all_ended(engine, ended, by="caller", reason="caller-hung-up", code=200)


async def test_callers_that_never_answer_a_bye(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, deaf(engine, "alice", "BYE") as phone:
        calls = []
        for _ in range(CALLS):
            call = await converse(engine, phone, bob, offer=["PCMU"])
            assert (await call.b.hang_up()).code == 200
            calls.append(call)
        await everybody_else_can_call(engine)
        for call in calls:
            await still_sent(phone, call.a.call_id)
        ended = [call.a for call in calls]
        await all_ended(engine, ended, by="callee", reason="callee-hung-up", code=200)


async def still_sent(phone: DeafPhone, call_id: str) -> None:
    await branch_of(partial(phone.was_sent, "BYE", call_id), 2)


async def all_ended(engine: Engine, calls: Sequence[OutgoingCall], **words: str | int) -> None:
    """Insist on the one termination of all these calls."""
    for call in calls:
        await engine.record(call.call_id)
    known = {call["legs"][0]["call_id"]: call["termination"] for call in engine.calls()}
    for call in calls:
        assert known[call.call_id] == {**words, "advice": known[call.call_id]["advice"]}


class Unacknowledging(OutgoingCall):
    """A caller whose ACK gets lost until `late_ack`."""

    async def _acknowledge(self, invite: sipmessage.Request, sdp: str | None) -> None:
        self.held = (invite, sdp)

    async def late_ack(self) -> None:
        await super()._acknowledge(*self.held)


async def unacknowledged(phone: Phone, to: str) -> Unacknowledging:
    call = Unacknowledging(phone, phone.address(phone.user, tag=True))
    call.target = phone.target(to)
    call.remote = sipmessage.Address(uri=call.target)
    phone.calls[call.call_id] = call
    call.final = asyncio.create_task(call.run(phone.sdp(["PCMU"]), None))
    return call


async def test_callers_that_never_acknowledge_the_answer(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "alice") as phone:
        calls: list[Unacknowledging] = []
        for _ in range(CALLS):
            a = await unacknowledged(phone, "bob")
            b = await bob.wait_call()
            await b.answer_in("PCMU")
            await a.answered()
            calls.append(a)
            assert (await b.hang_up()).code == 200
        await everybody_else_can_call(engine)
        for a in calls:
            # RFC 3261 section 15: no BYE to a caller before its ACK, or 32 s.
            assert a.bye is None
            await until(partial(_is_answered_twice, phone, a.call_id), "no answer is repeated")
            await a.late_ack()
            await asyncio.wait_for(a.ended.wait(), AT_ONCE_S)
        await all_ended(engine, calls, by="callee", reason="callee-hung-up", code=200)


def _is_answered_twice(phone: Phone, call_id: str) -> bool:
    answers = [x for x in phone.received() if x.startswith("SIP/2.0 200 ") and call_id in x]
    return len(answers) >= 2


async def test_phones_rung_in_vain_that_never_answer_the_cancel(engine: Engine) -> None:
    async with (
        registered(engine, "bob") as bob,
        deaf(engine, "bob", "CANCEL") as lost,
        deaf(engine, "bob", "CANCEL", "INVITE") as silent,
        caller(engine, "alice") as phone,
    ):
        for _ in range(CALLS):
            a = await phone.invite("bob", phone.sdp(["PCMU"]))
            b, other = await bob.wait_call(), await lost.wait_call()
            await other.ring()
            await a.wait_provisional(180)
            await b.answer_in("PCMU")
            await a.answered()
            assert (await a.hang_up()).code == 200
            await asyncio.wait_for(b.ended.wait(), AT_ONCE_S)
        await everybody_else_can_call(engine)
        await until(lambda: len(lost.was_sent("CANCEL")) > CALLS, "the CANCEL is not repeated")
        assert all("Call completed elsewhere" in text for text in lost.was_sent("CANCEL"))
        assert not silent.was_sent("CANCEL")
