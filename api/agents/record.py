"""Between the shape of `/v1/agents` and the fields of the model."""

from collections.abc import Iterator, Mapping
from typing import Any

from agents.concealed import concealed
from agents.dialects.registry import DIALECTS
from agents.formats import AudioFormat, Encoding
from agents.models import VoiceAgent
from api.agents.shape import (
    AgentRecord,
    AgentUpdate,
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
_NESTED = {name: place for name, place in PLACES.items() if place[0] != "fallback"}
_APART = {"secret", *(place[0] for place in _NESTED.values())}
SAME = tuple(name for name in AgentUpdate.model_fields if name not in _APART)
"Fields that have the same name in both. `secret` is apart: it is never read back."


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
    same = {name: getattr(agent, name) for name in SAME}
    return AgentRecord(
        **same | {"tools": concealed(agent.tools)},
        id=agent.uid,
        secret="***" if agent.secret else "",
        voice=AgentVoice(voice_id=agent.voice) if agent.voice else None,
        input=InputRecord(
            format=_format(agent.input_encoding),
            keyterms=agent.keyterms,
            turn_detection=agent.turn_detection,
        ),
        output=OutputRecord(format=_format(agent.output_encoding), volume=agent.volume),
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
