"""baresip, a phone of another project, as both ends of a call."""

import shutil

import pytest

from tests.peers import descriptions
from tests.peers.baresip import Baresip
from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection

CONFIGURATION = configuration(
    connection("alice", outbound=["OPUS", "G722", "PCMU"]),
    connection("bob", inbound=["G722", "PCMU", "PCMA"]),
    connection("opal", inbound=["OPUS"]),
    connection("amy", inbound=["AMR-WB"]),
    external_sip=False,
)
pytestmark = pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_one_baresip_calls_another_and_does_what_phones_do(
    engine: Engine, transport: str
) -> None:
    async with (
        Baresip(
            # baresip has telephone-event at 8000 Hz alone: in OPUS it could send no digits.
            *("alice", PASSWORD),
            server=engine.server,
            transport=transport,
            codecs=("PCMU",),
            hz=620,
        ) as alice,
        Baresip(
            "bob", PASSWORD, server=engine.server, transport=transport, hz=950, auto_answer=True
        ) as bob,
    ):
        await alice.registered()
        await bob.registered()
        before = {call["id"] for call in engine.calls()}
        await alice.dial("bob")
        await alice.wait_for("CALL_ESTABLISHED")
        await bob.wait_for("CALL_ESTABLISHED")
        assert (await alice.heard_for(2.0)).near(950)
        assert (await bob.heard_for(2.0)).near(620)
        await alice.hold()
        await _is_noted(engine, before, "on hold")
        await alice.resume()
        await _is_noted(engine, before, "resumed")
        await alice.dtmf("5")
        await bob.wait_for("CALL_DTMF_START")
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")
        await _is_on_record(engine, before)


async def _is_noted(engine: Engine, before: set[str], word: str) -> None:
    (call,) = [call for call in engine.calls() if call["id"] not in before]
    await until(
        lambda: any(word in event["text"].lower() for event in engine.events(call["id"])),
        f"nobody is {word}",
    )


async def _is_on_record(engine: Engine, before: set[str]) -> None:
    found = [call for call in engine.calls() if call["id"] not in before]
    assert len(found) == 1
    record = await engine.record(found[0]["legs"][0]["call_id"])
    assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "G722"]
    assert (record["source"], record["destination"]) == ("connection:alice", "connection:bob")
    assert record["termination"]["by"] == "caller"
    kinds = " ".join(event["text"].lower() for event in engine.events(record["id"]))
    for word in ("on hold", "resumed", "pressed a key"):
        assert word in kinds, kinds


async def test_baresip_hears_opus_from_us(engine: Engine) -> None:
    async with Baresip(
        "opal", PASSWORD, server=engine.server, codecs=("OPUS",), hz=950, auto_answer=True
    ) as opal:
        await opal.registered()
        async with caller(engine, "alice") as phone:
            a = await phone.invite("opal", phone.sdp(["PCMU"]))
            await a.answered()
            heard = await a.audio(send_hz=620, codec="PCMU", seconds=2)
            await a.hang_up()
        await opal.wait_for("CALL_CLOSED")
        assert heard.near(950)
        assert opal.heard().near(620)


async def test_baresip_speaks_octet_aligned_amr_wb_with_us(engine: Engine) -> None:
    async with Baresip(
        "amy", PASSWORD, server=engine.server, codecs=("AMR-WB",), hz=950, auto_answer=True
    ) as amy:
        await amy.registered()
        async with caller(engine, "alice") as phone:
            a = await phone.invite("amy", phone.sdp(["PCMU"]))
            await a.answered()
            heard = await a.audio(send_hz=620, codec="PCMU", seconds=2)
            await a.hang_up()
        await amy.wait_for("CALL_CLOSED")
        assert heard.near(950)
        assert amy.heard().near(620)


async def test_a_call_from_baresip_reaches_a_scripted_phone(engine: Engine) -> None:
    async with (
        Baresip("alice", PASSWORD, server=engine.server, hz=620) as alice,
        registered(engine, "bob") as bob,
    ):
        await alice.registered()
        await alice.dial("bob")
        call = await bob.wait_call()
        await call.ring()
        await alice.wait_for("CALL_RINGING")
        await call.answer_in("PCMA")
        await alice.wait_for("CALL_ESTABLISHED")
        assert descriptions.names(call.offer_sdp) == ["G722", "PCMU", "PCMA"]
        heard = await call.audio(send_hz=950, codec="PCMA", seconds=2)
        await call.hang_up()
        await alice.wait_for("CALL_CLOSED")
        assert heard.near(620)
        assert alice.heard().near(950)


async def test_a_stranger_is_not_let_in(engine: Engine) -> None:
    """With external_sip off, a caller without credentials reaches nobody."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code in (401, 403, 407)
        assert bob.incoming.empty()
        async with caller(engine, "alice") as alice:
            known = await converse(engine, alice, bob, offer=["PCMU"])
            await known.end()
