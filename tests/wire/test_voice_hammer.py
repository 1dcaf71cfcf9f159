"""A leg's RTP goes only where somebody wants it: no call aims it at a third party."""

import asyncio
import itertools
import json
import uuid
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any

from tests.peers.dialogs import Call, IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.mute import MutePhone
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.peers.rtp import Packet, RtpTone
from tests.peers.waiting import until
from tests.wire.conversation import CALLEE_HZ, Conversation, caller, registered
from tests.wire.directory import configuration, connection, trunk

VICTIM, CARRIER, CARRIERS_MEDIA = "127.0.0.91", "127.0.0.32", "127.0.0.92"
GATEWAY_PORT = free_sip_port(CARRIER)
USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
CONFIGURATION = configuration(
    *(connection(user, inbound=["PCMU"]) for user in USERS),
    trunks=[
        trunk(
            "carrier",
            allowed=[CARRIER],
            gateway=f"sip:{CARRIER}:{GATEWAY_PORT};transport=udp",
            codecs=["PCMU"],
        )
    ],
    numbers={"+12025550101": "connection:erin"},
    routes={"+44": ["carrier"]},
)
Line = tuple[str, ...]
"Kind, leg and text."
UNHEARD_S = 5.0
LOOK_S = 1.0
LATE_S = 3.0
"How late a busy machine may be to look."


async def begin(
    phone: Phone, callee: Phone, to: str, *, offer: str = "", answer: str = ""
) -> tuple[OutgoingCall, IncomingCall]:
    """Call and answer at once; the descriptions are the phones' own if none are given."""
    a = await phone.invite(to, offer or phone.sdp(["PCMU"]))
    b = await callee.wait_call()
    await b.answer(answer or callee.sdp(["PCMU"]))
    await a.answered()
    return a, b


async def leave(a: OutgoingCall, b: Call) -> str:
    """Hang up; return the call's Call-ID on the caller's leg."""
    assert (await a.hang_up()).code == 200
    await asyncio.wait_for(b.ended.wait(), 15)
    return a.call_id


async def told(engine: Engine) -> dict[str, list[Line]]:
    """Return the lines about sending of all calls, by their Call-ID, once all have ended."""
    async with asyncio.timeout(30):
        while True:
            calls = engine.calls()
            if all(call["termination"] for call in calls):
                break
            await asyncio.sleep(0.2)
    script = (
        "import json\n"
        "from callengine.models import CallEvent\n"
        "for e in CallEvent.objects.filter(kind__startswith='sending-').order_by('pk'):\n"
        "    print(json.dumps([e.call_id.hex, e.kind, e.leg, e.text]))"
    )
    events = map(json.loads, engine.shell(script).splitlines())
    by_id: dict[str, list[Line]] = defaultdict(list)
    for call, *line in events:
        by_id[call].append(tuple(line))
    return {call["legs"][0]["call_id"]: by_id[uuid.UUID(call["id"]).hex] for call in calls}


def are_in_step(packets: list[Packet]) -> bool:
    """Tell whether neither sequence numbers nor timestamps jump (20 ms of 8000 Hz)."""
    return all(
        ((y.sequence - x.sequence) & 0xFFFF, (y.timestamp - x.timestamp) & 0xFFFFFFFF) == (1, 160)
        for x, y in itertools.pairwise(packets)
    )


async def hammered(phone: Phone, callee: Phone, *, by_callee: bool = False) -> str:
    """Describe a host that never asked; it gets 5 s of audio, and more once it speaks."""
    victim = await RtpTone.open(VICTIM)
    sdp = phone.sdp(["PCMU"], address=VICTIM, port=victim.port)
    described = {"answer": sdp} if by_callee else {"offer": sdp}
    a, b = await begin(phone, callee, callee.user, **described)
    aimed = b if by_callee else a
    await victim.first_packet()
    await victim.falls_silent(1.0)
    assert len(victim.packets) < 50 * (UNHEARD_S + LOOK_S + LATE_S)
    victim.forget()
    victim.send(aimed.rtp_target, 0, b"\xff" * 160, step=160)
    await until(lambda: len(victim.packets) > 5, "it is not sent to though it spoke")
    assert are_in_step(victim.packets)
    victim.close()
    return await leave(a, b)


async def followed(phone: Phone, callee: Phone) -> str:
    """One packet, even an empty one, shows where its sender is: that is where audio goes then."""
    victim = await RtpTone.open(VICTIM)
    offer = phone.sdp(["PCMU"], address=VICTIM, port=victim.port)
    a, b = await begin(phone, callee, callee.user, offer=offer)
    await victim.first_packet()
    phone.rtp.send(a.rtp_target, 0, b"", step=160)
    await phone.rtp.first_packet()
    await victim.falls_silent(0.5)
    victim.close()
    return await leave(a, b)


