"""Loudness: transcoding must not make anybody louder, softer or duller."""

import numpy as np
import pytest

from tests.peers import payloads
from tests.peers.engine import IS_WITHOUT_EXTENSION, Engine
from tests.peers.rtp import Heard
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection

CODECS = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
CONFIGURATION = configuration(
    *(connection(f"only-{name.lower()}", inbound=[name]) for name in CODECS)
)
SENT_RMS = 8000 / np.sqrt(2)


def level_db(heard: Heard, codec: str) -> float:
    """Return the loudness of what arrived, in dB against the tone that was sent."""
    samples = payloads.decode(codec, [packet.payload for packet in heard.packets])
    settled = samples[len(samples) // 3 :].astype(float)
    return float(20 * np.log10(np.sqrt(np.mean(settled**2)) / SENT_RMS))


@pytest.mark.parametrize("hz", [400, 1000, 3000])
@pytest.mark.parametrize(
    ("codec_a", "codec_b"),
    [("PCMU", "G722"), ("G722", "PCMU"), ("G722", "OPUS"), ("PCMA", "AMR-WB"), ("OPUS", "PCMA")],
)
async def test_a_tone_arrives_as_loud_as_it_was_sent(
    engine: Engine, codec_a: str, codec_b: str, hz: float
) -> None:
    async with (
        registered(engine, f"only-{codec_b.lower()}") as bob,
        caller(engine) as phone,
    ):
        call = await converse(engine, phone, bob, offer=[codec_a])
        bob.rtp.forget()  # the silence before, which is longer on a busy machine
        await call.a.audio(send_hz=hz, codec=codec_a, seconds=1.2)
        heard = bob.rtp.heard(call.b.local_codecs)
        # The media extension reads and mixes; it would not be known if that was pjmedia again.
        without = {"media"} if IS_WITHOUT_EXTENSION else set()
        assert engine.threads() & {"clock", "media"} == {"clock"} | without
        await call.a.hang_up()
        assert abs(level_db(heard, codec_b)) < 1.5
