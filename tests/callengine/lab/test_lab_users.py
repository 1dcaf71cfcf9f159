"""The one-time user of a lab call: good for one call, from the directory's view nobody."""

import asyncio
import dataclasses
from ipaddress import ip_address
from typing import Any, cast

import pytest

from callengine.core.directory import Platform, Source
from callengine.core.lab import LabCase, LabEnds, free_destination, free_source
from callengine.core.outcomes import Rejection
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined, plan_call
from callengine.core.request import CallRequest
from callengine.edge.interface import IncomingCall
from callengine.edge.transport.addresses import BUILT_IN_PHONES
from callengine.engine.plans.sources import ONE_TIME, OneTimeSources
from callengine.lab import laboratory
from callengine.lab.labcall import LabCall, LabOrder, phone_address
from sip.digest import kept_ha1

CASE = LabCase("free", "free", ("OPUS",), ("PCMA",), force=True, destination_codecs=("PCMA",))
PLATFORM = Platform(("OPUS", "PCMA"), False, ("OPUS", "PCMA"))


def a_call(case: LabCase = CASE) -> LabCall:
    ends = LabEnds(free_source(case), free_destination(case))
    call = LabCall(LabOrder(case, {"codec_a": None}, "olga", 3.0), ends)
    call.callee_uri = "sip:phone@127.64.0.9:5070;transport=udp"
    return call


def known(*calls: LabCall) -> OneTimeSources:
    sources = OneTimeSources("here")
    for call in calls:
        sources.add(call)
    return sources


def incoming(source: Source, user: str) -> IncomingCall:
    return IncomingCall(
        source=source,
        call_id="c",
        from_user=user,
        from_name="",
        to_user=user,
        user_agent="",
        sdp=None,
        max_forwards=70,
        flow="udp:127.64.0.1:5070",
    )


def decide(call: LabCall) -> CallPlan | Declined | Rejection:
    request = CallRequest(
        call="0" * 32,
        call_id="c",
        from_user="x",
        from_name="",
        to_user=CASE.dialled,
        offered=call.order.case.caller,
        max_forwards=70,
        source=call.admit(call.host),
    )
    return plan_call(request, destination=call.destination, platform=PLATFORM, usage=Usage())


async def test_the_user_is_known_until_its_one_call_is_decided() -> None:
    call = a_call()
    sources = known(call)
    given = sources.credentials(call.user)
    assert given is not None
    expected = kept_ha1(username=call.user, realm="here", password=call.password)[1:3]
    assert (given.ha1_md5, given.ha1_sha256) == expected
    assert given.kind == ONE_TIME != "connection", "a phone may register only as a connection"
    call.signed(decide(call))
    assert sources.credentials(call.user) is None
    assert sources.credentials("alice") is None


async def test_no_two_calls_share_a_user_a_password_or_an_address() -> None:
    calls = [a_call() for _ in range(50)]
    assert len({call.user for call in calls}) == 50
    assert len({call.password for call in calls}) == 50
    sources = known(*calls)
    assert all(sources.is_host(call.host) for call in calls)
    assert not sources.is_host("127.0.0.1")
    assert calls[0].password not in repr(calls[0])


async def test_only_who_proved_the_password_makes_the_lab_call() -> None:
    call = a_call()
    sources = known(call)
    stranger = Source("external", call.host)
    assert sources.placed(incoming(stranger, call.user)) is None
    source = sources.source(call.user, call.host)
    assert source.address == call.host
    assert sources.placed(incoming(source, call.user)) is call
    assert sources.placed(incoming(dataclasses.replace(source), call.user)) is None
    with pytest.raises(LookupError):
        sources.source("lab-of-yesterday", call.host)


async def test_the_record_says_lab_and_who_placed_it() -> None:
    call = a_call()
    declined = call.signed(decide(call))
    assert isinstance(declined, Declined)
    plan = declined.plan
    assert (plan.source, plan.destination) == ("lab:free", "lab:free")
    assert plan.notes[0] == "Placed from the codec lab by olga."
    assert plan.lab == {"case": CASE.to_dict(), "predicted": {"codec_a": None}, "by": "olga"}
    assert call.password not in str(plan.record())
    shown = call.named(incoming(call.admit(call.host), call.user))
    assert call.user not in (shown.from_user, shown.from_name, shown.to_user)


async def test_the_call_rings_the_built_in_phone() -> None:
    call = a_call(dataclasses.replace(CASE, caller=("PCMA",)))
    plan = call.signed(decide(call))
    assert isinstance(plan, CallPlan)
    targets = [target.uri for wave in plan.waves for target in wave.targets]
    assert targets == [call.callee_uri]


def test_phones_live_where_no_public_address_is_shown() -> None:
    found = {phone_address() for _ in range(100)}
    assert len(found) > 95
    assert all(ip_address(address) in BUILT_IN_PHONES for address in found)
    assert ip_address("127.0.0.1") not in BUILT_IN_PHONES, "a proxy on this machine"


class Host:
    """An engine whose database is away: nothing is written."""

    async def written(self, timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            await asyncio.Event().wait()


async def test_a_record_that_is_not_written_is_waited_for_in_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(laboratory, "WRITTEN_WITHIN_S", 0.2)
    call = a_call()
    lab = laboratory.Laboratory(cast("Any", Host()), known(), cast("Any", None))
    plan = call.signed(decide(call))
    assert not isinstance(plan, Rejection)
    async with asyncio.timeout(30):
        with pytest.raises(laboratory.LabError, match=r"not written within 0\.2 s"):
            await lab._decided(call, asyncio.get_running_loop().create_future())
