"""How loud an agent's audio is, in each of its encodings."""

from array import array

import pytest

from agents.formats import AudioFormat, Encoding
from agents.loudness import mean_magnitude
from audiocodecs import g711

SAMPLES = array("h", [16384, -16384] * 240)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_half_of_full_scale_is_half_in_every_encoding(encoding: Encoding) -> None:
    laws = {Encoding.PCMU: "PCMU", Encoding.PCMA: "PCMA"}
    law = laws.get(encoding)
    audio = SAMPLES.tobytes() if law is None else g711.compressed(law, SAMPLES)
    assert mean_magnitude(audio, AudioFormat(encoding)) == pytest.approx(0.5, rel=0.05)
    assert mean_magnitude(AudioFormat(encoding).silence * 160, AudioFormat(encoding)) < 0.001
    assert mean_magnitude(b"", AudioFormat(encoding)) == 0
    assert mean_magnitude(audio[:481], AudioFormat(encoding)) > 0.4
