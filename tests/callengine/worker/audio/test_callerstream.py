"""A caller's time as the agent hears it: nothing missing, nothing behind."""

from dataclasses import dataclass, field

import pytest

from agents.formats import AudioFormat, Encoding
from callengine.worker.audio.callerstream import CallerStream
from callengine.worker.rtp.heard import Gap, Key, Pause, Sound

LOUD, QUIET = b"\x00" * 160, b"\xff" * 160


@dataclass
class Path:
    """Mu-law both sides: a payload is what is heard, a gap is 0x55, silence is 0xff."""

    audio: AudioFormat = field(default_factory=lambda: AudioFormat(Encoding.PCMU))
    ticks_per_ms: float = 8
    is_loud: bool = False

    def sound(self, payload: bytes) -> bytes:
        self.is_loud = payload.count(0xFF) < 80
        return payload

    def gap(self, ms: int, following: bytes = b"") -> bytes:
        return b"\x55" * (ms * 8)

    def silence(self, ms: int) -> bytes:
        return b"\xff" * (ms * 8)


class Agent:
    """Hears a stream; `ms` is how much of it there is."""

    def __init__(self) -> None:
        self.stream, self.heard = CallerStream(Path(), 0.0), b""  # type: ignore[arg-type]

    def take(self, at: float, *items: Sound | Gap | Pause | Key) -> None:
        self.heard += b"".join(part for item in items for part in self.stream.heard(item, at))

    def sound(self, at: float, payload: bytes = LOUD, skipped: int | None = 0) -> None:
        self.take(at, Sound(payload, len(payload), skipped))

    def wait(self, begin: float, end: float) -> None:
        now = begin
        while now <= end + 1e-9:
            self.heard += b"".join(self.stream.tick(now))
            now += 0.02

    @property
    def ms(self) -> float:
        return len(self.heard) / 8


def talk(agent: Agent, begin: float, count: int, payload: bytes = LOUD) -> float:
    for number in range(count):
        agent.sound(begin + number * 0.02, payload)
        agent.wait(begin + number * 0.02 + 0.01, begin + number * 0.02 + 0.01)
    return begin + count * 0.02


def test_what_arrives_goes_on_at_once_and_nothing_is_added() -> None:
    agent = Agent()
    talk(agent, 0.0, 100)
    assert agent.heard == LOUD * 100


@pytest.mark.parametrize("hold_up_s", [0.03, 0.06, 0.09])
def test_packets_that_are_a_little_late_are_waited_for(hold_up_s: float) -> None:
    agent = Agent()
    now = talk(agent, 0.0, 10)
    agent.wait(now, now + hold_up_s)
    for _ in range(int(hold_up_s / 0.02) + 1):
        agent.sound(now + hold_up_s)
    assert agent.heard.count(0xFF) == 0


def test_a_caller_of_whom_nothing_is_heard_is_silent_in_real_time() -> None:
    """From the beginning, and after it fell silent without a word."""
    agent = Agent()
    agent.wait(0.0, 1.0)
    assert 1000 - 100 <= agent.ms <= 1000
    agent.sound(1.0, skipped=None)
    now = talk(agent, 1.02, 49)
    agent.wait(now, now + 3.0)
    assert 5000 - 2 * 120 <= agent.ms <= 5000


def test_the_first_packet_after_a_silence_from_the_beginning_owes_nothing() -> None:
    agent = Agent()
    agent.wait(0.0, 2.0)
    before = agent.heard
    agent.sound(2.0, LOUD, skipped=None)
    talk(agent, 2.02, 200)
    assert agent.heard[len(before) :] == LOUD * 201


def test_a_caller_that_pauses_is_silent_at_once() -> None:
    agent = Agent()
    now = talk(agent, 0.0, 10)
    agent.take(now, Pause())
    agent.wait(now, now + 0.06)
    assert agent.heard[1600:].count(0xFF) >= 160


def test_silence_between_words_lasts_as_long_as_the_caller_says() -> None:
    agent = Agent()
    now = talk(agent, 0.0, 10)
    agent.take(now, Pause())
    agent.wait(now, now + 2.0)
    agent.sound(now + 2.0, LOUD, skipped=16_000)
    talk(agent, now + 2.02, 20)
    assert agent.ms == pytest.approx(200 + 2000 + 420, abs=40)
    assert agent.stream.dropped_ms <= 20


