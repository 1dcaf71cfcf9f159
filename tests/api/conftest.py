"""Programs for the tests of the API."""

import pytest

from api.keys.guessing import Guesses
from api.rest import authentication
from tests.api.programs import Program, program


@pytest.fixture(autouse=True)
def nobody_has_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test be held back for what another one has sent."""
    monkeypatch.setattr(authentication, "guesses", Guesses(most=lambda: 30, window_s=lambda: 900))


@pytest.fixture
def crm(db: None) -> Program:
    """Return a program that may do everything."""
    return program()
