"""How the agent is to behave on one websocket: told by the query string of its URL.

ws://127.0.0.1:PORT/v1/ws?ready_after_ms=300&greet_hz=440&chunk=1
"""

from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import parse_qsl

NEVER = -1


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What is not said goes well."""

    http: int = 0
    "Refuse the upgrade with this status."
    ready_after_ms: int = 0
    "When `session.ready` is sent; -1 for never."
    error: str = ""
    "Answer the first message with `session.error` of this code, and close with 1008."
    error_type: str = "session.error"
    close: int = 0
    "Close with this code in place of `session.ready`."
    times: int = 0
    "How many websockets of this URL `http`, `error` and `close` are for; 0 for all."
    greet_hz: int = 0
    "A reply of one tone, as soon as the session is ready."
    greet_ms: int = 500
    chunk: int = 0
    "Bytes of audio in a message; 0 for 20 ms of it."
    flood_s: int = 0
    "Of a 1000 Hz tone, sent as fast as it goes."
    tone: int = 0
    "Of this many Hz, sent in real time without an end."
    pauses_ms: int = 0
    "So long each, in it silence is sent; as long as the tone between them."
    echo: int = 0
    "1 sends the caller's audio back, where both formats are the same."
    odd: int = 0
    "1 sends all that must be ignored, before anything else."
    drop_after_ms: int = 0
    "Lose the websocket, once for each session."
    drop_code: int = 0
    "The code it is closed with; 0 breaks the connection."
    resume: str = "accept"
    "What is said to `session.resume`: accept, refuse, silent."
    expire_after_ms: int = 0
    end_after_ms: int = 0
    "End the session in good order."
    answers_end: int = 1
    "0 leaves `session.end` without an answer."
    sends_on: int = 0
    "1 goes on sending audio after its own end of the session, and after the caller's."
    theirs: str = ""
    "Names of tools, with commas between, that this server runs itself (an http block)."
    ready_input: str = ""
    "The encoding that the session.ready claims for the input, in place of what was asked."

    @classmethod
    def of(cls, query: str) -> Self:
        """Read a query string. Raises ValueError for what is not known."""
        values: dict[str, Any] = {}
        kinds = {field.name: field.type for field in fields(cls)}
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name not in kinds:
                raise ValueError(f"{name} is no behaviour; known: {', '.join(kinds)}")
            values[name] = int(value) if kinds[name] is int else value
        return cls(**values)
