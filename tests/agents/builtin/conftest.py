"""What tests of the built-in agent share."""

import pytest

from agents.builtin import voice


@pytest.fixture
def chiming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the agent chime, whatever is installed here."""
    monkeypatch.setattr(voice, "program", lambda: "")
    voice.speech.cache_clear()
