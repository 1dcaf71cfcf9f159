"""What is told of the call of a trunk's test, as its snapshot changes."""

from collections.abc import Callable, Iterable

from callengine.core.parties import parties
from callengine.core.snapshot import CallSnapshot, LegSnapshot
from callengine.core.states import CallState
from callengine.core.trials import audio_heard, no_audio


class CallWatch:
    """What has been told of a call over a trunk, and what is new."""

    def __init__(self, step: Callable[..., None]) -> None:
        self._step = step
        self._told: set[str] = set()
        self.answered_at = float("inf")

    def look(self, call: CallSnapshot, now: float) -> None:
        """Tell what is new."""
        for leg in self._fresh(call["legs"]):
            self._step("doing", f"Leg {leg['name']}: INVITE sent to {leg['label']}.")
        state = call["state"]
        if state == CallState.RINGING and self._is_news(state):
            self._step("good", "It rings.")
        callee = parties(call["legs"]).callee
        if call["answered"] is None or callee is None or not callee["codec"]:
            return
        codec, quality = callee["codec"], callee["quality"]
        if self._is_news("answered"):
            self.answered_at = now
            self._step("good", f"Answered, in {codec}, with audio from {callee['remote']}.")
        packets = quality["packets_received"] if quality else 0
        if packets and self._is_news("audio"):
            words = audio_heard(packets, codec)
            self._step(words.state, words.what)

    def ended(self, call: CallSnapshot, talked_s: float) -> None:
        """Tell how it ended."""
        if call["answered"] is not None and "audio" not in self._told:
            words = no_audio(talked_s)
            self._step(words.state, words.what, words.advice)
        end = call["termination"]
        if end is None:
            return
        is_good = end["code"] < 400 and "audio" in self._told
        what = f"Ended with {end['code']} {end['reason']}."
        self._step("good" if is_good else "bad", what, end["advice"])

    def _fresh(self, legs: Iterable[LegSnapshot]) -> list[LegSnapshot]:
        return [leg for leg in legs if leg["name"] != "A" and self._is_news(leg["name"])]

    def _is_news(self, key: str) -> bool:
        is_news = key not in self._told
        self._told.add(key)
        return is_news
