"""Hear your codecs, as a person does: what the page plays is taken from its own audio graph."""

import io
import json
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import numpy.typing as npt
import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import async_chromium
from tests.browser.scene import barriers
from tests.browser.settling import arrive_async
from tests.peers.engine import Engine
from tests.wire.directory import PASSWORD, configuration
from tests.wire.operator import Operator

LOOK_S = 1.0
"Of speech: its first words are full of s, f and sh."
HANDED_ON_S = 0.2
"What was played before a press is over by then."
EAR = """
registerProcessor("ear", class extends AudioWorkletProcessor {
  process(inputs) {
    this.port.postMessage(inputs[0].length ? inputs[0][0].slice() : new Float32Array(128));
    return true;
  }
});
"""
# All that reaches the speakers is kept as well: this runs before the page's scripts.
LISTEN = """
const connect = AudioNode.prototype.connect;
window.heard = [];
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode) {
    if (!window.tap) {
      window.rate = this.context.sampleRate;
      window.tap = this.context.createGain();
      const code = new Blob([window.earCode], { type: "text/javascript" });
      const loaded = this.context.audioWorklet.addModule(URL.createObjectURL(code));
      window.isListening = loaded.then(() => {
        const ear = new AudioWorkletNode(this.context, "ear");
        ear.port.onmessage = (event) => window.heard.push(...event.data);
        connect.call(window.tap, ear);
        connect.call(ear, this.context.destination);
        return true;
      });
    }
    connect.call(this, window.tap);
  }
  return connect.call(this, to, ...rest);
};
"""
LOUD_AT = "window.heard.findIndex((sample) => Math.abs(sample) > 0.002)"
QUIET = """
window.heard.length > 8192 && window.heard.slice(-8192).every((sample) => Math.abs(sample) < 1e-4)
"""
Sound = npt.NDArray[np.float64]
TRIES = 3
"A sound is made within a time, at low priority: a busy machine may need more than one."


class Ear:
    """A page of an engine that runs, and what it plays."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rate_hz = 0

    async def begin(self) -> None:
        await self.press("PCMU")
        await self.page.wait_for_function("window.isListening")
        self.rate_hz = await self.page.evaluate("window.rate")
        await self.stop()

    async def press(self, name: str) -> None:
        button = self.page.get_by_role("button", name=f"Play {name}", exact=True)
        for _ in range(TRIES):
            await button.click()
            await expect(button).not_to_have_attribute("aria-busy", "true")
            if await button.get_attribute("aria-pressed") == "true":
                return
        raise AssertionError(await self.page.inner_text("#hear-said"))

    async def stop(self) -> None:
        await self.page.click("#hear-stop")
        await self.page.evaluate("window.heard = []")
        await self.page.wait_for_function(QUIET)
        await self.page.evaluate("window.heard = []")

    async def hears(self, seconds: float) -> Sound:
        """Return so much of what was played since `stop`, from its first sound on."""
        wanted = int(seconds * self.rate_hz)
        await self.page.wait_for_function(
            f"wanted => {LOUD_AT} >= 0 && window.heard.length - {LOUD_AT} >= wanted", arg=wanted
        )
        first = await self.page.evaluate(LOUD_AT)
        heard = await self.page.evaluate("window.heard")
        return np.array(heard[first : first + wanted])

    async def place_s(self, part: Sound, codec: str) -> float:
        """Return at which second of what a codec makes of the speech a part of it begins."""
        rate, whole = await self.file(f"codec={codec}")
        at = np.arange(int(len(part) / self.rate_hz * rate)) / rate
        part = np.interp(at, np.arange(len(part)) / self.rate_hz, part)
        size = 1 << (len(whole) + len(part) - 1).bit_length()
        likeness = np.fft.irfft(np.fft.rfft(whole, size) * np.fft.rfft(part, size).conj(), size)
        return float(likeness[: len(whole)].argmax() / rate)

    async def file(self, query: str) -> tuple[int, Sound]:
        """Return rate and samples of what the server gives for a sound."""
        answer = await self.page.request.get(f"/lab/hear/audio.wav?{query}")
        assert answer.ok, await answer.text()
        return read(await answer.body())


def read(data: bytes) -> tuple[int, Sound]:
    with wave.open(io.BytesIO(data)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
        return file.getframerate(), samples / 32768


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(configuration()) as running:
        Operator(running, role="VIEWER")
        yield running


@asynccontextmanager
async def opened(engine: Engine, *, with_ear: bool) -> AsyncIterator[Ear]:
    """Open the page; its policy allows no script of ours, so with an ear it is left aside."""
    async with async_chromium() as browser:
        base_url = f"http://{engine.host}:{engine.http_port}"
        context = await browser.new_context(base_url=base_url, bypass_csp=with_ear)
        page = await context.new_page()
        if with_ear:
            await page.add_init_script(f"window.earCode = {json.dumps(EAR)};{LISTEN}")
        await arrive_async(page, "/accounts/login/?next=/lab/hear/")
        await page.fill("#id_username", "olga")
        await page.fill("#id_password", PASSWORD)
        await page.click("button.primary")
        yield Ear(page)
        await context.close()


@pytest.fixture
async def ear(engine: Engine) -> AsyncIterator[Ear]:
    async with opened(engine, with_ear=True) as ear:
        await ear.begin()
        yield ear


@pytest.fixture
async def page(engine: Engine) -> AsyncIterator[Ear]:
    async with opened(engine, with_ear=False) as page:
        yield page


def above_db(sound: Sound, rate_hz: int, hz: float) -> float:
    """Return how much of the power lies above a frequency, in dB of all of it."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    hertz = np.arange(len(power)) * rate_hz / len(sound)
    return float(10 * np.log10(power[hertz > hz].sum() / power.sum() + 1e-12))


