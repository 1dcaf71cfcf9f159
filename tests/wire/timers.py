"""Session timers (RFC 4028) that run out, or that we keep from it: what goes on for a minute.

The shortest interval there is takes 90 s, so these calls begin with a module and are looked at by
its last test.
"""

import asyncio
from dataclasses import dataclass

from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import caller, registered

EXPIRED_S = 60
"A third of 90 s before their end, when the other side gives up (RFC 4028 section 10)."
SIGN_OF_LIFE_S, LATE_S = 20, 12
TIMER = {"Supported": "timer", "Min-SE": "90"}


@dataclass
class Timed:
    """One call with a timer on one of its legs."""

    a: OutgoingCall
    b: IncomingCall
    said: str
    "Session-Expires of the answer to the caller."

    @property
    def reasons(self) -> list[str]:
        """The Reason of the BYE that each side was sent."""
        byes = (call.bye for call in (self.a, self.b))
        return [str(bye.headers.get("Reason")) if bye is not None else "" for bye in byes]


async def _begin(phone: Phone, callee: Phone, *, asked: str = "", answered: str = "") -> Timed:
    headers = {**TIMER, "Session-Expires": asked} if asked else {}
    a = await phone.invite(callee.user, phone.sdp(["PCMU"]), headers=headers)
    b = await callee.wait_call()
    b.local_sdp = callee.sdp(["PCMU"])
    answer = {"Require": "timer", "Session-Expires": answered} if answered else {}
    await b.respond(b.invite, 200, b.local_sdp, headers=answer)
    final = await a.answered()
    return Timed(a, b, str(final.headers.get("Session-Expires") or ""))


async def calls_with_timers(engine: Engine, user: str) -> dict[str, Timed]:
    """Have four calls to `user` whose sessions somebody is to refresh; return them at their ends.

    `caller` and `callee` promise it and do not; `uas` and `uac` leave it to us, in that role. Runs
    on a thread of its own, so it leaves the engine's record to the tests.
    """
    async with (
        registered(engine, user) as callee,
        caller(engine) as one,
        caller(engine) as two,
        caller(engine) as three,
        caller(engine) as four,
    ):
        calls = {
            "caller": await _begin(one, callee, asked="90;refresher=uac"),
            "callee": await _begin(two, callee, answered="90;refresher=uas"),
            "uas": await _begin(three, callee, asked="90;refresher=uas"),
            "uac": await _begin(four, callee, answered="90;refresher=uac"),
        }
        await asyncio.sleep(SIGN_OF_LIFE_S)
        for call in calls.values():  # else they would end as calls without media
            await call.a.audio(send_hz=620, codec="PCMU", seconds=0.1)
        async with asyncio.timeout(EXPIRED_S - SIGN_OF_LIFE_S + LATE_S):
            for broken in (calls["caller"], calls["callee"]):
                await broken.a.ended.wait()
                await broken.b.ended.wait()
        for kept in (calls["uas"], calls["uac"]):
            assert not kept.a.ended.is_set()
            await kept.a.hang_up()
            await asyncio.wait_for(kept.b.ended.wait(), 15)
    return calls
