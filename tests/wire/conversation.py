"""A call through the engine between two scripted phones, as far as a test wants it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.peers import descriptions
from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import IPV6_LOOPBACK
from tests.wire.directory import PASSWORD

CALLER_HZ, CALLEE_HZ = 620, 950
LATE_ROUNDS = 8
"A busy machine may begin late, or stand still: then the tones go on until both are heard."
STRANGER = "stranger"
"A caller nobody here knows: no account, no credentials."


@asynccontextmanager
async def registered(engine: Engine, user: str, **options: Any) -> AsyncIterator[Phone]:
    """Open a phone that registers as one of the engine's connections, and takes it back after."""
    server = _server(engine, options)
    async with Phone(user, PASSWORD, server=server, **options) as phone:
        response = await phone.register()
        assert response.code == 200, phone.dump()
        try:
            yield phone
        finally:
            await phone.register(expires_s=0)


@asynccontextmanager
async def caller(engine: Engine, user: str = STRANGER, **options: Any) -> AsyncIterator[Phone]:
    """Open a phone that places calls: a connection's by digest, a stranger's without."""
    password = "" if user == STRANGER else PASSWORD
    server = _server(engine, options)
    async with Phone(user, password, server=server, **options) as phone:
        yield phone


def _server(engine: Engine, options: Mapping[str, Any]) -> tuple[str, int]:
    """Where a phone finds the engine: over IPv6 if it lives at such an address."""
    host, port = engine.server_over(options.get("transport", "udp"))
    return IPV6_LOOPBACK if ":" in options.get("host", "") else host, port


@dataclass
class Conversation:
    """Both ends of an answered call."""

    a: OutgoingCall
    b: IncomingCall
    engine: Engine

    async def hears_both_ways(
        self,
        *,
        codec_a: str,
        codec_b: str,
        seconds: float = 1.0,
        octet_align_a: bool = False,
        octet_align_b: bool = False,
        payload_type_b: int | None = None,
    ) -> None:
        """Send a tone from each end at once; each must arrive at the other, in these codecs."""
        types_a, types_b = Counter[int](), Counter[int]()
        for _ in range(LATE_ROUNDS):
            at_a, at_b = await asyncio.gather(
                self.a.audio(
                    send_hz=CALLER_HZ, codec=codec_a, seconds=seconds, octet_align=octet_align_a
                ),
                self.b.audio(
                    send_hz=CALLEE_HZ,
                    codec=codec_b,
                    payload_type=payload_type_b,
                    seconds=seconds,
                    octet_align=octet_align_b,
                ),
            )
            types_a += at_a.payload_types
            types_b += at_b.payload_types
            if at_a.near(CALLEE_HZ) and at_b.near(CALLER_HZ):
                break
        assert at_b.near(CALLER_HZ), f"the callee heard {at_b}"
        assert at_a.near(CALLEE_HZ), f"the caller heard {at_a}"
        self._only(types_a, self.a, codec_a)
        self._only(types_b, self.b, codec_b)

    def _only(self, arrived: Any, call: OutgoingCall | IncomingCall, codec: str) -> None:
        """No other codec may arrive, not even one packet of it."""
        ours = call.local_codecs
        seen = {ours.get(number, str(number)) for number in arrived}
        assert seen == {codec}, f"{seen} arrived, not {codec} alone"

    async def end(self) -> dict[str, Any]:
        """Hang up at the caller's end and return the call's record."""
        assert (await self.a.hang_up()).code == 200
        await asyncio.wait_for(self.b.ended.wait(), 15)
        return await self.engine.record(self.a.call_id)


async def converse(
    engine: Engine,
    caller_phone: Phone,
    callee_phone: Phone,
    *,
    offer: str | Sequence[str],
    answer: Sequence[str] = (),
    to: str = "",
) -> Conversation:
    """Call, ring, answer. `offer` is SDP or codecs; `answer` is codecs, by default the first
    of the offer that the callee's phone knows.
    """
    text = offer if isinstance(offer, str) else caller_phone.sdp(list(offer))
    a = await caller_phone.invite(to or callee_phone.user, text)
    b = await callee_phone.wait_call()
    await b.ring()
    await a.wait_provisional(180)
    await b.answer_in(*(answer or first_known(b.offer_sdp, callee_phone.codecs)))
    await a.answered()
    return Conversation(a, b, engine)


def first_known(offer: str, known: Sequence[str]) -> list[str]:
    """Return what a callee with these codecs would choose: the first of the offer."""
    return [name for name in descriptions.names(offer) if name in known][:1]


async def nobody_was_rung(*phones: Phone) -> None:
    """Insist that no INVITE has arrived, once the caller has its final answer."""
    for phone in phones:
        assert not [m for m in phone.received() if m.startswith("INVITE")], phone.dump()


async def next_call_works(engine: Engine, callee_phone: Phone) -> None:
    """Place an ordinary call and hang up."""
    async with caller(engine) as phone:
        call = await converse(engine, phone, callee_phone, offer=["PCMU", "PCMA"])
        await call.a.hang_up()
        await asyncio.wait_for(call.b.ended.wait(), 15)
