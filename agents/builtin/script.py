"""What a system prompt tells the built-in agent to do: lines among its text. Pure.

    misbehave: never-ready
    misbehave: drop 3, chunks-300
    on 0: end_call
    on 1: transfer_call alice

Every other line is for people. docs/voice-agents.md lists the words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

KEYS = "0123456789*#ABCD"


class Misdeed(StrEnum):
    """A way to misbehave, by the word that asks for it."""

    NEVER_READY = "never-ready"
    REFUSE = "refuse"
    UNAUTHORIZED = "unauthorized"
    BUSY_TWICE = "busy-twice"
    DROP = "drop"
    "Lose the socket; the session can be resumed."
    FORGET = "forget"
    "Lose the socket and the session with it."
    EXPIRE = "expire"
    TALK_ON = "talk-on"
    "Go on sending after the end."
    CHUNKS_1 = "chunks-1"
    CHUNKS_300 = "chunks-300"
    CHUNKS_5S = "chunks-5s"
    BAD_BASE64 = "bad-base64"
    BINARY = "binary"
    UNKNOWN = "unknown"
    FLOOD = "flood"
    "120 s of audio in a second."


SECONDS = {Misdeed.DROP: 3.0, Misdeed.FORGET: 3.0, Misdeed.EXPIRE: 3.0}
"When those that come later come, after ready, unless told otherwise."
TOOLS = ("end_call", "transfer_call")
_LINE = re.compile(r"\s*(misbehave|on +(\S+?))\s*:\s*(.*?)\s*", re.IGNORECASE)


class ScriptError(ValueError):
    """A line that cannot be obeyed; the text says which, and what is allowed."""


@dataclass(frozen=True, slots=True)
class KeyTool:
    """The tool that a key calls."""

    name: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """What was told; `misdeeds` with the seconds after which those that come later come."""

    misdeeds: Mapping[Misdeed, float] = field(default_factory=dict)
    keys: Mapping[str, KeyTool] = field(default_factory=lambda: {"0": KeyTool("end_call")})


def read(prompt: str) -> Script:
    """Return what a prompt tells. Raises ScriptError."""
    misdeeds: dict[Misdeed, float] = {}
    keys = dict(Script().keys)
    for line in prompt.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        if match[2] is None:
            misdeeds |= dict(_misdeed(item) for item in match[3].split(","))
        else:
            keys[_key(match[2])] = _tool(match[3])
    return Script(misdeeds, keys)


def _misdeed(text: str) -> tuple[Misdeed, float]:
    word, _, number = text.strip().lower().partition(" ")
    if word not in list(Misdeed):
        raise ScriptError(f"misbehave: {word!r} is not known; allowed: {', '.join(Misdeed)}.")
    misdeed = Misdeed(word)
    if not number:
        return misdeed, SECONDS.get(misdeed, 0.0)
    if misdeed not in SECONDS or not re.fullmatch(r"\d{1,3}(\.\d)?", number.strip()):
        raise ScriptError(
            f"misbehave: {number!r} after {word!r} is not allowed; allowed: seconds, 0 to 999.9, "
            f"after {', '.join(SECONDS)}."
        )
    return misdeed, float(number)


def _key(text: str) -> str:
    if text.upper() not in set(KEYS):
        raise ScriptError(f"on: {text!r} is no key; allowed: one of {' '.join(KEYS)}.")
    return text.upper()


def _tool(text: str) -> KeyTool:
    name, _, target = text.partition(" ")
    if name not in TOOLS or bool(target.strip()) != (name == "transfer_call"):
        raise ScriptError(
            f"on: {text!r} is not allowed; allowed: end_call, or transfer_call and its target."
        )
    return KeyTool(name, target.strip())
