"""Music on hold, named in a provisioning file and read beside it."""

import io
import math
import wave
from array import array

import pytest
from django.core.management import CommandError

from audiocodecs.models import HoldMusic
from provisioning.apply import provision
from provisioning.problems import ProvisionError
from tests.provisioning.files import run

pytestmark = pytest.mark.django_db


def tone(rate_hz: int = 8000) -> bytes:
    """Return a WAV file of one second."""
    samples = array("h", (round(8000 * math.sin(n / 9)) for n in range(rate_hz)))
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return data.getvalue()


def test_music_is_read_beside_the_file_once_and_taken_away(tmp_path):
    (tmp_path / "hold.wav").write_bytes(tone())
    assert run(tmp_path, "hold_music: hold.wav", "--dry-run").endswith("(--dry-run)\n")
    assert HoldMusic.load() is None
    lines = run(tmp_path, "hold_music: hold.wav").splitlines()
    assert lines == ["create music on hold hold.wav", "1 change"]
    assert HoldMusic.load().seconds == 1
    assert run(tmp_path, "hold_music: hold.wav") == "0 changes\n"
    assert run(tmp_path, "external_sip: true").endswith("1 change\n")
    assert HoldMusic.load() is not None
    run(tmp_path, "hold_music: none")
    assert HoldMusic.load() is None


def test_what_cannot_be_played_is_named(tmp_path):
    (tmp_path / "fast.wav").write_bytes(tone(44100))
    for name, why in (("fast.wav", "it has 44100 Hz"), ("gone.wav", "No such file")):
        with pytest.raises(CommandError, match=why):
            run(tmp_path, f"hold_music: {name}")
    with pytest.raises(ProvisionError, match=r"manage\.py provision FILE alone"):
        provision(text="hold_music: /etc/passwd", file="sent")
