"""The edges of the negotiation rule, each as a real call."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.conversation import (
    Conversation,
    caller,
    converse,
    next_call_works,
    nobody_was_rung,
    registered,
)
from tests.wire.directory import G722_FIRST, configuration, connection
from tests.wire.timers import Timed, calls_with_timers

CONFIGURATION = configuration(
    connection("alice"),
    connection("bob", inbound=G722_FIRST),
    connection("dora", inbound=G722_FIRST, force=True),
    connection("eve", inbound=["OPUS", "AMR-WB", "PCMA"]),
    connection("tim", inbound=["PCMU"]),
    connection("frank", inbound=["PCMU", "G722"], force=True),
)
MUSIC_HZ = 440


@pytest.fixture(scope="module", autouse=True)
def timed(engine: Engine, request: pytest.FixtureRequest) -> Iterator["Future[dict[str, Timed]]"]:
    """Begin the calls that last a minute, if they are looked at."""
    future: Future[dict[str, Timed]] = Future()
    if not any("rfc4028" in item.name for item in request.session.items):
        yield future
        return
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(asyncio.run, calls_with_timers(engine, "tim"))


# Who wins


@pytest.mark.parametrize("offer", [["PCMA", "PCMU", "G722"], ["G722", "PCMU", "PCMA"]])
async def test_the_callers_order_does_not_matter(engine: Engine, offer: list[str]) -> None:
    async with registered(engine, "dora") as dora, caller(engine) as phone:
        call = await converse(engine, phone, dora, offer=offer)
        assert descriptions.names(call.a.answer_sdp) == ["G722"]
        await call.end()


@pytest.mark.parametrize(
    ("codec", "number"), [("OPUS", 111), ("AMR-WB", 98), ("OPUS", 120), ("AMR-WB", 127)]
)
@pytest.mark.parametrize("lower_case", [False, True], ids=["upper", "lower"])
async def test_names_count_and_payload_numbers_do_not(
    engine: Engine, codec: str, number: int, lower_case: bool
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        offer = phone.sdp([(codec, number)], lower_case=lower_case)
        call = await converse(engine, phone, bob, offer=offer)
        (answered,) = descriptions.formats(call.a.answer_sdp)
        assert answered[0] == number
        assert descriptions.names(call.a.answer_sdp) == [codec]
        await call.hears_both_ways(codec_a=codec, codec_b="G722")
        record = await call.end()
        assert record["legs"][0]["codec"] == codec


async def test_static_payload_types_need_no_rtpmap(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        offer = "".join(
            line
            for line in phone.sdp(["PCMA", "PCMU"]).splitlines(keepends=True)
            if not line.startswith("a=rtpmap")
        )
        call = await converse(engine, phone, bob, offer=offer)
        # A stranger's VN-A is the platform list, where PCMU stands above PCMA.
        assert descriptions.names(call.a.answer_sdp) == ["PCMU"]
        await call.end()


async def test_an_offer_of_unknown_codecs_alone_is_declined(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        offer = phone.sdp([("EVS/16000", 96), ("G723/8000", 4)])
        call = await phone.invite("bob", offer)
        assert (await call.wait_final()).code == 488
        assert (await engine.refusal(call.call_id, code=488))["advice"]
        await nobody_was_rung(bob)
        await next_call_works(engine, bob)


# No common codec on B


@pytest.mark.parametrize("code", [488, 606])
async def test_a_callee_that_declines_our_offer_gives_the_caller_488(
    engine: Engine, code: int
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        incoming = await bob.wait_call()
        await incoming.reject(code)
        assert (await call.wait_final()).code == 488
        record = await engine.record(call.call_id)
        assert record["termination"]["reason"] == "no-common-codec-callee"
        await next_call_works(engine, bob)


async def test_an_answer_without_any_codec_of_ours_gets_a_bye(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        incoming = await bob.wait_call()
        await incoming.answer(bob.sdp([("GSM", 3)]))
        await asyncio.wait_for(incoming.ended.wait(), 15)
        assert (await call.wait_final()).code == 488
        record = await engine.record(call.call_id)
        assert record["termination"]["reason"] == "no-common-codec-callee"
        await next_call_works(engine, bob)


# telephone-event


@pytest.mark.parametrize(
    ("codec", "events", "kept"),
    [
        ("PCMU", {101: 8000}, {101: 8000}),
        ("G722", {101: 8000}, {101: 8000}),
        ("OPUS", {101: 48000, 102: 8000}, {101: 48000}),
        ("AMR-WB", {110: 16000, 101: 8000}, {110: 16000}),
        ("PCMU", {}, {}),
    ],
)
async def test_telephone_event_is_kept_at_the_chosen_codecs_clock_rate(
    engine: Engine, codec: str, events: dict[int, int], kept: dict[int, int]
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        offer = phone.sdp([codec], telephone_event=events)
        call = await converse(engine, phone, bob, offer=offer)
        assert descriptions.telephone_events(call.a.answer_sdp) == kept
        assert set(descriptions.telephone_events(call.b.offer_sdp).values()) == {8000}
        await call.end()


async def test_digits_cross_in_both_directions(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        offer = phone.sdp([("OPUS", 111)], telephone_event={105: 48000})
        call = await converse(engine, phone, bob, offer=offer)
        await call.hears_both_ways(codec_a="OPUS", codec_b="G722", seconds=1.0)
        bob.rtp.forget()
        phone.rtp.forget()
        (event_b,) = descriptions.telephone_events(call.b.local_sdp)
        await _keeps_talking(call, "47", event_b)
        await until(lambda: bob.rtp.digits(event_b) == "47", "the callee hears other digits")
        await until(lambda: phone.rtp.digits(105) == "8", "the caller hears other digits")
        await call.end()


async def _keeps_talking(call: Conversation, digits: str, event_b: int) -> None:
    for digit in digits:
        await call.a.phone.rtp.send_digit(
            call.a.rtp_target, digit, payload_type=105, clock_rate_hz=48000
        )
        await call.a.phone.rtp.send_tone(
            call.a.rtp_target, codec="OPUS", payload_type=111, hz=500, seconds=0.3
        )
    await call.b.phone.rtp.send_digit(
        call.b.rtp_target, "8", payload_type=event_b, clock_rate_hz=8000
    )


# What we say


async def test_our_answer_names_one_codec_and_our_offer_the_list_in_order(engine: Engine) -> None:
    async with registered(engine, "eve") as eve, caller(engine) as phone:
        offer = phone.sdp(["PCMA", "G722", "OPUS"], telephone_event={101: 48000})
        call = await converse(engine, phone, eve, offer=offer)
        assert descriptions.names(call.a.answer_sdp) == ["OPUS"]
        assert len(descriptions.formats(call.a.answer_sdp)) == 2
        offered = descriptions.names(call.b.offer_sdp)
        assert list(dict.fromkeys(offered)) == ["OPUS", "AMR-WB", "PCMA"]
        await call.end()


async def test_of_three_codecs_in_the_answer_ours_wins_by_a_second_offer(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"], answer=["PCMA", "PCMU", "G722"])
        reoffer = await asyncio.wait_for(call.b.reoffers.get(), 15)
        assert descriptions.names(reoffer) == ["G722"]
        sent = bob.rtp.packets  # what was under way before our answer may be PCMA still
        await until(lambda: bool(sent) and sent[-1].payload_type == 9, "G722 is not sent")
        bob.rtp.forget()
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
        record = await call.end()
        assert record["legs"][1]["codec"] == "G722"
        assert record["legs"][1]["offered"] == ["PCMA", "PCMU", "G722"]


async def test_an_answer_whose_first_is_ours_needs_no_second_offer(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"], answer=["G722", "PCMA"])
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
        assert call.b.reoffers.empty()
        await call.end()


# INVITE without SDP


# re-INVITE and UPDATE


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_hold_and_resume_use_the_same_list(engine: Engine, method: str) -> None:
    async with registered(engine, "dora") as dora, caller(engine) as phone:
        call = await converse(engine, phone, dora, offer=["PCMA", "G722"])
        send = call.a.reinvite if method == "INVITE" else call.a.update
        hold = phone.sdp(["PCMA", "G722"], direction="sendonly", version=2)
        assert (await send(hold)).code == 200
        assert descriptions.direction(call.a.remote_sdp) in ("recvonly", "inactive")
        assert descriptions.names(call.a.remote_sdp) == ["G722"]
        assert (await send(phone.sdp(["PCMA", "G722"], version=3))).code == 200
        assert descriptions.direction(call.a.remote_sdp) == "sendrecv"
        assert descriptions.names(call.a.remote_sdp) == ["G722"]
        await call.hears_both_ways(codec_a="G722", codec_b="G722")
        await call.end()


async def test_the_callee_may_hold_too(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        held = await call.b.reinvite(bob.sdp(["G722"], direction="sendonly", version=2))
        assert held.code == 200
        assert descriptions.direction(call.b.remote_sdp) in ("recvonly", "inactive")
        for direction, answered in (("sendrecv", "recvonly"), ("recvonly", "inactive")):
            # As RFC 2543 had it, which has to be understood (RFC 3264 section 8.4).
            sdp = bob.sdp(["G722"], direction=direction, version=3)
            old = sdp.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0")
            assert (await call.b.reinvite(old)).code == 200
            assert descriptions.direction(call.b.remote_sdp) == answered
            assert descriptions.rtp_address(call.b.remote_sdp)[0] == "127.0.0.1"
        assert (await call.b.reinvite(bob.sdp(["G722"], version=4))).code == 200
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
        await call.end()


@pytest.fixture
def music(engine: Engine) -> Iterator[None]:
    """Have whoever is on hold hear a tone of MUSIC_HZ."""
    made = f"""import array, math
