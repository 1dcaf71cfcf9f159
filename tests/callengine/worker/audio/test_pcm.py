"""A browser's sound for an agent, and back: samples at 16 kHz, in frames of 20 ms, no codec."""

from collections.abc import Iterator

import pytest

from agents.formats import Encoding
from callengine.core.sounds import FRAME_BYTES
from tests.callengine.worker.audio.offline import Offline

FORMATS = [encoding.value for encoding in Encoding]
SET_UP = """
import os, select, time
from callengine.core.sounds import FRAME_BYTES
from callengine.worker.agent.callerpage import CallerPage
from callengine.worker.agent.overhearing import Overhearing
from callengine.worker.audio.pcm import PcmCaller
from callengine.worker.legs.soundline import SoundLine

def frames(samples, size):
    audio = samples if isinstance(samples, bytes) else samples.tobytes()
    return [audio[at:at + size] for at in range(0, len(audio) - size + 1, size)]

def page(encoding, now=0.0):
    said = []
    line, audio = SoundLine(said.append), AudioFormat(Encoding(encoding))
    return line, said, CallerPage(line, line.descriptor(), formats=(audio, audio), now=now)
"""


@pytest.fixture(scope="module")
def offline() -> Iterator[Offline]:
    with Offline() as running:
        yield running


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_tone_keeps_its_pitch_and_level_both_ways(offline: Offline, encoding: str) -> None:
    result = offline.run(f"""{SET_UP}
line, played, caller = page({encoding!r})
heard = b""
for frame in frames(tone(16000, 1000, 1.2), FRAME_BYTES):
    line.put(frame)
    heard += b"".join(caller.heard(0.0))
rate = caller._paths.to_agent.audio.sample_rate_hz
for frame in frames(written(tone(rate, 1000, 1.2), {encoding!r}), caller.frame_bytes):
    caller.play(frame, 0.0)
agent = measured(read(heard, {encoding!r}), rate)
browser = measured(np.frombuffer(b"".join(played), dtype=np.int16), 16000)
result = [agent, browser, sorted(set(map(len, played))), caller.how]
for _ in range(10):
    caller.play(None, 0.0)
result.append([len(played[-1]), max(played[-1])])
caller.close(0.0)
""")
    for pitch_hz, level_db in result[:2]:
        assert pitch_hz == pytest.approx(1000, abs=2)
        assert level_db == pytest.approx(0, abs=1)
    assert result[2] == [FRAME_BYTES]
    rate = "24" if encoding == "audio/pcm" else "8"
    assert result[3] == [f"resampled 16 → {rate} kHz", f"resampled {rate} → 16 kHz"]
    assert result[4] == [FRAME_BYTES, 0]


def test_what_comes_wakes_at_once_and_what_comes_late_leaves_no_lasting_delay(
    offline: Offline,
) -> None:
    """A page that stood still for a second sends that second all at once."""
    result = offline.run(
        SET_UP
        + """
line, _, caller = page("audio/pcmu")
(watched,) = caller.readers(lambda events, now: None)
waits = lambda: bool(select.select([watched], [], [], 0)[0])
wakes = [waits()]
line.put(bytes(FRAME_BYTES))
wakes.append(waits())
given = caller.heard(0.0)
wakes.append(waits())
heard_ms, now = 20.0, 0.0
while now < 1.0:
    now += 0.02
    heard_ms += 20.0 * len(caller.ticked(now))
for _ in range(50):
    line.put(bytes(FRAME_BYTES))
heard_ms += 20.0 * len(caller.heard(now))
while now < 4.0:
    now += 0.02
    line.put(bytes(FRAME_BYTES))
    heard_ms += 20.0 * (len(caller.heard(now)) + len(caller.ticked(now)))
result = [wakes, [len(x) for x in given], heard_ms - now * 1000]
caller.close(now)
"""
    )
    assert result[0] == [False, True, False]
    assert result[1] == [160]
    assert abs(result[2]) <= 60, "the agent is behind, or was given too little"


def test_an_end_gives_all_descriptors_back_and_what_still_comes_does_no_harm(
    offline: Offline,
) -> None:
    result = offline.run(
        SET_UP
        + """
before = set(os.listdir("/proc/self/fd"))
line, played, caller = page("audio/pcm")
line.close()
line.put(bytes(FRAME_BYTES))
heard = caller.heard(0.0)
caller.close(0.0)
line.close()
result = [heard, len(set(os.listdir("/proc/self/fd")) - before)]
"""
    )
    assert result == [[], 0]


@pytest.mark.parametrize("encoding", FORMATS)
def test_who_listens_hears_both_sides_in_whole_frames_whatever_comes(
    offline: Offline, encoding: str
) -> None:
    result = offline.run(f"""{SET_UP}
audio = AudioFormat(Encoding({encoding!r}))
overhearing, left, right = Overhearing(audio, audio), [], []
is_on = [overhearing.is_on]
overhearing.tell(says=[right.append], hears=[left.append])
is_on.append(overhearing.is_on)
rate, size = audio.sample_rate_hz, audio.bytes_of(30)
overhearing.heard(frames(written(tone(rate, 600, 1.2), {encoding!r}), size))
for frame in frames(written(tone(rate, 900, 1.2), {encoding!r}), size):
    overhearing.said(frame, size)
heard = [measured(np.frombuffer(b"".join(ear), dtype=np.int16), 16000) for ear in (left, right)]
sizes = sorted({{len(frame) for frame in left + right}})
count = len(right)
for _ in range(10):
    overhearing.said(None, size)
silence = [len(right) - count, max(right[-1])]
overhearing.tell(says=(), hears=())
overhearing.said(None, size)
is_on.append(overhearing.is_on)
result = [is_on, heard, sizes, silence, len(right) - count]
""")
    assert result[0] == [False, True, False]
    for (pitch_hz, level_db), hz in zip(result[1], (600, 900), strict=True):
        assert pitch_hz == pytest.approx(hz, abs=2)
        assert level_db == pytest.approx(0, abs=1)
    assert result[2] == [FRAME_BYTES]
    count, peak = result[3]
    assert count == 15, "300 ms of silence"
    assert peak <= 8, "the least that A-law has"
    assert result[4] == 15, "nobody listens any more"
