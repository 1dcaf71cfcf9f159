"""What the built-in agent says, as sound: by espeak-ng, or in chimes where that is missing."""

import io
import re
import shutil
import subprocess
import wave
from array import array
from functools import cache, lru_cache

from agents.builtin import sounds
from agents.builtin.sounds import Samples

PROGRAM = "espeak-ng"
LONGEST_TEXT = 500
SPEAKS_WITHIN_S = 10.0
NOTES_HZ = {"a": 523, "e": 587, "i": 784, "o": 440, "u": 392, "y": 659}
NOTE_S, PAUSE_S = 0.09, 0.06
LEVEL = "60"
"Of 200; as loud as what is made here."
KEPT = 64
"Utterances of which the sound is kept."


@cache
def program() -> str:
    """Return the path of espeak-ng, or nothing."""
    return shutil.which(PROGRAM) or ""


def manner() -> str:
    """Return how it speaks, in a word."""
    return PROGRAM if program() else "chimes"


@lru_cache(maxsize=KEPT)
def speech(text: str, rate_hz: int) -> Samples:
    """Return a text as sound. It may take a second: call it in a thread."""
    spoken = _spoken(text[:LONGEST_TEXT]) if program() else None
    if spoken is None:
        return chimes(text[:LONGEST_TEXT], rate_hz)
    samples, own_rate_hz = spoken
    return sounds.resampled(samples, own_rate_hz, rate_hz)


def chimes(text: str, rate_hz: int) -> Samples:
    """Return a note for each syllable, by its vowel: as long as speech, and as uneven."""
    sound = array("h")
    for word in text.lower().split():
        for vowel in re.findall(r"[aeiouy]+", word) or ["o"]:
            sound += sounds.tone(NOTES_HZ[vowel[0]], NOTE_S * (1 + 0.5 * len(vowel)), rate_hz)
        sound += sounds.silence(PAUSE_S, rate_hz)
    return sound


def _spoken(text: str) -> tuple[Samples, int] | None:
    """Have espeak-ng speak; None if it does not."""
    try:
        done = subprocess.run(  # noqa: S603 (its own path, and the text by its input)
            [program(), "-a", LEVEL, "--stdin", "--stdout"],
            input=text.encode(),
            capture_output=True,
            timeout=SPEAKS_WITHIN_S,
            check=True,
        )
        with wave.open(io.BytesIO(done.stdout)) as recording:
            if recording.getsampwidth() != 2 or recording.getnchannels() != 1:
                return None
            # Written to a pipe, its header does not know the length.
            samples = array("h", recording.readframes(len(done.stdout) // 2))
            return samples, recording.getframerate()
    except (OSError, subprocess.SubprocessError, wave.Error, EOFError, ValueError):
        return None
