"""Codec pairs: each leg in its own codec, a tone both ways, nothing else on the wire."""

import pytest

from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import configuration, connection

CODECS = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
CONFIGURATION = configuration(
    *(connection(f"only-{name.lower()}", inbound=[name]) for name in CODECS),
    connection("alice"),
    connection("saver", inbound=["G722", "PCMU"], avoids_transcoding=True),
)
PAIRS = [
    ("PCMU", "G722"),
    ("G722", "PCMU"),
    ("OPUS", "PCMA"),
    ("PCMA", "OPUS"),
    ("OPUS", "G722"),
    ("AMR-WB", "PCMU"),
    ("PCMU", "AMR-WB"),
    *((name, name) for name in CODECS),
]


@pytest.mark.parametrize(("codec_a", "codec_b"), PAIRS, ids=lambda name: name)
async def test_a_tone_crosses_both_ways(engine: Engine, codec_a: str, codec_b: str) -> None:
    async with (
        registered(engine, f"only-{codec_b.lower()}") as bob,
        caller(engine) as phone,
    ):
        call = await converse(engine, phone, bob, offer=[codec_a])
        assert descriptions.names(call.b.offer_sdp)[:1] == [codec_b]
        assert set(descriptions.names(call.b.offer_sdp)) == {codec_b}
        assert descriptions.names(call.a.answer_sdp) == [codec_a]
        await call.hears_both_ways(codec_a=codec_a, codec_b=codec_b)
        record = await call.end()
        assert [leg["codec"] for leg in record["legs"]] == [codec_a, codec_b]
        assert record["transcoded"] is (codec_a != codec_b)


@pytest.mark.parametrize("aligned_at_a", [True, False])
async def test_amr_wb_keeps_each_legs_own_framing(engine: Engine, aligned_at_a: bool) -> None:
    """RFC 4867: octet-aligned on one leg and bandwidth-efficient on the other."""
    async with registered(engine, "only-amr-wb") as bob, caller(engine) as phone:
        fmtp = {104: "octet-align=1"} if aligned_at_a else {}
        offer = phone.sdp([("AMR-WB", 104)], fmtp=fmtp)
        a = await phone.invite("only-amr-wb", offer)
        b = await bob.wait_call()
        await b.ring()
        number = _amr_wb_number(b.offer_sdp, aligned=not aligned_at_a)
        fmtp_b = {} if aligned_at_a else {number: "octet-align=1"}
        await b.answer(bob.sdp([("AMR-WB", number)], fmtp=fmtp_b))
        await a.answered()
        assert descriptions.formats(a.answer_sdp)[0][0] == 104
        answered = descriptions.fmtp(a.answer_sdp, 104)
        assert ("octet-align=1" in answered) is aligned_at_a
        await Conversation(a, b, engine).hears_both_ways(
            codec_a="AMR-WB",
            codec_b="AMR-WB",
            octet_align_a=aligned_at_a,
            octet_align_b=not aligned_at_a,
            # We offered both framings, each under its own number.
            payload_type_b=number,
        )
        await a.hang_up()


def _amr_wb_number(offer: str, *, aligned: bool) -> int:
    for number, value in descriptions.formats(offer):
        said = "octet-align=1" in descriptions.fmtp(offer, number)
        if value.upper().startswith("AMR-WB/") and said is aligned:
            return number
    raise AssertionError(f"no AMR-WB with octet-align={aligned} in\n{offer}")


async def test_where_transcoding_is_avoided_the_caller_takes_the_callees_codec(
    engine: Engine,
) -> None:
    offer = ["OPUS", "G722", "PCMU"]
    async with registered(engine, "saver") as saver, caller(engine, "alice") as phone:
        a = await phone.invite("saver", phone.sdp(offer))
        b = await saver.wait_call()
        assert descriptions.names(b.offer_sdp) == ["G722", "PCMU"]
        await b.early_media(saver.sdp(["PCMU"]))
        early = await a.wait_provisional(183)
        assert descriptions.names(early.body.decode()) == ["PCMU"]
        await b.answer(saver.sdp(["PCMU"]))
        await a.answered()
        call = Conversation(a, b, engine)
        assert (await a.reinvite(phone.sdp(offer, direction="sendonly", version=2))).code == 200
        assert (await a.reinvite(phone.sdp(offer, version=3))).code == 200
        assert descriptions.names(a.remote_sdp) == ["PCMU"]
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU")
        record = await call.end()
    assert not record["transcoded"]
    assert record["legs"][0]["allowed"][0] == "OPUS"
    (line,) = [line for line in engine.events(record["id"]) if line["kind"] == "matched"]
    assert line["text"] == (
        "Matched: PCMU on both legs, so nothing is transcoded; OPUS would have been first."
    )
    async with registered(engine, "saver") as saver, caller(engine) as phone:
        call = await converse(engine, phone, saver, offer=["OPUS"], answer=["PCMU"])
        assert descriptions.names(call.a.answer_sdp) == ["OPUS"]
        record = await call.end()
    assert "matched" not in [line["kind"] for line in engine.events(record["id"])]
