"""What connections and trunks may: calls abroad, premium rate, calls a second, minutes, time."""

import asyncio
from typing import Any

from tests.peers.engine import Engine, Record
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection, trunk

HOST = "127.0.0.24"
PORT = free_sip_port(HOST)
GATEWAY = f"sip:{HOST}:{PORT};transport=udp"
HOME = "+16175550123"


def directory(**carrier: Any) -> dict[str, Any]:
    return configuration(
        connection("home", international="none", premium_rate=False),
        connection("world"),
        connection("brisk", calls_per_second=1),
        connection("short", max_duration_s=1),
        connection("metered", daily_minutes=1),
        connection("patient"),
        connection("brief", ring_timeout_s=1),
        trunks=[trunk("carrier", gateway=GATEWAY, **carrier)],
        routes={"+": ["carrier"]},
        home_country="US",
        time_zone="UTC",
    )


CONFIGURATION = directory(international="listed", countries=["GB"])


def gateway() -> Phone:
    return Phone("gateway", host=HOST, port=PORT, codecs=("PCMU",))


async def _refused(engine: Engine, user: str, number: str, code: int = 403) -> Record:
    """Call a number that is refused; return what stands on record."""
    async with caller(engine, user) as phone:
        call = await phone.invite(number, phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == code
        return await engine.refusal(call.call_id, code=code)


async def _completes(engine: Engine, user: str, number: str, at: Phone) -> None:
    async with caller(engine, user) as phone:
        call = await converse(engine, phone, at, offer=["PCMU"], to=number)
        assert (await call.end())["destination"] == "trunk:carrier"


async def test_a_call_abroad_is_refused_until_both_allow_it(engine: Engine) -> None:
    london, paris = "+442079460018", "+33140000000"
    refused = await _refused(engine, "home", london)
    assert refused["rule"] == "international-forbidden"
    assert "Home may not be used for calls abroad, and +442079460018 is in GB" in refused["advice"]
    refused = await _refused(engine, "world", paris)
    assert refused["rule"] == "country-forbidden"
    assert "The trunk carrier may be used for calls abroad to GB only" in refused["advice"]
    async with gateway() as at:
        await _completes(engine, "world", london, at)
        await _completes(engine, "home", HOME, at)


async def test_a_premium_rate_number_is_refused(engine: Engine) -> None:
    refused = await _refused(engine, "home", "+19005550123")
    assert refused["rule"] == "premium-rate-forbidden"
    assert "Home may not be used for premium-rate numbers" in refused["advice"]


async def test_more_calls_in_a_second_than_allowed_are_told_to_wait(engine: Engine) -> None:
    async with gateway() as at, caller(engine, "brisk") as phone:
        calls = [await phone.invite(HOME, phone.sdp(["PCMU"])) for _ in range(2)]
        ends = {asyncio.ensure_future(call.wait_final()): call for call in calls}
        # Whichever is planned second: both are on their way at once.
        (refused,), (other,) = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        final = refused.result()
        assert (final.code, final.headers.get("Retry-After")) == (503, "1")
        rejection = await engine.refusal(ends[refused].call_id, code=503)
        assert rejection["rule"] == "calls-per-second-reached"
        await (await at.wait_call()).reject(486)
        await other


async def test_a_call_lasts_as_long_as_its_caller_may_talk(engine: Engine) -> None:
    async with gateway() as at, caller(engine, "short") as phone:
        call = await converse(engine, phone, at, offer=["PCMU"], to=HOME)
        for party in (call.a, call.b):
            await asyncio.wait_for(party.ended.wait(), 15)
        end = (await engine.record(call.a.call_id))["termination"]
        assert (end["by"], end["reason"], end["code"]) == ("engine", "max-duration", 200)
        assert end["advice"].startswith(
            "The call reached the longest duration that Short allows, 1 s."
        )


async def test_a_day_has_so_many_minutes(engine: Engine) -> None:
    """Half a second is left of a minute; the next call is refused."""
    _talked(engine, "metered", seconds=59.5)
    async with gateway() as at, caller(engine, "metered") as phone:
        call = await converse(engine, phone, at, offer=["PCMU"], to=HOME)
        await asyncio.wait_for(call.b.ended.wait(), 15)
        end = (await engine.record(call.a.call_id))["termination"]
        assert end["reason"] == "max-duration"
        assert "what Metered had left of its 1 minutes a day" in end["advice"]
    refused = await _refused(engine, "metered", HOME)
    assert refused["rule"] == "daily-minutes-reached"
    assert "Metered has used its 1 minutes of today" in refused["advice"]


def _talked(engine: Engine, user: str, *, seconds: float) -> None:
    """Have a call on record that still goes on, elsewhere, and began so long ago."""
    engine.shell(
        "import datetime as dt\n"
        "from django.utils import timezone\n"
        "from callengine.models import Call\n"
        f"at = timezone.now() - dt.timedelta(seconds={seconds})\n"
        "Call.objects.create(started=at, answered=at, node='another', state='answered',\n"
        f"    source='connection:{user}', destination='trunk:carrier')\n",
    )


async def test_a_phone_rings_for_as_long_as_its_connection_says(engine: Engine) -> None:
    async with registered(engine, "brief") as brief, caller(engine, "world") as phone:
        call = await phone.invite("brief", phone.sdp(["PCMU"]))
        await (await brief.wait_call()).ring()
        assert (await call.wait_final()).code == 480
        end = (await engine.record(call.call_id))["termination"]
        assert (end["by"], end["reason"]) == ("engine", "no-answer")
        assert "Brief did not answer within 1 s." in end["advice"]
        assert "raise the ring time-out of Brief" in end["advice"]
