"""Between the shape of `/v1/agents` and the fields of the model."""

from collections.abc import Iterator, Mapping
from typing import Any

from agents.concealed import concealed
from agents.dialects.registry import DIALECTS
from agents.formats import AudioFormat, Encoding
from agents.models import VoiceAgent
from api.agents.shape import (
    AgentRecord,
    AgentVoice,
    FormatRecord,
    InputRecord,
    OutputRecord,
)

DIALECT = "assemblyai"
"Of an agent that is made in its vendor's shape, which has no such field."
PLACES: dict[str, tuple[str, ...]] = {
    "voice": ("voice", "voice_id"),
    "input_encoding": ("input", "format", "encoding"),
    "keyterms": ("input", "keyterms"),
    "turn_detection": ("input", "turn_detection"),
    "output_encoding": ("output", "format", "encoding"),
    "volume": ("output", "volume"),
    "fallback_connection": ("fallback",),
    "fallback_trunk": ("fallback",),
    "fallback_number": ("fallback",),
}
"Where a field of the model stands in the shape, if not under its own name at the top."
SAME = (
    "name",
    "dialect",
    "url",
    "agent_id",
    "system_prompt",
    "greeting",
    "transcription_model",
    "tools",
    "codecs",
    "fallback",
    "max_duration_s",
    "silence_timeout_s",
    "ready_timeout_s",
    "headers",
    "keeps_transcript",
    "answers_at_once",
    "enabled",
)
"Fields that have the same name in both. `secret` is apart: it is never read back."
_NESTED = {name: place for name, place in PLACES.items() if place[0] != "fallback"}


def place_of(field: str) -> tuple[str, ...]:
    """Return where a field of the model stands in a body; nowhere in particular: the whole."""
    return () if field == "__all__" else PLACES.get(field, (field,))


def values_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model's fields that a body tells, `secret` left out."""
    values = {name: sent[name] for name in SAME if name in sent}
    for name, place in _NESTED.items():
        for value in _at(sent, place):
            values[name] = value
    if "voice" in sent and sent["voice"] is None:
        values["voice"] = ""
    return values


def with_defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Return what a new agent is made of: the vendor's shape names neither dialect nor URL."""
    values = {"dialect": DIALECT, **values}
    if values["dialect"] == DIALECT:
        values.setdefault("url", DIALECTS[DIALECT].url_example)
    return values


def sample_rates(sent: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield each direction whose sample rate is told, and the rate."""
    for direction in ("input", "output"):
        for rate in _at(sent, (direction, "format", "sample_rate")):
            yield direction, rate


def record_of(agent: VoiceAgent) -> AgentRecord:
    """Return an agent as the API shows it."""
    return AgentRecord(
        id=agent.uid,
        name=agent.name,
        dialect=agent.dialect,
        url=agent.url,
        secret="***" if agent.secret else "",
        agent_id=agent.agent_id,
        system_prompt=agent.system_prompt,
        greeting=agent.greeting,
        voice=AgentVoice(voice_id=agent.voice) if agent.voice else None,
        input=InputRecord(
            format=_format(agent.input_encoding),
            keyterms=agent.keyterms,
            turn_detection=agent.turn_detection,
        ),
        output=OutputRecord(format=_format(agent.output_encoding), volume=agent.volume),
        transcription_model=agent.transcription_model,
        tools=concealed(agent.tools),
        codecs=list(agent.codecs),
        fallback=agent.fallback,
        max_duration_s=agent.max_duration_s,
        silence_timeout_s=agent.silence_timeout_s,
        ready_timeout_s=agent.ready_timeout_s,
        headers=agent.headers,
        keeps_transcript=agent.keeps_transcript,
        answers_at_once=agent.answers_at_once,
        enabled=agent.enabled,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
    )


def _format(encoding: str) -> FormatRecord:
    rate = AudioFormat(Encoding(encoding)).sample_rate_hz
    return FormatRecord(encoding=encoding, sample_rate=rate)


def _at(value: Any, place: tuple[str, ...]) -> Iterator[Any]:
    """Yield what stands at a place, if anything does."""
    for name in place:
        if not isinstance(value, Mapping) or name not in value:
            return
        value = value[name]
    yield value
