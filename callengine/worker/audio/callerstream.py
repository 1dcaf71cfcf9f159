"""What an agent hears of a caller: a stream that keeps time, whatever arrives or does not.

What arrives goes on at once. Where nothing does, silence is put in as time passes. If what was
missing then comes after all, all in a burst, there is too much: so much is taken out again, quiet
frames first, that the agent is not behind for longer than a moment.
"""

from callengine.worker.audio.paths import ToAgent
from callengine.worker.rtp.heard import Gap, Heard, Key, Pause, Sound

FRAME_MS = 20
FILLS_AFTER_MS = 100
"Nothing arrives for so long, and the caller has not said that it pauses: it is silent, or gone."
CAUGHT_UP_MS = 1500
"So long after a burst nothing of it is left, loud or not."
MAX_FILL_MS = 1000
"At once, after the process was held up."


class CallerStream:
    """One call's audio towards the agent. `now` is monotonic, in seconds."""

    def __init__(self, path: ToAgent, now: float) -> None:
        self._path = path
        self._per_ms = path.ticks_per_ms
        self._arrived_at = now
        self._lasts_ms = 0.0
        "Of what arrived last."
        self._filled_ms = 0.0
        "Silence that was put in since."
        self._is_paused = False
        self._too_much_ms = 0.0
        self._too_much_since = 0.0
        self.dropped_ms = 0.0
        "What was taken out so that the agent is not behind."

    def heard(self, item: Heard, now: float) -> list[bytes]:
        """Take what is heard of the caller; return what the agent is to hear now."""
        match item:
            case Sound():
                return self._sound(item, now)
            case Gap(ticks, following):
                return self._gap(ticks / self._per_ms, following)
            case Pause():
                self._is_paused = True
            case Key():
                pass
        return []

    def tick(self, now: float) -> list[bytes]:
        """Return the silence that is due by now; called every 20 ms or so."""
        due_ms = self._due_ms(now)
        if due_ms < (FRAME_MS if self._is_paused or self._filled_ms else FILLS_AFTER_MS):
            return []
        frames = int(min(due_ms, MAX_FILL_MS) // FRAME_MS)
        self._filled_ms += int(due_ms // FRAME_MS) * FRAME_MS
        return self._whole([self._path.silence(FRAME_MS) for _ in range(frames)])

    def _due_ms(self, now: float) -> float:
        return (now - self._arrived_at) * 1000 - self._lasts_ms - self._filled_ms

    def _sound(self, sound: Sound, now: float) -> list[bytes]:
        made = []
        if sound.skipped is not None:
            missing_ms = sound.skipped / self._per_ms - self._filled_ms
            if missing_ms > 0:
                # By its own clock the caller was silent for longer than we noticed.
                frames = int(min(missing_ms, max(0.0, self._due_ms(now))) // FRAME_MS)
                made += [self._path.silence(FRAME_MS) for _ in range(frames)]
            else:
                self._note_too_much(-missing_ms, now)
        lasts_ms = sound.ticks / self._per_ms
        self._arrived_at, self._lasts_ms = now, lasts_ms
        self._filled_ms, self._is_paused = 0.0, False
        audio = self._path.sound(sound.payload)
        made_ms = self._path.audio.ms_of(len(audio))
        if audio and self._too_much_ms >= made_ms and self._may_drop(now):
            self._too_much_ms -= made_ms
            self.dropped_ms += made_ms
        else:
            made.append(audio)
        return self._whole(made)

    def _gap(self, lost_ms: float, following: bytes) -> list[bytes]:
        """Conceal what is lost, but for what silence was put in for already."""
        left_ms = max(0.0, lost_ms - self._filled_ms)
        self._filled_ms = max(0.0, self._filled_ms - lost_ms)
        if not left_ms:
            return []
        return self._whole([self._path.gap(round(min(left_ms, MAX_FILL_MS)), following)])

    def _note_too_much(self, ms: float, now: float) -> None:
        if ms and self._too_much_ms < FRAME_MS:
            self._too_much_since = now
        self._too_much_ms += ms

    def _may_drop(self, now: float) -> bool:
        """Tell whether this frame may go: it is quiet, or else all would not be gone in time."""
        left_ms = CAUGHT_UP_MS - (now - self._too_much_since) * 1000
        return left_ms <= self._too_much_ms or not self._path.is_loud

    def _whole(self, made: list[bytes]) -> list[bytes]:
        return [audio for audio in made if audio]