async def never_acknowledged(phone: MutePhone, callee: Phone) -> None:
    """Neither the named host nor the source gets more than a little of it."""
    phone.never_acknowledge()
    victim = await RtpTone.open(VICTIM)
    a = await phone.invite(callee.user, phone.sdp(["PCMU"], address=VICTIM, port=victim.port))
    b = await callee.wait_call()
    await b.answer(callee.sdp(["PCMU"]))
    await a.answered()
    await b.audio(send_hz=CALLEE_HZ, codec="PCMU", seconds=4.5)
    assert victim.packets == []
    victim.close()
    finals = [text for text in phone.received() if text.startswith("SIP/2.0 200")]
    assert 3 <= len(finals) <= 4, "repeated after 0.5, 1.5 and 3.5 s"
    await b.hang_up()


async def ordinary(engine: Engine, phone: Phone, callee: Phone) -> str:
    """Whoever sends from where they signal hears and is heard at once, and on."""
    a, b = await begin(phone, callee, callee.user)
    await phone.rtp.first_packet()
    both = Conversation(a, b, engine)
    await both.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.2)
    await asyncio.sleep(UNHEARD_S)
    await both.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.2)
    return await leave(a, b)


async def behind_nat(engine: Engine, phone: Phone, callee: Phone) -> str:
    """A private address is described; the media comes from where the signalling does."""
    a, b = await begin(
        phone, callee, callee.user, offer=phone.sdp(["PCMU"], address="192.0.2.55", port=40000)
    )
    both = Conversation(a, b, engine)
    await both.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=UNHEARD_S + LOOK_S)
    await both.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.2)
    return await leave(a, b)


async def carriers(gateway: Phone, phone: Phone, callee: Phone) -> list[str]:
    """A trunk's media has hosts of its own, and may be silent as long as it likes."""
    media = [await RtpTone.open(CARRIERS_MEDIA) for _ in range(2)]
    described = [gateway.sdp(["PCMU"], address=CARRIERS_MEDIA, port=ear.port) for ear in media]
    inward = await begin(gateway, callee, "+12025550101", offer=described[0])
    outward = await begin(phone, gateway, "+44123", answer=described[1])
    await asyncio.sleep(UNHEARD_S + LOOK_S + 0.5)
    for ear in media:
        ear.forget()
    for ear in media:
        await until(lambda ear=ear: len(ear.packets) > 10, "no more audio")  # type: ignore[misc]
    for ear in media:
        ear.close()
    return [await leave(a, b) for a, b in (inward, outward)]


async def before_its_ack(engine: Engine, phone: Phone, callee: Phone) -> str:
    """A stranger hears nothing of early media, and at once what follows its ACK."""
    a = await phone.invite(callee.user, phone.sdp(["PCMU"]))
    b = await callee.wait_call()
    await b.early_media(callee.sdp(["PCMU"]))
    await a.wait_provisional(180)  # a 183 with SDP is more than an unproven source gets
    await b.audio(send_hz=CALLEE_HZ, codec="PCMU", seconds=2.2)
    assert phone.rtp.packets == []
    await b.answer(b.local_sdp)
    await a.answered()
    await phone.rtp.first_packet()
    # It is told once its call process has looked.
    await engine._eventually(lambda: _resumed(engine, a.call_id), "it was not told", 30)
    return await leave(a, b)


def _resumed(engine: Engine, call_id: str) -> dict[str, Any] | None:
    """Return what the timeline of a call says of being sent to again; None: nothing yet."""
    call = next(one for one in engine.calls() if one["legs"][0]["call_id"] == call_id)
    return next((e for e in engine.events(call["id"]) if e["kind"] == "sending-resumed"), None)


async def test_rtp_goes_only_where_somebody_wants_it(engine: Engine) -> None:
    """All at once, for each of them takes more than the 5 s that an unheard host is sent to."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        strangers = [await enter(caller(engine)) for _ in range(5)]
        mallory = await enter(MutePhone("mallory", server=engine.server))
        alice, bob, carol, dave, erin, frank, grace, heidi = [
            await enter(registered(engine, user)) for user in USERS
        ]
        gateway = await enter(
            Phone("carrier", host=CARRIER, port=GATEWAY_PORT, server=engine.server)
        )
        aimed, aimed_by_callee, natted, ordinarily, by_carrier, early, *_ = await asyncio.gather(
            hammered(strangers[0], bob),
            hammered(alice, frank, by_callee=True),
            behind_nat(engine, strangers[1], alice),
            ordinary(engine, strangers[2], dave),
            carriers(gateway, bob, erin),
            before_its_ack(engine, strangers[3], grace),
            never_acknowledged(mallory, carol),
            followed(strangers[4], heidi),
        )
        lines = await told(engine)
    for call, leg in ((aimed, "A"), (aimed_by_callee, "B")):
        paused, resumed = lines[call]
        assert paused[:2] == ("sending-paused", leg)
        assert VICTIM in paused[2]
        assert "VOIPNUMBER_MEDIA_ALSO_FROM" in paused[2]
        assert resumed[:2] == ("sending-resumed", leg)
    assert [line[:2] for line in lines[early]] == [
        ("sending-paused", "A"),
        ("sending-resumed", "A"),
    ]
    assert "before its ACK" in lines[early][0][2]
    for call in (natted, ordinarily, *by_carrier):
        assert lines[call] == []
