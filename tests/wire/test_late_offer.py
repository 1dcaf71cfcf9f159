"""An INVITE without SDP whose ACK answers our offer with nothing of ours."""

from tests.peers.engine import Engine
from tests.wire.conversation import caller, registered
from tests.wire.test_edges import CONFIGURATION  # noqa: F401  (the engine fixture reads it)


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
