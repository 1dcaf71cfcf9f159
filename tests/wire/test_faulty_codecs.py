"""A codec whose decoder has a known memory fault is off, whatever lists and peers say."""

import json

from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.wire.conversation import caller, converse, nobody_was_rung, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(
    connection("bob", inbound=["SPEEX", "SPEEX-WB", "PCMU"]),
    connection("carol", inbound=["SPEEX"]),
)
SPEEX = [("speex/8000", 97), ("speex/16000", 98)]
WHY = "one packet can corrupt memory in pjproject before 2.17"


def offer(port: int, *, beside: str = "") -> str:
    """Return an offer of speex, with or without another codec behind it."""
    numbers = " ".join(str(number) for _, number in SPEEX) + beside
    rtpmaps = "".join(f"a=rtpmap:{number} {name}\r\n" for name, number in SPEEX)
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {numbers}\r\n{rtpmaps}a=sendrecv\r\n"
    )


async def test_speex_is_neither_offered_nor_answered(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(
            engine, phone, bob, offer=offer(phone.rtp.port, beside=" 0"), answer=["PCMU"]
        )
        assert descriptions.names(call.a.answer_sdp) == ["PCMU"]
        assert "speex" not in call.a.answer_sdp.lower()
        assert "speex" not in call.b.offer_sdp.lower()
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU")
        answer = await call.a.reinvite(offer(phone.rtp.port))
        assert answer.code == 488
        await call.end()


async def test_a_call_that_could_only_use_speex_is_declined(engine: Engine) -> None:
    async with registered(engine, "carol") as carol, caller(engine) as phone:
        call = await phone.invite("carol", offer(phone.rtp.port, beside=" 0"))
        assert (await call.wait_final()).code == 503
        refused = await engine.refusal(call.call_id, code=503)
        assert refused["rule"] == "no-codec-available"
        await nobody_was_rung(carol)


async def test_pages_are_told_why(engine: Engine) -> None:
    script = (
        "from callengine.directory import nodes; import json; print(json.dumps(nodes.snapshots()))"
    )
    printed = engine.shell(script)
    (node,) = json.loads(printed)
    assert node["unavailable_codecs"] == {
        name: f"{name} is unavailable: {WHY}." for name in ("SPEEX", "SPEEX-WB")
    }
    assert f": SPEEX is unavailable: {WHY}." in engine.dump()