def test_a_step_of_the_callers_clock_makes_no_silence_that_did_not_pass() -> None:
    agent = Agent()
    now = talk(agent, 0.0, 10)
    agent.sound(now, LOUD, skipped=8000 * 5)
    assert agent.ms <= 240


def test_a_loss_is_filled_for_as_long_as_it_lasted() -> None:
    agent = Agent()
    now = talk(agent, 0.0, 10)
    agent.take(now + 0.06, Gap(160), Sound(LOUD, 160), Sound(LOUD, 160))
    assert agent.heard[1600:] == b"\x55" * 160 + LOUD * 2


def test_numbers_that_jump_make_no_loss_for_which_no_time_has_passed() -> None:
    agent = Agent()
    now = talk(agent, 0.0, 10)
    agent.take(now, Gap(8000 * 9), Sound(LOUD, 160))
    assert agent.ms <= 200 + 100 + 20


def test_a_loss_that_was_filled_with_silence_already_is_filled_once() -> None:
    agent = Agent()
    now = talk(agent, 0.0, 10)
    agent.wait(now, now + 0.5)
    agent.take(now + 0.5, Gap(4000), Sound(LOUD, 160))
    talk(agent, now + 0.52, 10)
    assert agent.ms == pytest.approx(200 + 500 + 220, abs=45)


@pytest.mark.parametrize("held_up_s", [0.2, 0.5, 1.0, 1.9, 3.0])
@pytest.mark.parametrize("payload", [LOUD, QUIET])
def test_a_burst_never_becomes_lasting_latency(held_up_s: float, payload: bytes) -> None:
    """Packets held up by the network come all at once; two seconds later nothing is behind."""
    agent = Agent()
    now = talk(agent, 0.0, 50, payload)
    agent.wait(now, now + held_up_s)
    now += held_up_s
    for _ in range(round(held_up_s / 0.02)):
        agent.sound(now, payload)
    end = talk(agent, now, 100, payload)
    behind_ms = agent.ms - end * 1000
    assert -120 < behind_ms < 30


def test_of_a_burst_pauses_are_left_out_before_words() -> None:
    agent = Agent()
    now = talk(agent, 0.0, 50)
    agent.wait(now, now + 0.3)
    now += 0.3
    for number in range(15):
        agent.sound(now, QUIET if 5 <= number < 12 else LOUD)
    for number in range(60):
        agent.sound(now + number * 0.02, QUIET if number % 6 == 0 else LOUD)
    assert agent.heard.count(LOUD[0]) >= (50 + 8 + 50) * 160
    assert -120 < agent.ms - (now + 1.2) * 1000 < 30


@pytest.mark.parametrize("silence_s", [0.5, 5.0, 60.0])
def test_a_caller_whose_clock_stood_still_loses_nothing_of_what_it_says_after(
    silence_s: float,
) -> None:
    """As on hold, or muted by a phone that stops and goes on: no burst follows."""
    agent = Agent()
    now = talk(agent, 0.0, 50)
    agent.wait(now, now + silence_s)
    before = agent.heard.count(LOUD[0])
    talk(agent, now + silence_s + 0.02, 200)
    assert agent.heard.count(LOUD[0]) - before >= 199 * 160
    behind_ms = agent.ms - (now + silence_s + 4.02) * 1000
    assert -120 <= behind_ms < 30


def test_jitter_makes_nothing_be_left_out() -> None:
    """Each fifth packet 80 ms late, those after it with it: all of it is heard."""
    agent, now = Agent(), 0.0
    for group in range(100):
        now = group * 0.1
        agent.wait(now, now + 0.08)
        for _ in range(5):
            agent.sound(now + 0.085)
    assert agent.heard == LOUD * 500


def test_a_key_is_no_audio() -> None:
    agent = Agent()
    agent.take(0.0, Key("5"))
    assert agent.heard == b""


def test_a_process_that_was_held_up_does_not_make_up_for_hours() -> None:
    agent = Agent()
    talk(agent, 0.0, 1)
    agent.wait(3600.0, 3600.0)
    assert agent.ms <= 120
