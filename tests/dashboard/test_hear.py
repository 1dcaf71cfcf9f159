"""The page on which codecs are heard, without an engine: what it says, and what it refuses."""

import pytest
from django.test import Client

from audiocodecs.catalogue import PLATFORM_CODECS
from dashboard.accounts.roles import Role
from tests.dashboard.people import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return browser_of(Role.VIEWER)


def test_every_codec_of_the_platform_list_and_every_pair_has_its_button(client: Client) -> None:
    page = client.get("/lab/hear/?loss=5").content.decode()
    for name in PLATFORM_CODECS:
        assert f'aria-label="Play {name}"' in page
        for other in PLATFORM_CODECS:
            assert f'aria-label="Play {name} to {other}"' in page
    assert "<span data-loss>5</span>" in page
    assert "/lab/hear/audio.wav?sound=speech&amp;loss=5&amp;codec=OPUS" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("codec=MP3", "codec: 'MP3' is none of OPUS"),
        ("loss=2", "loss: 2 % is none of 0, 1"),
        ("loss=9999999", "none of 0, 1"),
        ("codec=OPUS&codec=PCMU&codec=PCMU", "3 are given"),
        ("sound=music", "'music' is none of speech, tone"),
    ],
)
def test_what_cannot_be_made_is_said(client: Client, query: str, words: str) -> None:
    answer = client.get(f"/lab/hear/audio.wav?{query}")
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert answer["Content-Type"].startswith("text/plain")


def test_without_an_engine_it_is_said_how_to_start_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callengine.lab.messages.OFFER_WITHIN_S", 0.05)
    answer = client.get("/lab/hear/audio.wav?codec=OPUS")
    assert answer.status_code == 503
    assert "manage.py serve" in answer.content.decode()
