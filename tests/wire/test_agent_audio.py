"""What a caller says, and each key it presses, reaches an agent, and back: in every codec."""

import asyncio
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from tests.peers.dialogs import OutgoingCall
from tests.peers.payloads import RATES_HZ, decode
from tests.peers.programs import Program
from tests.peers.tones import Samples
from tests.peers.voiceagent import sounds
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.wire.agents import (
    FORMATS,
    Site,
    agent,
    carrier,
    conversation_of,
    digits_of,
    peer,
    site_with,
    talk,
)
from tests.wire.conversation import caller

__all__ = ["carrier", "peer"]

CODECS = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
TONE_HZ = 1000
TALKING_S = 1.2
STEADY_S = 0.15
"What is measured lasts so long at least; a busy machine may cut it in two."
EDGE_S = 0.06


@pytest.fixture(scope="module")
def site(peer: VoiceAgentPeer, carrier: Program) -> Iterator[Site]:
    agents = [
        agent(f"{codec.lower()}.{index}", peer.url(tone=TONE_HZ), heard, said, codecs=[codec])
        for codec in CODECS
        for index, (heard, said) in enumerate(PAIRS)
    ]
    agents += [{"name": "carrier", "dialect": "twilio", "url": carrier.url("/ws")}]
    with site_with(agents) as running:
        yield running


PAIRS = [(heard, said) for heard in FORMATS for said in FORMATS]


@pytest.mark.parametrize("index", range(len(PAIRS)), ids=[" ".join(pair) for pair in PAIRS])
async def test_a_tone_is_heard_on_both_sides_in_every_codec(
    site: Site, peer: VoiceAgentPeer, index: int
) -> None:
    """Within 2 Hz and 1 dB, each way in its own format."""
    await asyncio.gather(*(_talks(site, peer, codec, index) for codec in CODECS))


async def _talks(site: Site, peer: VoiceAgentPeer, codec: str, index: int) -> None:
    name, (heard, _) = f"{codec.lower()}.{index}", PAIRS[index]
    async with caller(site.engine) as phone:
        call = await talk(phone, site.numbers[name], codec)
        at_phone = await call.audio(send_hz=TONE_HZ, codec=codec, seconds=TALKING_S)
        conversation = await asyncio.to_thread(conversation_of, peer, name)
        assert (await call.hang_up()).code == 200
    frames = await asyncio.to_thread(peer.heard, conversation["call"])
    said = sounds.decoded(heard, b"".join(audio for _, audio in frames))
    _is_the_tone(said, sounds.RATES_HZ[heard], f"{name}: at the agent")
    samples = decode(codec, [packet.payload for packet in at_phone.packets])
    _is_the_tone(samples, RATES_HZ[codec], f"{name}: at the phone")
    assert conversation["violations"] == []


def _is_the_tone(samples: Samples, rate_hz: int, where: str) -> None:
    """Measure the longest stretch of sound, a little away from both its ends."""
    steady = _longest_sound(samples, rate_hz)
    assert len(steady) > STEADY_S * rate_hz, f"{where}: {len(steady) / rate_hz} s"
    power = np.abs(np.fft.rfft(steady * np.hanning(len(steady)), 1 << 20)) ** 2
    assert power.argmax() * rate_hz / (1 << 20) == pytest.approx(TONE_HZ, abs=2), where
    level_db = 10 * np.log10(2 * np.mean(steady**2) / sounds.AMPLITUDE**2)
    assert level_db == pytest.approx(0, abs=1), where


def _longest_sound(samples: Samples, rate_hz: int) -> npt.NDArray[np.float64]:
    size = rate_hz // 50
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    loud = np.sqrt(2 * np.mean(frames**2, axis=1)) > sounds.AMPLITUDE / 2
    best, begin = slice(0, 0), 0
    for place, is_loud in enumerate([*loud, False]):
        if not is_loud:
            if place - begin > best.stop - best.start:
                best = slice(begin, place)
            begin = place + 1
    edge = round(EDGE_S * 50)
    return frames[best.start + edge : max(best.start + edge, best.stop - edge)].reshape(-1)


# Keys


@pytest.mark.parametrize(
    ("codec", "number", "rate_hz"), [("PCMU", 96, 8000), ("OPUS", 127, 48_000)]
)
async def test_a_key_reaches_the_agent_once_and_a_repeated_one_twice(
    site: Site, carrier: Program, codec: str, number: int, rate_hz: int
) -> None:
    """On any payload type, without a marker, in the middle of speech; or by INFO."""
    async with caller(site.engine) as phone:
        call = await talk(phone, site.numbers["carrier"], codec, telephone_event={number: rate_hz})
        await call.audio(send_hz=500, codec=codec, seconds=0.3)
        for digit in "233#":
            await phone.rtp.send_digit(
                call.rtp_target, digit, payload_type=number, clock_rate_hz=rate_hz
            )
        assert await _info(call, "4") == 200
        assert await digits_of(carrier, 5) == "233#4"
        await call.hang_up()


async def _info(call: OutgoingCall, digit: str) -> int:
    request = call.request("INFO")
    request.headers.set("Content-Type", "application/dtmf-relay")
    request.body = f"Signal={digit}\r\nDuration=160\r\n".encode()
    return (await call.send(request)).code
