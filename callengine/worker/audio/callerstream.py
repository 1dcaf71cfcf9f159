"""What an agent hears of a caller: a stream that keeps time, whatever arrives or does not.

What arrives goes on at once. Where nothing does, silence is put in as time passes; never for time
that has passed, which would put an agent behind that hears in real time. If what was missing then
comes after all, all in a burst, there is too much: so much is taken out again, quiet frames first,
that the agent is not behind for longer than a moment.
"""

from callengine.worker.audio.paths import ToAgent
from callengine.worker.rtp.heard import Gap, Heard, Key, Pause, Sound

FRAME_MS = 20
FILLS_AFTER_MS = 100
"Nothing arrives for so long, and the caller has not said that it pauses: it is silent, or gone."
CAUGHT_UP_MS = 1500
"So long after a burst nothing of it is left, loud or not."
FORGOTTEN_AFTER_S = 5.0
"What was held up has come by then, or never will."
MAX_AT_ONCE = 5
"Frames of silence, after the process was held up."
MIN_LOSS_MS = 100
"So much of a loss is filled at any time, and more only if that time has passed."
_ROUNDING = 1e-6
"Of a frame: the sum of many fiftieths of a second."


class CallerStream:
    """One call's audio towards the agent. `now` is monotonic, in seconds."""

    def __init__(self, path: ToAgent, now: float) -> None:
        self._path = path
        self._per_ms, self._bytes_per_ms = path.ticks_per_ms, path.audio.bytes_per_ms
        self._ends_at = now
        "When what arrived last has been heard."
        self._is_filling = False
        self._filled_to = now
        self._filled_ms = 0.0
        "Silence that was put in since."
        self._is_paused = False
        self._surplus = _Surplus(now)

    @property
    def dropped_ms(self) -> float:
        """What was taken out so that the agent is not behind."""
        return self._surplus.dropped_ms

    def heard(self, item: Heard, now: float) -> list[bytes]:
        """Take what is heard of the caller; return what the agent is to hear now."""
        if type(item) is Sound:
            return self._sound(item, now)
        match item:
            case Gap(ticks, following):
                return self._gap(ticks / self._per_ms, following, now)
            case Pause():
                self._is_paused = True
            case Key():
                pass
        return []

    def tick(self, now: float) -> list[bytes]:
        """Return the silence that is due by now; called every 20 ms or so."""
        if not self._is_filling:
            silent_ms = (now - self._ends_at) * 1000
            if silent_ms < (FRAME_MS if self._is_paused else FILLS_AFTER_MS):
                return []
            self._is_filling, self._filled_to = True, now - FRAME_MS / 1000
        frames = min(int((now - self._filled_to) * 1000 / FRAME_MS + _ROUNDING), MAX_AT_ONCE)
        if not frames:
            return []
        self._filled_to = max(self._filled_to + frames * FRAME_MS / 1000, now - FRAME_MS / 1000)
        self._filled_ms += frames * FRAME_MS
        return self._given([self._path.silence(FRAME_MS) for _ in range(frames)], now)

    def _sound(self, sound: Sound, now: float) -> list[bytes]:
        payload, ticks, skipped = sound
        surplus = self._surplus
        if self._filled_ms and skipped is not None:
            surplus.expect(self._filled_ms - skipped / self._per_ms, now)
        self._ends_at = now + ticks / self._per_ms / 1000
        self._is_paused = self._is_filling = False
        self._filled_ms = 0.0
        audio = self._path.sound(payload)
        made_ms = len(audio) / self._bytes_per_ms
        if surplus.too_much_ms and surplus.takes_out(made_ms, now, is_loud=self._path.is_loud):
            return []
        surplus.give(made_ms, now)
        return [audio] if audio else []

    def _gap(self, lost_ms: float, following: bytes, now: float) -> list[bytes]:
        """Conceal what is lost, but for what silence was put in for already."""
        left_ms = max(0.0, lost_ms - self._filled_ms)
        self._filled_ms = max(0.0, self._filled_ms - lost_ms)
        left_ms = min(left_ms, max(MIN_LOSS_MS, (now - self._ends_at) * 1000))
        if not left_ms:
            return []
        return self._given([self._path.gap(round(left_ms), following)], now)

    def _given(self, made: list[bytes], now: float) -> list[bytes]:
        given = [audio for audio in made if audio]
        self._surplus.give(self._path.audio.ms_of(sum(map(len, given))), now)
        return given


class _Surplus:
    """What an agent that hears in real time has not heard yet, and how much of it has to go.

    Only what silence took the place of has to: packets that are a little early or late, as they
    are on any network, leave all that was said.
    """

    def __init__(self, now: float) -> None:
        self.dropped_ms = 0.0
        self._ahead_ms, self._at = 0.0, now
        self.too_much_ms, self._since = 0.0, now

    def expect(self, ms: float, now: float) -> None:
        """Take that so much silence was put in for audio that comes after all, or may."""
        if ms <= 0:
            return
        if not self.too_much_ms or now - self._since > FORGOTTEN_AFTER_S:
            self.too_much_ms, self._since = 0.0, now
        self.too_much_ms += ms

    def give(self, ms: float, now: float) -> None:
        """Take that the agent is given so much."""
        left_ms = self._ahead_ms - (now - self._at) * 1000
        self._ahead_ms = ms + left_ms if left_ms > 0 else ms
        self._at = now

    def takes_out(self, ms: float, now: float, *, is_loud: bool) -> bool:
        """Tell whether audio is to be left out: it is quiet, or else all would not go in time."""
        if now - self._since > FORGOTTEN_AFTER_S:
            self.too_much_ms = 0.0
        if not 0 < ms <= self.too_much_ms or self._ahead(now) < ms:
            return False
        since_ms = (now - self._since) * 1000
        if is_loud and CAUGHT_UP_MS - since_ms > self.too_much_ms:
            return False
        self.too_much_ms -= ms
        self.dropped_ms += ms
        return True

    def _ahead(self, now: float) -> float:
        return max(0.0, self._ahead_ms - (now - self._at) * 1000)