async def test_what_a_page_plays_has_the_band_of_its_codecs(ear: Ear) -> None:
    """And goes on at the same place when another codec is pressed, which a person compares by."""
    bands = {}
    for name in ("PCMU", "OPUS", "G722 to AMR-WB"):
        await ear.press(name)
        bands[name] = above_db(await ear.hears(LOOK_S), ear.rate_hz, 4500)
        await ear.stop()
    assert bands["PCMU"] < -45, bands
    assert min(bands["OPUS"], bands["G722 to AMR-WB"]) > -25, bands

    await ear.press("AMR-WB")
    before = await ear.hears(LOOK_S)
    await ear.press("PCMU")
    pressed_s = await ear.page.evaluate(f"(window.heard.length - {LOUD_AT}) / window.rate")
    both = await ear.hears(pressed_s + HANDED_ON_S + LOOK_S)
    after, ago = both[-len(before) :], (len(both) - len(before)) / ear.rate_hz
    went_on_s = await ear.place_s(after, "PCMU") - await ear.place_s(before, "AMR-WB")
    assert went_on_s == pytest.approx(ago, abs=0.05)


async def test_loss_is_heard_told_and_the_same_for_every_codec(page: Ear) -> None:
    await page.page.get_by_label("10 %").check()
    await page.press("PCMU")
    await expect(page.page.locator("#hear-said")).to_contain_text("80 kbit/s on the wire")
    await expect(page.page.locator("#hear-said")).to_contain_text("packets lost")
    noise = {}
    for codec in ("OPUS", "PCMU", "AMR-WB"):
        _, clean = await page.file(f"codec={codec}&loss=0")
        for percent in (1, 10):
            _, lossy = await page.file(f"codec={codec}&loss={percent}")
            assert len(lossy) == len(clean)
            noise[codec, percent] = 10 * np.log10(((lossy - clean) ** 2).sum() / (clean**2).sum())
        assert noise[codec, 1] < noise[codec, 10] - 3, noise
        assert noise[codec, 10] > -25, noise
    # A copy in the next packet brings back what others guess.
    assert noise["OPUS", 10] < noise["PCMU", 10] - 3, noise
    await page.page.focus("#hear-stop")
    await page.page.keyboard.press("Enter")
    await expect(page.page.locator("#hear-stop")).to_be_disabled()
    await expect(page.page.get_by_role("button", name="Play PCMU", exact=True)).to_be_focused()
    assert not (broken := await barriers(page.page)), broken
