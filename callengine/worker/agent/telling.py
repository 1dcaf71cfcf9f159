"""What an agent has told, no faster than anybody reads, and without its key. Pure; seconds.

An agent may say whatever it likes, as often as it likes; the engine serves other calls as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agents.concealed import without_secret
from agents.dialects.interface import AgentNote, Line, Tool, TransferTo

RATE = 20.0
"Words a second that are handed on, on average."
BURST = 40.0
MAX_WAITING = 40
"Lines that wait; of one key the newest alone."

Word = Line | Tool | AgentNote | TransferTo


@dataclass(slots=True)
class Telling:
    """Hands on one agent's words."""

    tell: Callable[[Word], None]
    secret: str = field(default="", repr=False)
    _budget: float = BURST
    _at: float = 0.0
    _waiting: dict[str, Line] = field(default_factory=dict)
    _left_out: int = 0

    def say(self, word: Word, now: float) -> None:
        """Hand on a word, or have a line wait for its turn; others are left out then.

        What asks for a transfer is no word on the call but something to be done, and bounded where
        it is understood (`tooldesk`): it is always handed on.
        """
        self.tick(now)
        is_first = isinstance(word, Line) and word.key in self._waiting
        if isinstance(word, TransferTo) or (not is_first and self._budget >= 1):
            self._hand_on(word)
        elif isinstance(word, Line) and (is_first or len(self._waiting) < MAX_WAITING):
            self._waiting[word.key] = word
        else:
            self._left_out += 1

    def tick(self, now: float) -> None:
        """Hand on what waits, as far as there is room."""
        self._budget = min(BURST, self._budget + (now - self._at) * RATE)
        self._at = now
        while self._waiting and self._budget >= 1:
            self._hand_on(self._waiting.pop(next(iter(self._waiting))))

    def finish(self) -> None:
        """Hand on the rest: it is over."""
        for line in self._waiting.values():
            self._hand_on(line)
        self._waiting.clear()
        if self._left_out:
            text = f"{self._left_out} more of the agent's words were left out: they came too fast."
            self._hand_on(AgentNote("agent-fast", text))

    def hidden(self, text: str) -> str:
        """Return a text without the agent's key."""
        return without_secret(text, self.secret)

    def _hand_on(self, word: Word) -> None:
        self._budget -= 1
        match word:
            case Line(text=text) | AgentNote(text=text):
                self.tell(replace(word, text=self.hidden(text)))
            case Tool(name, outcome):
                self.tell(replace(word, name=self.hidden(name), outcome=self.hidden(outcome)))
            case TransferTo():
                self.tell(word)
