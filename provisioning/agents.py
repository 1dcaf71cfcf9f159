"""`agents` of a provisioning file: its shape, how it is stored, how it is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from agents import limits
from agents.concealed import concealed, revealed
from agents.fitness import default_encodings, idle_settings
from agents.models import JSON_SHAPES, VoiceAgent
from agents.references import FALLBACK_FIELDS, split_fallback
from agents.validators import SECRET_FORM, check_sample_rate, validate_secret
from provisioning import keys, yamltext
from provisioning.checker import Checker
from provisioning.keys import FieldKey
from provisioning.problems import Problems
from provisioning.reader import Entry
from provisioning.rows import Rows, set_values
from sip.names import PARTY_NAME, PARTY_NAME_FORM

ANYTHING = re.compile(r"(?s:.*)\Z")
ANY_TEXT = keys.text(ANYTHING, "text")
"Of any length and on any lines; what the model takes is found out later."
ADDRESS_KEYS = (FieldKey("dialect", ANY_TEXT), FieldKey("url", ANY_TEXT))
TEXT_KEYS = tuple(
    FieldKey(name, ANY_TEXT)
    for name in ("agent_id", "system_prompt", "voice", "transcription_model", "greeting")
)
CODECS_KEY = FieldKey("codecs", Checker.codecs)
CALL_KEYS = (
    FieldKey("max_duration_s", keys.whole(1, limits.MAX_CALL_S)),
    FieldKey("silence_timeout_s", keys.whole(1, limits.MAX_SILENCE_S)),
    FieldKey("ready_timeout_s", keys.whole(1, limits.MAX_READY_S)),
    FieldKey("keeps_transcript", Checker.boolean),
    FieldKey("answers_at_once", Checker.boolean),
)
KEYS = (*ADDRESS_KEYS, *TEXT_KEYS, CODECS_KEY, *CALL_KEYS)
VOLUME_KEY = FieldKey("volume", keys.whole(0, limits.MAX_VOLUME))
_OTHER_KEYS = ("name", "enabled", "secret", "input", "output", "tools", "fallback", "headers")
INPUT_KEYS = ("encoding", "sample_rate", "keyterms", "turn_detection")
OUTPUT_KEYS = ("encoding", "sample_rate", "volume")
_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")
_NOT_ASKED = ("uid", "created_at", "updated_at", "secret", *FALLBACK_FIELDS)


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """One entry of `agents`; None means: leave as it is."""

    entry: Entry
    name: str
    secret: str | None = field(repr=False)
    values: dict[str, Any]
    "Fields of the model, all but the name, the secret, the fallback and `enabled`."
    tools_entry: Entry
    fallback: tuple[str, str, str]
    "Kind, name and number, as `split_fallback` returns them; the name may not exist."
    fallback_entry: Entry
    enabled: bool | None


class AgentSchema(Checker):
    """Reads voice agents."""

    def agents(self, section: Entry | None) -> list[AgentSpec] | None:
        """Return the agents of a file, or None if it has no such section."""
        specs = self.section(section, "voice agents", self._agent)
        self.unique([(spec.name, spec.entry) for spec in specs or ()], "agent name")
        return specs

    def _agent(self, entry: Entry) -> AgentSpec:
        its_keys = (*_OTHER_KEYS, *keys.names(KEYS))
        fields = self.fields(entry, its_keys, required=("name", "dialect", "url"))
        return AgentSpec(
            entry=fields.get("name", entry),
            name=self.text(fields.get("name"), pattern=PARTY_NAME, form=PARTY_NAME_FORM),
            secret=self._secret(fields.get("secret")),
            values=self._values(fields),
            tools_entry=fields.get("tools", entry),
            fallback=self._fallback(fields.get("fallback")),
            fallback_entry=fields.get("fallback", entry),
            enabled=self.boolean(fields.get("enabled")),
        )

    def _values(self, fields: dict[str, Entry]) -> dict[str, Any]:
        places = dict(fields)
        values = keys.values(self, VoiceAgent, KEYS, fields)
        values["input_encoding"], values["output_encoding"] = default_encodings(values["dialect"])
        for name, part_keys in (("input", INPUT_KEYS), ("output", OUTPUT_KEYS)):
            part = self.fields(fields[name], part_keys) if name in fields else {}
            places |= part
            if "encoding" in part:
                values[f"{name}_encoding"] = ANY_TEXT(self, part["encoding"])
                places[f"{name}_encoding"] = part["encoding"]
            self._sample_rate(part.get("sample_rate"), values[f"{name}_encoding"])
        for name, empty in JSON_SHAPES.items():
            values[name] = self.plain(places[name]) if name in places else empty()
        values |= keys.values(self, VoiceAgent, [VOLUME_KEY], places)
        self._hold_against_model(values, places)
        return values

    def _sample_rate(self, entry: Entry | None, encoding: str) -> None:
        if entry is None:
            return
        try:
            check_sample_rate(encoding, entry.value)
        except ValidationError as error:
            self._note(entry, error)

    def _secret(self, entry: Entry | None) -> str | None:
        if entry is None:
            return None
        secret = self.text(entry, pattern=ANYTHING, form="text", secret=True)
        try:
            validate_secret(secret)
        except ValidationError:
            self.problems.add(entry, "not allowed here", allowed=SECRET_FORM, secret=True)
        return secret

    def _fallback(self, entry: Entry | None) -> tuple[str, str, str]:
        text = self.text(entry)
        if entry is None or not text:
            return "", "", ""
        try:
            return split_fallback(text)
        except ValidationError as error:
            self._note(entry, error)
            return "", "", ""

    def _hold_against_model(self, values: dict[str, Any], places: dict[str, Entry]) -> None:
        """Note what the model refuses, where it stands: forms and the API say the same."""
        if any(name not in places for name in ("name", "dialect", "url")):
            return  # noted already
        row = VoiceAgent(name="x", **values)
        try:
            row.full_clean(_NOT_ASKED, validate_unique=False, validate_constraints=False)
        except ValidationError as errors:
            for name, problems in errors.error_dict.items():
                for error in problems:
                    self._note(places.get(name, places["name"]), error)
        else:
            values |= {name: getattr(row, name) for name in values}  # as it is stored

    def _note(self, entry: Entry, error: ValidationError) -> None:
        params = error.params or {}
        part, is_there = _found(entry, str(params.get("place", "")).removesuffix(": "))
        if self.problems.has(part):
            return
        if "allowed" not in params:
            self.problems.add(entry, "; ".join(error.messages))
            return
        is_shown = is_there and not isinstance(part.value, dict | list)
        what = "not allowed here" if is_shown else f"{params['value']} is not allowed"
        self.problems.add(part, what, allowed=str(params["allowed"]))


def reveal_headers(rows: Rows, specs: list[AgentSpec], problems: Problems) -> None:
    """Put what is kept in place of each `***` in the tools' headers; note what is not kept."""
    for spec in specs:
        row = rows.agents.get(spec.name)
        tools, missing = revealed(spec.values["tools"], row.tools if row else [])
        for place, name in missing:
            header, _ = _found(spec.tools_entry, f"[{place}].http.headers.{name}")
            what = "*** stands for a value that is kept, and none is"
            problems.add(header, what, allowed="the value")
        spec.values["tools"] = tools


