"""The page of music on hold: a file is given, judged, heard of and taken away."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audiocodecs.models import HoldMusic
from dashboard.accounts.roles import Role
from tests.audiocodecs.test_holdmusic import wav
from tests.dashboard.people import browser_of

pytestmark = pytest.mark.django_db
PAGE = "/settings/hold-music/"


def give(browser: Client, data: bytes, name: str = "waltz.wav") -> tuple[int, str]:
    response = browser.post(PAGE, {"file": SimpleUploadedFile(name, data)}, follow=True)
    return response.status_code, response.content.decode()


def test_a_file_is_given_and_taken_away(admin: Client) -> None:
    assert "hears silence" in admin.get("/settings/").content.decode()
    code, page = give(admin, wav(rate_hz=16000, seconds=3))
    assert code == 200
    assert "The next call that is put on hold hears it" in page
    assert "3 s at 16000 Hz" in page
    music = HoldMusic.load()
    assert music is not None
    assert (music.rate_hz, len(music.samples)) == (16000, 96000)
    assert "waltz.wav" in admin.get("/settings/").content.decode()
    give(admin, wav(), "second.wav")
    assert HoldMusic.objects.get().name == "second.wav"
    assert "hear silence" in admin.post(f"{PAGE}remove/", follow=True).content.decode()
    assert HoldMusic.load() is None


def test_what_cannot_be_played_changes_nothing_and_is_named(admin: Client) -> None:
    give(admin, wav())
    code, page = give(admin, wav(rate_hz=44100))
    assert code == 422
    assert "it has 44100 Hz" in page
    assert "8000 or 16000 Hz" in page
    assert HoldMusic.objects.get().rate_hz == 8000
    assert admin.post(PAGE).status_code == 422


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_others_see_it_and_change_nothing(role: Role) -> None:
    browser = browser_of(role)
    page = browser.get(PAGE)
    assert page.status_code == 200
    assert "<input" not in page.content.decode().partition("<main")[2]
    assert browser.post(PAGE).status_code == 403
    assert browser.post(f"{PAGE}remove/").status_code == 403
