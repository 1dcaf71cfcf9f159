"""What is heard of codecs in the lab: real encoders and decoders, and what is kept of them."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from channels.layers import get_channel_layer

from audiocodecs.catalogue import CATALOGUE, PLATFORM_CODECS
from callengine.lab import auditions as subject
from callengine.lab.auditions import Auditions
from callengine.notices.auditions import AskForAuditions, MadeHeard, MakeHeard
from callengine.notices.lab import LabBusy, LabOffer, LabRefused
from callengine.notices.wire import Reader

pytestmark = pytest.mark.processes
TONE_RMS = 9000 / 2**0.5
ANSWERS: Reader[Any] = Reader(MadeHeard, LabRefused, LabOffer, LabBusy)
PATIENCE_S = 30


class Listener:
    """A page that asks one engine."""

    def __init__(self, engine: Auditions, channel: str) -> None:
        self.engine, self.channel = engine, channel

    def ask(self, *codecs: str, sound: str = "tone", loss: int = 0) -> None:
        self.engine.make(MakeHeard(self.channel, sound, list(codecs), loss))

    async def told(self) -> Any:
        layer: Any = get_channel_layer()
        async with asyncio.timeout(PATIENCE_S):
            (answer,) = ANSWERS.read(await layer.receive(self.channel))
        return answer

    async def hears(self, *codecs: str, **more: Any) -> Any:
        self.ask(*codecs, **more)
        return await self.told()


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[Listener]:
    layer: Any = get_channel_layer()
    engine = Auditions(
        node="here",
        data=tmp_path,
        codecs=lambda: [name for name in CATALOGUE if name != "L16"],
        unavailable=lambda: {"L16": "L16 is not built in."},
    )
    yield Listener(engine, await layer.new_channel())
    await engine.stop()


def samples_of(made: MadeHeard) -> Any:
    return np.frombuffer(base64.b64decode(made.samples), dtype=np.int16).astype(float)


async def test_a_tone_keeps_its_pitch_and_level_through_every_chain(listener: Listener) -> None:
    chains = [(name,) for name in (*PLATFORM_CODECS, "G729", "AMR", "ILBC", "GSM")]
    pairs = [("OPUS", "G722"), ("PCMA", "OPUS"), ("AMR-WB", "PCMU"), ("G722", "G722")]
    for codecs in (*chains, *pairs):
        made = await listener.hears(*codecs)
        assert isinstance(made, MadeHeard), made
        steady = samples_of(made)[made.rate_hz : 3 * made.rate_hz]
        power = np.abs(np.fft.rfft(steady * np.hanning(len(steady)))) ** 2
        assert power.argmax() / 2 == pytest.approx(1000, abs=3), codecs
        level_db = 20 * np.log10(np.sqrt(np.mean(steady**2)) / TONE_RMS)
        assert abs(level_db) < (1 if set(codecs) <= set(PLATFORM_CODECS) else 3), (codecs, level_db)
        rates = [made.rate_hz, *(CATALOGUE[name].audio_rate_hz for name in codecs)]
        assert made.rate_hz == min(rates) or codecs[-1] != "OPUS"
        for name, bps in zip(codecs, made.wire_bps, strict=True):
            assert bps == pytest.approx(CATALOGUE[name].wire_bit_rate_bps, rel=0.2), name


async def test_packets_passed_on_are_heard_as_the_listeners_codec_has_them(
    listener: Listener,
) -> None:
    """Lost ones are concealed by the listener's decoder; A-law becomes mu-law by a table."""
    alone = await listener.hears("G722", loss=10)
    passed_on = await listener.hears("G722", "G722", loss=10)
    assert passed_on.samples == alone.samples
    assert passed_on.wire_bps == alone.wire_bps * 2
    mixed = samples_of(await listener.hears("PCMA", "PCMU", loss=10))
    other = samples_of(await listener.hears("PCMU", "PCMU", loss=10))
    noise_db = 10 * np.log10(((mixed - other) ** 2).mean() / (other**2).mean())
    assert -60 < noise_db < -25


async def test_what_was_made_is_kept_and_used_again(listener: Listener, tmp_path: Path) -> None:
    first = await listener.hears("G722", loss=5)
    (file,) = (tmp_path / "auditions").iterdir()
    assert first.lost == round(first.packets * 0.05)
    line, _, kept = file.read_bytes().partition(b"\n")
    file.write_bytes(line + b"\n" + bytes(len(kept)))
    again = await listener.hears("G722", loss=5)
    assert not samples_of(again).any()
    assert samples_of(await listener.hears("G722", loss=3)).any()
    file.write_bytes(kept)  # no line of facts: made anew
    assert await listener.hears("G722", loss=5) == first


async def test_what_is_kept_has_its_bound(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "MAX_KEPT_BYTES", 150_000)
    for name in ("PCMU", "PCMA", "G729"):
        await listener.hears(name)
    files = list((tmp_path / "auditions").iterdir())
    assert len(files) == 2
    assert sum(file.stat().st_size for file in files) < 150_000


async def test_who_asks_for_too_much_or_what_is_not_there_is_told_why(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await listener.hears("L16") == LabRefused("L16 is not built in.")
    assert "none of OPUS" in (await listener.hears("MP3")).text
    monkeypatch.setattr(subject, "MAX_WAITING", 1)
    listener.ask("PCMU")
    busy = await listener.hears("PCMA")
    assert "its limit. Try again in a moment." in busy.text
    listener.engine.offer(AskForAuditions(listener.channel), channel="mine")
    answers = [await listener.told(), await listener.told()]
    assert [type(each) for each in answers if not isinstance(each, MadeHeard)] == [LabBusy]
    listener.engine.offer(AskForAuditions(listener.channel), channel="mine")
    assert await listener.told() == LabOffer("mine")


async def test_a_process_that_is_gone_or_hangs_is_replaced(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await listener.hears("PCMU")
    program = listener.engine._chain._program
    assert program is not None
    program.kill()
    await program.end(PATIENCE_S)
    assert (await listener.hears("PCMA")).rate_hz == made.rate_hz
    monkeypatch.setattr(subject, "MADE_WITHIN_S", 0.0)
    assert "very busy" in (await listener.hears("G722")).text
    monkeypatch.undo()
    assert (await listener.hears("G722")).rate_hz == 16_000


async def test_the_process_ends_when_nothing_is_asked_of_it(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "IDLE_S", 0.01)
    await listener.hears("PCMU")
    await ends(listener)


async def test_the_process_ends_after_what_it_could_not_make_as_well(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "IDLE_S", 0.01)
    monkeypatch.setattr(listener.engine, "_codecs", lambda: CATALOGUE)
    assert "This engine cannot make it" in (await listener.hears("L16")).text
    await ends(listener)


async def ends(listener: Listener) -> None:
    program = listener.engine._chain._program
    assert program is not None
    assert await program.end(PATIENCE_S) == 0
