"""An INVITE without SDP: our offer, and what the ACK answers."""

from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.wire.conversation import Conversation, caller, registered
from tests.wire.test_edges import CONFIGURATION  # noqa: F401  (the engine fixture reads it)


async def test_without_an_offer_we_offer_and_the_ack_decides(engine: Engine) -> None:
    async with registered(engine, "dora") as dora, caller(engine) as phone:
        a = await phone.invite("dora", None, answer=lambda _: phone.sdp(["PCMU"]))
        b = await dora.wait_call()
        await b.ring()
        await b.answer_in("G722")
        final = await a.answered()
        assert descriptions.names(final.body.decode()) == ["G722", "PCMU", "PCMA"]
        await Conversation(a, b, engine).hears_both_ways(codec_a="PCMU", codec_b="G722")
        await a.hang_up()
        record = await engine.record(a.call_id)
        assert record["legs"][0]["codec"] == "PCMU"


async def test_an_answer_in_the_ack_without_a_common_codec_ends_the_call_and_says_so(
    engine: Engine,
) -> None:
    async with registered(engine, "dora") as dora, caller(engine) as phone:
        a = await phone.invite("dora", None, answer=lambda _: phone.sdp(["GSM"]))
        b = await dora.wait_call()
        await b.ring()
        await b.answer_in("G722")
        await a.answered()
        record = await engine.record(a.call_id)
        assert record["termination"]["reason"] == "no-common-codec-caller"
        assert record["termination"]["code"] == 488
