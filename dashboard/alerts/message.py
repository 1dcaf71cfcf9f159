"""What is told of an alert, as mail and as JSON. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

MOST_CHARACTERS = 2000
SUBJECT_CHARACTERS = 150


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One thing told, by every way the same."""

    key: str
    "Unique; who gets one twice may drop the second."
    event: Literal["begun", "over", "test"]
    kind: str
    text: str
    "The sentence of the overview; of what is over the one that was told."
    at: dt.datetime
    node: str
    "Whose web process tells it."

    @property
    def sentence(self) -> str:
        """What happened, on one line."""
        text = " ".join(self.text.split())[:MOST_CHARACTERS]
        return f"No longer reported: {text}" if self.event == "over" else text

    @property
    def subject(self) -> str:
        """The subject of a mail."""
        text = self.sentence
        short = text if len(text) <= SUBJECT_CHARACTERS else f"{text[: SUBJECT_CHARACTERS - 3]}..."
        return f"VoIP Number: {short}"

    @property
    def body(self) -> str:
        """The text of a mail."""
        at = f"{self.at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
        more = {
            "begun": "You are told once more when the overview no longer says so.",
            "over": "The overview has not said so for a minute.",
            "test": "Somebody pressed the button on the page of alerts.",
        }
        return f"{self.sentence}\n\n{more[self.event]}\n\n{at}, seen by {self.node}\n"

    @property
    def json(self) -> dict[str, str]:
        """What a webhook gets."""
        return {
            "id": self.key,
            "event": self.event,
            "kind": self.kind,
            "text": self.sentence,
            "at": self.at.astimezone(dt.UTC).isoformat(),
            "node": self.node,
        }