from audiocodecs.holdmusic import Music
from audiocodecs.models import HoldMusic
sine = array.array("h", (round(8000 * math.sin({MUSIC_HZ} * math.tau * n / 16000))
                         for n in range(32000)))
HoldMusic.keep("tone.wav", Music(16000, sine.tobytes()))"""
    engine.shell(made)
    yield
    gone = "from audiocodecs.models import HoldMusic; HoldMusic.objects.all().delete()"
    engine.shell(gone)


@pytest.mark.usefixtures("music")
async def test_who_is_on_hold_hears_music_unless_the_other_side_sends_its_own(
    engine: Engine,
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        for direction, way in (("inactive", call.b), ("sendonly", call.a)):
            other = call.a if way is call.b else call.b
            codec, device = ("G722", bob) if way is call.b else ("PCMU", phone)
            hold = device.sdp([codec], direction=direction, version=2)
            assert (await way.reinvite(hold)).code == 200
            if direction == "sendonly":  # RFC 7088: what it plays is heard
                other.phone.rtp.forget()
                await way.audio(send_hz=620, codec=codec, seconds=1.5)
                assert other.phone.rtp.heard(other.local_codecs).near(620)
                await asyncio.sleep(1.2)
            for _ in range(5):  # on a busy machine it begins later
                other.phone.rtp.forget()
                await asyncio.sleep(1.6)
                heard = other.phone.rtp.heard(other.local_codecs)
                if abs(heard.hz - MUSIC_HZ) <= 2:
                    break
            assert abs(heard.hz - MUSIC_HZ) <= 2, f"{direction}: {heard}"
            assert (await way.reinvite(device.sdp([codec], version=3))).code == 200
            await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
        record = await call.end()
    lines = [event["text"] for event in engine.events(record["id"])]
    assert lines.count("Hears music on hold: the other side sends nothing.") == 2


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_a_new_offer_without_a_common_codec_changes_nothing(
    engine: Engine, method: str
) -> None:
    async with registered(engine, "dora") as dora, caller(engine) as phone:
        call = await converse(engine, phone, dora, offer=["G722"])
        before = call.a.local_sdp
        send = call.a.reinvite if method == "INVITE" else call.a.update
        assert (await send(phone.sdp(["OPUS", "AMR-WB"], version=2))).code == 488
        assert call.a.local_sdp == before
        await call.hears_both_ways(codec_a="G722", codec_b="G722")
        record = await call.end()
        assert record["termination"]["by"] == "caller"


async def test_a_new_offer_may_change_the_codec_within_the_list(engine: Engine) -> None:
    async with registered(engine, "dora") as dora, caller(engine) as phone:
        call = await converse(engine, phone, dora, offer=["PCMA"])
        assert descriptions.names(call.a.answer_sdp) == ["PCMA"]
        assert (await call.a.reinvite(phone.sdp(["PCMA", "PCMU"], version=2))).code == 200
        assert descriptions.names(call.a.remote_sdp) == ["PCMU"]
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
        record = await call.end()
        assert record["legs"][0]["codec"] == "PCMU"


async def test_a_phone_may_move_its_media(engine: Engine) -> None:
    async with (
        registered(engine, "bob") as bob,
        caller(engine) as phone,
        caller(engine) as other,
    ):
        call = await converse(engine, phone, bob, offer=["PCMU"])
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722", seconds=1.0)
        moved = phone.sdp(["PCMU"], port=other.rtp.port, version=2)
        assert (await call.a.reinvite(moved)).code == 200
        phone.rtp, other.rtp = other.rtp, phone.rtp
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
        await call.end()


# Ringing and who sees what


async def test_early_media_is_heard_before_the_answer(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "alice") as phone:
        a = await phone.invite("bob", phone.sdp(["PCMA", "OPUS"]))
        b = await bob.wait_call()
        await b.early_media(bob.sdp(["G722"]))
        early = await a.wait_provisional(183)
        assert descriptions.names(early.body.decode()) == ["OPUS"]
        await b.audio(send_hz=800, codec="G722", seconds=1.6)
        heard = phone.rtp.heard(a.local_codecs)
        assert heard.near(800), heard
        await b.answer(bob.sdp(["G722"]))
        await a.answered()
        await Conversation(a, b, engine).hears_both_ways(codec_a="OPUS", codec_b="G722")
        await a.hang_up()


async def test_neither_peer_sees_the_other_or_the_inside(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        await call.end()
        seen_by_bob, seen_by_phone = "".join(bob.received()), "".join(phone.received())
        assert call.a.call_id not in seen_by_bob
        assert call.b.call_id not in seen_by_phone
        assert str(phone.port) not in seen_by_bob
        assert str(bob.port) not in seen_by_phone
        for message in (*bob.received(), *phone.received()):
            for line in message.splitlines():
                if line.lower().startswith(("contact:", "record-route:")) and "INVITE" in message:
                    assert f":{engine.port}" in line, message


# Session timers


async def test_sessions_are_refreshed_or_end_when_nobody_does_rfc4028_10(
    engine: Engine,
    timed: "Future[dict[str, Timed]]",
) -> None:
    calls = await asyncio.wrap_future(timed)
    ends = {who: await engine.record(call.a.call_id) for who, call in calls.items()}
    assert calls["caller"].said == "90;refresher=uac"
    for who in ("caller", "callee"):
        end, name = ends[who]["termination"], "The caller" if who == "caller" else "Tim"
        assert (end["by"], end["reason"], end["code"]) == ("engine", "session-expired", 408)
        assert end["advice"].startswith(f"{name} was to refresh the session")
        # Whoever broke its promise is told so, the other that the call is over.
        reasons = calls[who].reasons
        broken, other = reasons if who == "caller" else reversed(reasons)
        assert "No session refresh received" in broken
        assert other == "Q.850;cause=16"
    for role, side in (("uas", calls["uas"].a), ("uac", calls["uac"].b)):
        assert ends[role]["termination"]["reason"] == "caller-hung-up"
        # These phones take no UPDATE: a re-INVITE, of what was agreed on, does it.
        assert side.reoffers.qsize() == 1, role
        assert descriptions.names(side.reoffers.get_nowait()) == ["PCMU"]
