"""A Chromium whose microphone is a tone; what its page plays is measured in its audio graph."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import ARGUMENTS, CHROMIUM
from tests.peers.tones import write_tone

MICROPHONE_HZ = 620
WITHIN_HZ = 15
DEVICE = "--use-fake-device-for-media-stream"
LISTENS = """
document.addEventListener("phone:audio", (event) => {
  const { context, output } = event.detail;
  const ears = context.createChannelSplitter(2);
  const nowhere = context.createGain();
  nowhere.gain.value = 0;
  nowhere.connect(context.destination);
  output.connect(ears);
  const analysers = [0, 1].map((ear) => {
    const analyser = context.createAnalyser();
    analyser.fftSize = 8192;
    analyser.smoothingTimeConstant = 0;
    ears.connect(analyser, ear);
    // What is measured is pulled even where nothing plays it.
    analyser.connect(nowhere);
    return analyser;
  });
  window.played = (ear) => {
    const power = new Float32Array(analysers[ear].frequencyBinCount);
    analysers[ear].getFloatFrequencyData(power);
    let best = 0;
    for (let bin = 1; bin < power.length; bin += 1) if (power[bin] > power[best]) best = bin;
    return { hz: (best * context.sampleRate) / analysers[ear].fftSize, db: power[best] };
  };
});
"""
PLAYS = """
([hz, within, ear]) => {
  if (!window.played) return false;
  const { hz: heard, db } = window.played(ear);
  window.lastPlayed = { heard, db };
  return Math.abs(heard - hz) <= within && db > -50;
}
"""


@asynccontextmanager
async def with_microphone(*more: str) -> AsyncIterator[Browser]:
    """Start a Chromium that hears a tone of MICROPHONE_HZ, and asks nobody whether it may."""
    with tempfile.TemporaryDirectory(prefix="microphone-") as folder:
        tone = Path(folder) / "tone.wav"
        write_tone(tone, MICROPHONE_HZ, seconds=5, rate_hz=48000)
        arguments = [
            *ARGUMENTS,
            DEVICE,
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={tone}",
            *more,
        ]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
            try:
                yield browser
            finally:
                await browser.close()


async def insist_on_tone(page: Page, hz: float, *, ear: int = 0) -> None:
    """Insist that what the page plays in an ear, 0 for the left, is a tone, sooner or later."""
    try:
        await page.wait_for_function(PLAYS, arg=[hz, WITHIN_HZ, ear], polling=100)
    except Exception as error:
        heard = await page.evaluate("window.lastPlayed")
        raise AssertionError(f"the page plays {heard}, not {hz} Hz") from error
