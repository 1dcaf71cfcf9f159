"""The settings of a session at the built-in agent, read strictly from `session.update`. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from agents.builtin.place import NAME
from agents.formats import SAMPLE_RATES_HZ, Encoding

GREETING = (
    "Hello. This is the built-in agent. Say something, and I repeat it. Press a key, and I read it."
)
STORED_ID = "builtin"
"The one stored agent: the defaults, with telephone audio."
LONGEST_PROMPT = 20_000


class SessionRefusal(Exception):  # noqa: N818 (it is what the caller is told, not a fault)
    """A message that is not taken: the code, the sentence and the field that the client is told."""

    def __init__(self, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


class _Rule(NamedTuple):
    holds: Callable[[Any], bool]
    allowed: str


def _text(longest: int) -> _Rule:
    return _Rule(
        lambda value: isinstance(value, str) and len(value) <= longest,
        f"text of at most {longest} characters",
    )


_LIST = _Rule(lambda value: isinstance(value, list) and len(value) <= 200, "a list, at most 200")
_RULES: Mapping[str, _Rule] = {
    "system_prompt": _text(LONGEST_PROMPT),
    "greeting": _text(2000),
    "tools": _LIST,
    "input.keyterms": _LIST,
    "input.turn_detection": _Rule(lambda value: isinstance(value, dict), "an object"),
    "input.format.encoding": _Rule(lambda value: value in list(Encoding), ", ".join(Encoding)),
    "input.format.sample_rate": _Rule(lambda value: type(value) is int, "a number"),
    "output.format.encoding": _Rule(lambda value: value in list(Encoding), ", ".join(Encoding)),
    "output.format.sample_rate": _Rule(lambda value: type(value) is int, "a number"),
    "output.voice": _text(100),
    "output.volume": _Rule(lambda value: type(value) is int and 0 <= value <= 100, "0 to 100"),
}
_GROUPS = {"input", "output", "input.format", "output.format"}
IMMUTABLE = ("output.format", "output.voice", "greeting")
_FORMAT_CODES = ("input.format", "output.format")


@dataclass(frozen=True, slots=True)
class BuiltinSettings:
    """What a session was told."""

    system_prompt: str = ""
    greeting: str = GREETING
    input: Encoding = Encoding.PCM
    output: Encoding = Encoding.PCM
    volume: int = 100
    voice: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict)
    "What makes no difference here and is only shown again: tools, keyterms, turn detection."

    def config(self, speech: str) -> dict[str, Any]:
        """Return what `session.ready` tells; `builtin` says who this is and how it speaks."""
        return {
            "system_prompt": self.system_prompt,
            "greeting": self.greeting,
            "input": {
                "format": _format(self.input),
                "keyterms": self.kept.get("input.keyterms", []),
                "turn_detection": self.kept.get("input.turn_detection", {}),
            },
            "output": {
                "voice": self.voice,
                "format": _format(self.output),
                "volume": self.volume,
            },
            "tools": self.kept.get("tools", []),
            "builtin": {"name": NAME, "speech": speech},
        }


STORED = BuiltinSettings(input=Encoding.PCMU, output=Encoding.PCMU)


def first(session: Any) -> BuiltinSettings:
    """Return the settings that a session begins with. Raises SessionRefusal."""
    if isinstance(session, dict) and "agent_id" in session:
        return _stored(session)
    return _with(BuiltinSettings(), dict(_checked(session)))


def changed(settings: BuiltinSettings, session: Any) -> BuiltinSettings:
    """Return the settings after a change while the session lasts. Raises SessionRefusal."""
    changes = dict(_checked(session))
    for name in changes:
        if name.startswith(IMMUTABLE):
            raise SessionRefusal(
                "immutable_field", f"{name} cannot change while the session lasts.", name
            )
    return _with(settings, changes)


def _stored(session: Mapping[str, Any]) -> BuiltinSettings:
    if len(session) > 1:
        raise SessionRefusal(
            "invalid_value", "agent_id stands alone in session.", "session.agent_id"
        )
    if session["agent_id"] != STORED_ID:
        raise SessionRefusal(
            "invalid_value",
            f"agent_id {session['agent_id']!r} is not stored here; allowed: {STORED_ID!r}.",
            "session.agent_id",
        )
    return STORED


def _checked(session: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(session, dict):
        raise SessionRefusal("invalid_value", "session must be an object.", "session")
    for name, value in _leaves(session, ""):
        rule = _RULES.get(name)
        if rule is None:
            raise SessionRefusal("invalid_value", f"{name} is not known here.", f"session.{name}")
        if not rule.holds(value):
            code = "invalid_format" if name.startswith(_FORMAT_CODES) else "invalid_value"
            message = f"{name}: {value!r:.100} is not allowed; allowed: {rule.allowed}."
            raise SessionRefusal(code, message, f"session.{name}")
        yield name, value


def _leaves(group: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for key, value in group.items():
        name = above + str(key)
        if name in _GROUPS and isinstance(value, dict):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _with(settings: BuiltinSettings, values: Mapping[str, Any]) -> BuiltinSettings:
    both = replace(
        settings,
        system_prompt=values.get("system_prompt", settings.system_prompt),
        greeting=values.get("greeting", settings.greeting),
        input=Encoding(values.get("input.format.encoding", settings.input)),
        output=Encoding(values.get("output.format.encoding", settings.output)),
        volume=values.get("output.volume", settings.volume),
        voice=values.get("output.voice", settings.voice),
        kept={**settings.kept, **values},
    )
    for side, encoding in (("input", both.input), ("output", both.output)):
        rate, right = values.get(f"{side}.format.sample_rate"), SAMPLE_RATES_HZ[encoding]
        if rate not in (None, right):
            message = (
                f"{side}.format.sample_rate: {rate} does not fit {encoding}; allowed: {right}."
            )
            raise SessionRefusal("invalid_format", message, f"session.{side}.format.sample_rate")
    return both


def _format(encoding: Encoding) -> dict[str, Any]:
    return {"encoding": encoding.value, "sample_rate": SAMPLE_RATES_HZ[encoding]}
