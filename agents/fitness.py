"""Whether an agent's settings fit its dialect, and which of them it would never be told."""

from collections.abc import Iterator
from typing import Any, Protocol

from django.core.exceptions import ValidationError

from agents.dialects.kinds import SETTINGS, DialectKind
from agents.dialects.registry import DIALECTS
from agents.formats import Encoding
from agents.validators import refused

WORDS = {
    "agent_id": "stored agent",
    "system_prompt": "system prompt",
    "transcription_model": "transcription model",
    "turn_detection": "turn detection",
}
"What people call a setting, where it is not its name."


class Settings(Protocol):
    """What is looked at; the settings of DialectKind are attributes too."""

    dialect: str
    url: str
    input_encoding: str
    output_encoding: str


def default_encodings(dialect: str) -> tuple[Encoding, Encoding]:
    """Return input and output of an agent that tells neither; audio/pcm for an unknown dialect."""
    kind = DIALECTS.get(dialect)
    if kind is None:
        return Encoding.PCM, Encoding.PCM
    return kind.inputs[0], kind.outputs[0]


def check_fitness(agent: Settings) -> None:
    """Raise ValidationError, by field, for what the agent's dialect cannot do or is not given."""
    kind = DIALECTS.get(agent.dialect)
    if kind is None:
        return  # the field says so itself
    errors = dict(_problems(agent, kind))
    if errors:
        raise ValidationError(errors)


def _problems(agent: Settings, kind: DialectKind) -> Iterator[tuple[str, Any]]:
    for field, allowed in (("input_encoding", kind.inputs), ("output_encoding", kind.outputs)):
        value = getattr(agent, field)
        if value not in allowed:
            yield field, refused(value, f"{', '.join(allowed)} with the dialect {kind.name}")
    if "?" in agent.url and not kind.takes_query:
        yield "url", refused(agent.url, f"no query (?...) with the dialect {kind.name}")
    for needed in kind.needs:
        if not any(_is_given(agent, setting) for setting in needed):
            first = min(needed)
            words = " or ".join(_word(setting) for setting in sorted(needed))
            yield first, refused(getattr(agent, first), f"{words}, as {kind.label} needs it")


def idle_settings(agent: Settings) -> dict[str, str]:
    """Return the settings that are given and that the agent is not told, each with a sentence."""
    kind = DIALECTS.get(agent.dialect)
    if kind is None:
        return {}
    idle = {
        setting: f"The {_word(setting)} is not used: {kind.label} has no such setting."
        for setting in sorted(SETTINGS - kind.settings)
        if _is_given(agent, setting)
    }
    if _is_given(agent, "agent_id"):
        idle |= {
            setting: f"The {_word(setting)} is not used: the {_word('agent_id')} has its own."
            for setting in sorted(kind.replaced_by_agent_id)
            if _is_given(agent, setting)
        }
    return idle


def _is_given(agent: Settings, setting: str) -> bool:
    value = getattr(agent, setting)
    return value not in (None, "", [], {})


def _word(setting: str) -> str:
    return WORDS.get(setting, setting)