def store_agent(rows: Rows, spec: AgentSpec) -> None:
    """Make an agent what the file says, all but its fallback."""
    row = rows.agents.get(spec.name) or VoiceAgent(name=spec.name)
    values = dict(spec.values)
    if spec.secret is not None:
        values["secret"] = spec.secret
    if spec.enabled is not None:
        values["enabled"] = spec.enabled
    rows.store(row, "agent", spec.name, set_values(row, values))
    rows.agents[spec.name] = row
    for sentence in idle_settings(row).values():
        rows.outcome.notes.append(f"agent {row.name}: {sentence}")


def store_fallback(rows: Rows, spec: AgentSpec) -> None:
    """Make an agent's fallback what the file says; what it leads to is stored."""
    kind, name, number = spec.fallback
    values = {
        "fallback_connection_id": rows.connections[name].pk if kind == "connection" else None,
        "fallback_trunk_id": rows.trunks[name].pk if kind == "trunk" else None,
        "fallback_number": number,
    }
    row = rows.agents[spec.name]
    changed = set_values(row, values)
    if changed:
        row.save(update_fields=changed)
        rows.stored_part("agent", spec.name, "fallback")


def release_fallbacks(names: set[str] | None) -> None:
    """Have agents that are about to be pruned lead nowhere: what they led to may go too."""
    if names is not None:
        for row in VoiceAgent.objects.exclude(name__in=names):
            row.fallback_connection = row.fallback_trunk = None
            row.fallback_number = ""
            row.save(update_fields=["fallback_connection", "fallback_trunk", "fallback_number"])


def agent_lines(row: VoiceAgent) -> Iterator[str]:
    """Return an agent as a file has it, without its secret."""
    yield f"name: {yamltext.value(row.name)}"
    yield from keys.written(row, ADDRESS_KEYS)
    if row.secret:
        yield yamltext.NO_SECRET
    yield from keys.written(row, TEXT_KEYS)
    yield from _directions(row)
    if row.tools:
        yield f"tools: {yamltext.value(concealed(row.tools))}"
    yield from _given(row, "headers")
    yield from keys.written(row, [CODECS_KEY])
    yield from _given(row, "fallback")
    yield from keys.written(row, CALL_KEYS)
    if not row.enabled:
        yield "enabled: false"


def _given(row: VoiceAgent, *names: str) -> Iterator[str]:
    for name in names:
        if getattr(row, name):
            yield f"{name}: {yamltext.value(getattr(row, name))}"


def _directions(row: VoiceAgent) -> Iterator[str]:
    heard, said = default_encodings(row.dialect)
    inward: dict[str, Any] = {"encoding": row.input_encoding} if row.input_encoding != heard else {}
    inward |= {
        name: getattr(row, name) for name in ("keyterms", "turn_detection") if getattr(row, name)
    }
    outward: dict[str, Any] = (
        {"encoding": row.output_encoding} if row.output_encoding != said else {}
    )
    outward |= {"volume": row.volume} if row.volume is not None else {}
    for name, part in (("input", inward), ("output", outward)):
        if part:
            items = (f"{key}: {yamltext.value(value)}" for key, value in part.items())
            yield f"{name}: {yamltext.flow_mapping(items)}"


def _found(entry: Entry, place: str) -> tuple[Entry, bool]:
    """Return the part of an entry that a way such as `[1].name` leads to, and whether all did."""
    for index, name in _STEP.findall(place):
        value = entry.value
        if index and isinstance(value, list) and int(index) < len(value):
            entry = value[int(index)]
        elif name and isinstance(value, dict) and name in value:
            entry = value[name]
        else:
            return entry, False
    return entry, True
