"""What an agent says, as the caller's socket gets it; and what becomes of held-up audio."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from tests.peers.dialogs import OutgoingCall
from tests.peers.rtp import FRAME_S, Packet
from tests.peers.voiceagent import sounds
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.wire.agents import FORMATS, Site, agent, eventually, peer, site_with, talk
from tests.wire.conversation import caller

__all__ = ["peer"]

MU_LAW = "audio/pcmu"
SILENCE = b"\xff" * 160
FRAMES_A_SECOND = 50
SILENT_WITHIN = 3
"Frames, 60 ms, after a flush is known to us."


@pytest.fixture(scope="module")
def site(peer: VoiceAgentPeer) -> Iterator[Site]:
    agents = [
        agent(f"quiet.{said.removeprefix('audio/')}", peer.url(), said, said) for said in FORMATS
    ]
    agents += [agent("greeting", peer.url(greet_hz=440), MU_LAW, MU_LAW)]
    with site_with(agents) as running:
        yield running


@asynccontextmanager
async def talking(site: Site, name: str) -> AsyncIterator[OutgoingCall]:
    """Call an agent in PCMU and be silent; hang up afterwards."""
    async with caller(site.engine) as phone:
        call = await talk(phone, site.numbers[name], "PCMU")
        speech = asyncio.create_task(_say_nothing(call))
        try:
            yield call
        finally:
            speech.cancel()
        assert (await call.hang_up()).code == 200


async def _say_nothing(call: OutgoingCall) -> None:
    loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    for number in range(50 * 30):
        call.phone.rtp.send(call.rtp_target, 0, SILENCE, step=160)
        await asyncio.sleep(began + (number + 1) * FRAME_S - loop.time())


def spoken(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.payload != SILENCE]


async def heard_out(call: OutgoingCall, frames: int, quiet: int = 10) -> list[Packet]:
    """Wait until so many frames of sound came, and some of silence; return those of sound."""
    packets = call.phone.rtp.packets

    def is_over() -> bool:
        tail = packets[-quiet:]
        return len(spoken(packets)) >= frames and not spoken(tail) and len(tail) == quiet

    await eventually(is_over, f"{len(spoken(packets))} frames, not {frames}")
    return spoken(packets)


def purity(packets: list[Packet], hz: float) -> float:
    """Return how much of all energy is that tone; clicks and gaps are what is not."""
    samples = sounds.decoded(MU_LAW, b"".join(packet.payload for packet in packets))
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    place = round(hz * len(samples) / 8000)
    return float(power[place - 4 : place + 5].sum() / power.sum())


@pytest.mark.parametrize("chunk", [1, 300, 0, 40_000])
async def test_pieces_of_any_size_come_out_with_no_click(
    site: Site, peer: VoiceAgentPeer, chunk: int
) -> None:
    """Of a byte, of 300, of 20 ms, of five seconds."""
    # Hundreds of messages of a byte take their time on a busy machine: what came first outlasts it.
    ms, first = 1500, 1460 * 8 if chunk == 1 else 0
    async with talking(site, "quiet.pcmu") as call:
        await asyncio.to_thread(peer.do, "say", hz=440, ms=ms, chunk=chunk, first=first)
        packets = await heard_out(call, ms // 20)
    assert len(packets) == ms // 20
    assert purity(packets, 440) > 0.99


async def test_what_is_sent_at_once_is_played_in_its_own_time(
    site: Site, peer: VoiceAgentPeer
) -> None:
    """Four seconds take four, without a gap."""
    async with talking(site, "quiet.pcm") as call:
        await asyncio.to_thread(peer.do, "say", hz=700, ms=4000, chunk=48_000 * 4)
        packets = await heard_out(call, 200)
    times = [packet.timestamp for packet in packets]
    assert (times[-1] - times[0]) % (1 << 32) / 8000 == pytest.approx(4.0, abs=0.041)
    assert len(packets) == pytest.approx(200, abs=1)


async def test_nothing_an_agent_says_comes_back_to_it_from_a_phone_without_echo(
    site: Site, peer: VoiceAgentPeer
) -> None:
    async with talking(site, "quiet.pcm") as call:
        await asyncio.to_thread(peer.do, "say", hz=700, ms=1000, chunk=48_000)
        await heard_out(call, 50)
        heard = await asyncio.to_thread(peer.heard)
    assert len(heard) > 50
    loudest = np.abs(sounds.decoded("audio/pcm", b"".join(a for _, a in heard)).astype(int)).max()
    assert loudest <= 8, "-60 dB of what the agent said"


@pytest.mark.parametrize("whole", [1, 0])
async def test_a_last_partial_frame_is_padded_and_played(
    site: Site, peer: VoiceAgentPeer, whole: int
) -> None:
    """Whether the agent says that its reply is over or not."""
    async with talking(site, "quiet.pcmu") as call:
        await asyncio.to_thread(peer.do, "say", hz=440, ms=205, whole=whole)
        packets = await heard_out(call, 11)
    assert len(packets) == 11
    assert packets[-1].payload[40:] == SILENCE[40:]
    assert packets[-1].payload[:40] != SILENCE[:40]


@pytest.mark.parametrize("said", FORMATS)
async def test_an_interruption_silences_though_the_whole_reply_was_sent_long_ago(
    site: Site, peer: VoiceAgentPeer, said: str
) -> None:
    async with talking(site, f"quiet.{said.removeprefix('audio/')}") as call:
        packets = call.phone.rtp.packets
        await asyncio.to_thread(peer.do, "say", hz=440, ms=20_000, chunk=100_000)
        await eventually(lambda: len(spoken(packets)) > 60, "the reply is not heard")
        before = len(packets)
        await asyncio.to_thread(peer.do, "interrupt")
        await call.phone.rtp.catches_up()
        meanwhile = len(packets) - before
        await eventually(lambda: len(packets) > before + 40, "no more RTP comes")
        late = [place for place, p in enumerate(packets[before:]) if _is_sound(p)]
    assert max(late, default=-1) < meanwhile + SILENT_WITHIN


def _is_sound(packet: Packet) -> bool:
    samples = sounds.decoded(MU_LAW, packet.payload).astype(int)
    return bool(np.abs(samples).max() > 100)


async def test_the_first_of_a_greeting_is_heard_by_a_caller_who_has_sent_nothing(
    site: Site,
) -> None:
    async with caller(site.engine) as phone:
        call = await talk(phone, site.numbers["greeting"], "PCMU")
        packets = await heard_out(call, 25)
        await call.hang_up()
    assert len(packets) == 25
    whole = b"".join(packet.payload for packet in packets)
    assert whole == sounds.tone(MU_LAW, 440, 500)


async def test_a_burst_of_held_up_audio_is_no_lasting_latency(
    site: Site, peer: VoiceAgentPeer
) -> None:
    """The network keeps half a second back; in the end the agent has heard no more than there was.

    Silence took the place of what was held up, and that of it what came after.
    """
    voice = sounds.tone(MU_LAW, 300, 20)
    async with caller(site.engine) as phone:
        call = await talk(phone, site.numbers["quiet.pcmu"], "PCMU")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(200):
            if number == 50:
                await asyncio.sleep(25 * FRAME_S)
            if not 50 <= number < 75:
                await asyncio.sleep(began + (number + 1) * FRAME_S - loop.time())
            phone.rtp.send(call.rtp_target, 0, voice, step=160)
        took_ms = (loop.time() - began) * 1000
        await eventually(lambda: peer.heard()[-1][1] == SILENCE, "the agent hears nothing")
        frames = [audio for _, audio in await asyncio.to_thread(peer.heard)]
        await call.hang_up()
    speech = [place for place, audio in enumerate(frames) if audio == voice]
    whole = frames[speech[0] : speech[-1] + 1]
    assert whole.count(SILENCE) > 10, "nothing was held up"
    assert len(whole) * 20 < took_ms + 100
