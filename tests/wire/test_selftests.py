"""Test destinations: an echo, a tone, the codec's name and a delayed echo, in every codec."""

import asyncio
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from sip.selftests import DELAY_S, TONE_DBFS, TONE_HZ
from tests.peers import payloads
from tests.peers.engine import Engine, Record
from tests.peers.rtp import Heard
from tests.peers.tones import Tone, strongest
from tests.peers.waiting import until
from tests.wire.conversation import caller
from tests.wire.directory import configuration, connection

CODECS = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
CONFIGURATION = configuration(
    connection("alice"),
    connection("narrow", outbound=["PCMA", "PCMU"]),
    numbers={"600": "test:echo"},
)
SENT_HZ, SENT_DBFS = 620, 20 * np.log10(8000 / 32767)
MEASURED_S = 0.5
"The end of what was heard: a busy machine begins late."
SPOKEN_RMS = 200
SPEAKS_WITHIN = 8
"Rounds of a second: the first call has the voice speak, the others hear what it said."
ECHOES_WITHIN_S = 20.0
ULAW_SILENCE = {0xFF, 0x7F, 0xFE, 0x7E}
Sound = npt.NDArray[np.float64]


def end_of(heard: Heard, codec: str) -> Sound:
    """Return the last half second of what was heard."""
    samples = payloads.decode(codec, [packet.payload for packet in heard.packets])
    return samples[-round(MEASURED_S * payloads.RATES_HZ[codec]) :].astype(float)


def rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def is_at(sound: Sound, dbfs: float) -> bool:
    """Tell whether a tone is as loud as it should be: a busy machine leaves gaps now and then."""
    return bool(abs(20 * np.log10(max(rms(sound), 1.0) * np.sqrt(2) / 32767) - dbfs) < 1.5)


def strongest_of(sound: Sound, codec: str) -> Tone:
    return strongest(sound.astype(np.int16), payloads.RATES_HZ[codec])


async def heard_at(
    engine: Engine, to: str, codec: str, *, wanted: Callable[[Sound], bool] = lambda sound: True
) -> tuple[Sound, Record]:
    """Call a test destination and send a tone until what is heard is as wanted, for some rounds.

    Returns the end of what was heard, and the record.
    """
    async with caller(engine, "alice") as phone:
        call = await phone.invite(to, phone.sdp([codec]))
        await call.answered()
        for _ in range(SPEAKS_WITHIN):
            sound = end_of(await call.audio(send_hz=SENT_HZ, codec=codec, seconds=1.2), codec)
            if wanted(sound):
                break
        assert (await call.hang_up()).code == 200
        return sound, await engine.record(call.call_id)


@pytest.mark.parametrize("codec", CODECS)
async def test_tone_echo_and_voice_are_heard_in_each_codec(engine: Engine, codec: str) -> None:
    (tone, of_tone), (echo, of_echo), (voice, of_voice) = await asyncio.gather(
        heard_at(engine, "*tone", codec, wanted=lambda sound: is_at(sound, TONE_DBFS)),
        heard_at(engine, "*echo", codec, wanted=lambda sound: is_at(sound, SENT_DBFS)),
        heard_at(engine, "*codec", codec, wanted=lambda sound: rms(sound) > SPOKEN_RMS),
    )
    assert abs(strongest_of(tone, codec).hz - TONE_HZ) < 3
    assert is_at(tone, TONE_DBFS)
    assert strongest_of(echo, codec).near(SENT_HZ)
    assert is_at(echo, SENT_DBFS)
    assert rms(voice) > SPOKEN_RMS
    assert not strongest_of(voice, codec).near(SENT_HZ)
    for record, name in ((of_tone, "tone"), (of_echo, "echo"), (of_voice, "codec")):
        assert record["destination"] == f"test:{name}"
        assert record["legs"][0]["codec"] == codec
        assert record["termination"]["reason"] == "caller-hung-up"


async def test_the_delayed_echo_comes_two_seconds_later(engine: Engine) -> None:
    async with caller(engine, "alice") as phone:
        call = await phone.invite("*delay", phone.sdp(["PCMU"]))
        await call.answered()
        began = asyncio.get_running_loop().time()
        await call.audio(send_hz=SENT_HZ, codec="PCMU", seconds=0.4)
        await until(
            lambda: any(set(packet.payload) - ULAW_SILENCE for packet in phone.rtp.packets),
            "no echo came",
            timeout_s=ECHOES_WITHIN_S,
        )
        assert asyncio.get_running_loop().time() - began > DELAY_S - 0.1
        await call.hang_up()


async def test_the_callers_outbound_list_decides(engine: Engine) -> None:
    """As for any destination without a list that forces one: VN-A is the caller's own."""
    async with caller(engine, "narrow") as phone:
        call = await phone.invite("*echo", phone.sdp(["OPUS", "PCMU", "PCMA"]))
        await call.answered()
        await call.hang_up()
        record = await engine.record(call.call_id)
        assert record["legs"][0]["codec"] == "PCMA"
        declined = await phone.invite("*tone", phone.sdp(["OPUS"]))
        assert (await declined.wait_final()).code == 488


async def test_a_number_leads_to_a_test_destination(engine: Engine) -> None:
    sound, record = await heard_at(engine, "600", "PCMU")
    assert strongest_of(sound, "PCMU").near(SENT_HZ)
    assert record["destination"] == "test:echo"
