"""What the built-in agent sounds like, with and without espeak-ng."""

import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.builtin import voice


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    for keeps in (voice.program, voice.speech):
        keeps.cache_clear()
    yield
    for keeps in (voice.program, voice.speech):
        keeps.cache_clear()


def speaker(folder: Path, does: str) -> None:
    """Put a program in espeak-ng's place, which has a recording of a second at 22050 Hz."""
    with wave.open(str(folder / "said.wav"), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(22050)
        recording.writeframes(array("h", [5000, 5000, -5000, -5000] * 5512).tobytes())
    program = folder / "espeak-ng"
    program.write_text(f"#!/bin/sh\ncat >{folder}/text\n{does.format(folder=folder)}\n")
    program.chmod(0o755)


@pytest.mark.processes
def test_a_text_is_spoken_by_espeak_ng_at_the_rate_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker(tmp_path, "cat {folder}/said.wav")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sound = voice.speech("Hello; rm -rf --version", 8000)
    assert voice.manner() == "espeak-ng"
    assert (tmp_path / "text").read_text() == "Hello; rm -rf --version"
    assert len(sound) == pytest.approx(8000, abs=2)


@pytest.mark.processes
@pytest.mark.parametrize("does", ["exit 1", "echo nonsense", "true"])
def test_a_program_that_fails_is_replaced_by_chimes(
    does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker(tmp_path, does)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert voice.speech("Hello", 8000) == voice.chimes("Hello", 8000)


def test_without_the_program_it_chimes_a_note_for_each_syllable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert voice.manner() == "chimes"
    assert len(voice.speech("Good morning", 8000)) > 1.4 * len(voice.speech("Good", 8000))
    assert len(voice.speech("o" * 100_000, 8000)) < 8000 * 30
