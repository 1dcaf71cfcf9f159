"""What is known of a dialect without a conversation: for models, pages, files and the API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agents.dialects.interface import Dialect, Session
from agents.formats import Encoding

SETTINGS = frozenset({
    "secret",
    "agent_id",
    "system_prompt",
    "greeting",
    "voice",
    "transcription_model",
    "tools",
    "keyterms",
    "turn_detection",
    "volume",
    "headers",
})  # fmt: skip
"Settings of an agent that not every dialect uses."


@dataclass(frozen=True, slots=True)
class DialectKind:
    """One dialect, as it is offered to users."""

    name: str
    "As in files and in the API."
    label: str
    about: str
    "One sentence: who speaks it, and which side we are."
    url_example: str
    "The vendor's own address, or the like of what a user writes."
    make: Callable[[Session], Dialect]
    settings: frozenset[str]
    "Of SETTINGS, what it uses; any other would be lost."
    needs: tuple[frozenset[str], ...] = ()
    "Of each set, at least one setting must be given."
    replaced_by_agent_id: frozenset[str] = frozenset()
    "What is not sent where there is an agent_id: the vendor keeps it with the agent."
    inputs: tuple[Encoding, ...] = tuple(Encoding)
    "Caller to agent; the first is the default."
    outputs: tuple[Encoding, ...] = tuple(Encoding)
    "Agent to caller; the first is the default."
    mutable: frozenset[str] = frozenset()
    "What may change during a call."
    immutable_because: str = ""
    "Why the rest may not; a clause."
    takes_digits: bool = True
    "Whether the agent can be told of keys that are pressed."
    takes_query: bool = True
    "Whether the URL may have a query string."
    credential: str = "API key"
    "What the vendor calls the secret."
    notes: Mapping[str, str] = field(default_factory=dict)
    "What a user should know of a setting, by its name; a sentence each."

    def why_immutable(self, setting: str) -> str:
        """Return a sentence on why a setting may not change during a call."""
        allowed = ", ".join(sorted(self.mutable)) or "nothing"
        return (
            f"{setting} cannot change during a call: {self.immutable_because}. "
            f"With {self.label}, allowed: {allowed}"
        )
