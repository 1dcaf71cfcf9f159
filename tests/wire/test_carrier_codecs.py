"""Codecs that carriers ask for, on one leg of a call each; the tones are FFmpeg's to judge."""

import numpy as np
import pytest

from tests.peers import descriptions, payloads
from tests.peers.baresip import Baresip
from tests.peers.engine import Engine
from tests.peers.rtp import Heard
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection

CONFIGURATION = configuration(
    *(connection(f"only-{name.lower()}", inbound=[name]) for name in ("AMR", "G729", "ILBC")),
    connection("mobile", inbound=["AMR", "GSM"]),
    connection("from-carrier", outbound=["AMR", "G729", "ILBC", "GSM"]),
    connection("any", inbound=["PCMU"]),
)
SENT_RMS = 8000 / np.sqrt(2)


def level_db(heard: Heard, codec: str) -> float:
    """Return the loudness of what arrived, in dB against the tone that was sent."""
    samples = payloads.decode(codec, [packet.payload for packet in heard.packets])
    settled = samples[len(samples) // 3 :].astype(float)
    return float(20 * np.log10(np.sqrt(np.mean(settled**2)) / SENT_RMS))


@pytest.mark.parametrize("codec", ["AMR", "G729", "ILBC"])
async def test_a_tone_crosses_to_a_callee_of_a_carriers_codec(engine: Engine, codec: str) -> None:
    async with registered(engine, f"only-{codec.lower()}") as bob, caller(engine) as phone:
        a = await phone.invite(bob.user, phone.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.ring()
        assert set(descriptions.names(b.offer_sdp)) == {codec}
        number, _ = descriptions.formats(b.offer_sdp)[0]
        # Without a mode iLBC would be of 30 ms; its recording is of 20.
        fmtp = {number: "mode=20"} if codec == "ILBC" else {}
        await b.answer(bob.sdp([(codec, number)], fmtp=fmtp))
        await a.answered()
        call = Conversation(a, b, engine)
        await call.hears_both_ways(codec_a="PCMU", codec_b=codec, seconds=1.2)
        assert abs(level_db(bob.rtp.heard(call.b.local_codecs), codec)) < 2.5
        sizes = {len(packet.payload) for packet in bob.rtp.packets}
        # AMR at 12.2 kbit/s, bandwidth-efficient; two frames of G.729; iLBC of 20 ms.
        assert sizes == {{"AMR": 32, "G729": 20, "ILBC": 38}[codec]}
        record = await call.end()
        assert [leg["codec"] for leg in record["legs"]] == ["PCMU", codec]
        assert record["transcoded"]


@pytest.mark.parametrize(
    ("codec", "offered", "answered"),
    [
        ("G729", "annexb=yes", "annexb=no"),
        ("AMR", "mode-set=0,2;octet-align=1", "mode-set=0,2"),
        ("ILBC", "", "mode=30"),
    ],
)
async def test_a_caller_of_a_carriers_codec_is_answered_by_its_parameters(
    engine: Engine, codec: str, offered: str, answered: str
) -> None:
    async with registered(engine, "any") as bob, caller(engine, "from-carrier") as phone:
        number = descriptions.PAYLOAD_TYPES[codec]
        offer = phone.sdp([codec, "PCMU"], fmtp={number: offered} if offered else {})
        call = await converse(engine, phone, bob, offer=offer)
        assert descriptions.names(call.a.answer_sdp) == [codec]
        assert answered in descriptions.fmtp(call.a.answer_sdp, number)
        await call.b.audio(send_hz=950, codec="PCMU", seconds=0.8)
        sizes = {len(packet.payload) for packet in phone.rtp.packets}
        # Mode 2 of AMR is its widest here: two octets, and 118 bits of speech.
        assert sizes == {{"AMR": 2 + 15, "G729": 20, "ILBC": 50}[codec]}
        await call.end()


@pytest.mark.parametrize("codec", ["AMR", "GSM"])
async def test_baresip_speaks_the_codecs_of_mobile_networks_with_us(
    engine: Engine, codec: str
) -> None:
    async with Baresip(
        "mobile", PASSWORD, server=engine.server, codecs=(codec,), hz=950, auto_answer=True
    ) as mobile:
        await mobile.registered()
        async with caller(engine) as phone:
            a = await phone.invite("mobile", phone.sdp(["PCMU"]))
            await a.answered()
            heard = await a.audio(send_hz=620, codec="PCMU", seconds=1.5)
            await a.hang_up()
        await mobile.wait_for("CALL_CLOSED")
        assert heard.near(950)
        assert mobile.heard().near(620)
        record = await engine.record(a.call_id)
        assert [leg["codec"] for leg in record["legs"]] == ["PCMU", codec]
