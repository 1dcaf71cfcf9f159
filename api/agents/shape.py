"""The schemas of `/v1/agents`: what is sent, and the record that comes back.

What may stand in a field, and how much of it, is the model's; here it is said with it.
"""

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from agents import limits, shapes
from agents.dialects.registry import DIALECTS
from agents.formats import SAMPLE_RATES_HZ
from agents.references import FALLBACK_FORM
from agents.validators import SECRET_FORM, URL_FORM, validate_secret, validate_websocket_url
from api.rest.schema import BLANKS, Checked, Strict, formed, one_of
from audiocodecs.catalogue import CATALOGUE
from sip.names import PARTY_NAME, PARTY_NAME_FORM

Name = Annotated[str, formed(PARTY_NAME, PARTY_NAME_FORM)]
Short = Annotated[str, StringConstraints(max_length=limits.MAX_SHORT)]
Prompt = Annotated[str, StringConstraints(max_length=limits.MAX_PROMPT)]
Greeting = Annotated[str, StringConstraints(max_length=limits.MAX_GREETING)]
Dialect = Annotated[str, one_of(DIALECTS)]
Url = Annotated[
    str,
    Checked(
        validate_websocket_url,
        URL_FORM,
        {"pattern": rf"^wss?://[^{BLANKS}\ufeff@#]+$", "maxLength": limits.MAX_URL},
    ),
]
Secret = Annotated[
    str, Checked(validate_secret, SECRET_FORM, {"maxLength": limits.MAX_SECRET, "writeOnly": True})
]
Encoded = Annotated[str, one_of(SAMPLE_RATES_HZ)]
Codec = Annotated[str, one_of(CATALOGUE)]
Keyterm = Annotated[str, StringConstraints(max_length=limits.MAX_KEYTERM, pattern=f"[^{BLANKS}]")]
SipHeader = Annotated[str, formed(shapes.HEADER, "the name of a SIP header, such as X-Customer")]
Parameter = Annotated[
    str, formed(shapes.PARAMETER, "1 to 64 of A-Z a-z 0-9 _ . -, a letter or _ first")
]
ToolName = Annotated[str, formed(shapes.TOOL_NAME, "1 to 64 of A-Z a-z 0-9 _ -")]


class AgentVoice(Strict):
    """Whose voice it speaks with."""

    voice_id: Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_SHORT)]


class FormatChoice(Strict):
    """How audio is written on the agent's websocket."""

    encoding: Encoded = Field(
        default_factory=str,
        description="audio/pcm is 16-bit little-endian, 24 kHz; the two others are G.711, 8 kHz.",
    )
    sample_rate: int = Field(
        default_factory=int, description="Hz; need not be told, and must be the encoding's."
    )


class InputChoice(Strict):
    """What the agent hears."""

    format: FormatChoice = Field(default_factory=FormatChoice)
    keyterms: list[Keyterm] = Field(default_factory=list, max_length=limits.MAX_KEYTERMS)
    turn_detection: dict[str, Any] = Field(
        default_factory=dict, description="The agent's own settings, handed on as they are."
    )


class OutputChoice(Strict):
    """What the agent says."""

    format: FormatChoice = Field(default_factory=FormatChoice)
    volume: Annotated[int, Field(ge=0, le=limits.MAX_VOLUME)] | None = Field(
        default=None, description="null: the agent's own."
    )


class AgentFunction(Strict):
    """A tool, flat."""

    type: Literal["function"] = "function"
    name: ToolName
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict, description="JSON Schema.")
    http: dict[str, Any] = Field(
        default_factory=dict,
        description="If the agent's server calls it. Values of its `headers` come back as `***`.",
    )


class _Settings(Strict):
    """All but the name. What is left out is at its default, or as it was."""

    dialect: Dialect = Field(default_factory=str, description="`assemblyai` if a new one has none.")
    url: Url = Field(
        default_factory=str,
        description="Where its websocket is opened. AssemblyAI's if one of its dialect has none.",
    )
    secret: Secret = Field(
        default_factory=str,
        description="Its key or token. Comes back as `***`, which sent again leaves it as it is; "
        "empty: none.",
    )
    agent_id: Short = Field(default_factory=str, description="An agent kept at the server.")
    system_prompt: Prompt = Field(default_factory=str)
    greeting: Greeting = Field(default_factory=str, description="What it says first.")
    voice: AgentVoice | None = None
    transcription_model: Short = Field(
        default_factory=str,
        description="What writes down what the caller says, with `openai`; empty: its usual one.",
    )
    input: InputChoice = Field(default_factory=InputChoice)
    output: OutputChoice = Field(default_factory=OutputChoice)
    tools: list[AgentFunction] = Field(default_factory=list, max_length=shapes.MAX_TOOL_COUNT)
    codecs: list[Codec] = Field(
        default_factory=list,
        description="Of the caller's leg, best first; empty: the platform's.",
        json_schema_extra={"uniqueItems": True},
    )
    fallback: Annotated[str, StringConstraints(max_length=200)] = Field(
        default_factory=str, description=f"{FALLBACK_FORM}; empty: none."
    )
    max_duration_s: Annotated[int, Field(ge=1, le=limits.MAX_CALL_S)] | None = None
    silence_timeout_s: Annotated[int, Field(ge=1, le=limits.MAX_SILENCE_S)] | None = None
    ready_timeout_s: Annotated[int, Field(ge=1, le=limits.MAX_READY_S)] = Field(default_factory=int)
    headers: dict[SipHeader, Parameter] = Field(
        default_factory=dict,
        max_length=limits.MAX_PARAMETERS,
        description="SIP header -> the parameter in which the agent gets it.",
        json_schema_extra={"additionalProperties": False},
    )
    keeps_transcript: bool = Field(default_factory=bool)
    answers_at_once: bool = Field(
        default_factory=bool, description="200 to the caller before the agent is ready."
    )
    enabled: bool = Field(default_factory=bool)


class NewAgent(_Settings):
    """A voice agent to be made."""

    name: Name


class AgentUpdate(_Settings):
    """What is to change; the rest stays. Objects are merged, lists replaced."""

    name: Name = Field(default_factory=str)


class FormatRecord(Strict):
    """A format as it holds."""

    encoding: Encoded
    sample_rate: int


class InputRecord(Strict):
    """What the agent hears."""

    format: FormatRecord
    keyterms: list[str]
    turn_detection: dict[str, Any]


class OutputRecord(Strict):
    """What the agent says."""

    format: FormatRecord
    volume: int | None


class AgentRecord(Strict):
    """A voice agent as it is stored; its secret as `***`, or empty if it has none."""

    id: uuid.UUID
    name: str
    dialect: Dialect
    url: str
    secret: Literal["***", ""]
    agent_id: str
    system_prompt: str
    greeting: str
    voice: AgentVoice | None
    transcription_model: str
    input: InputRecord
    output: OutputRecord
    tools: list[dict[str, Any]]
    codecs: list[Codec]
    fallback: str
    max_duration_s: int | None
    silence_timeout_s: int | None
    ready_timeout_s: int
    headers: dict[str, str]
    keeps_transcript: bool
    answers_at_once: bool
    enabled: bool
    created_at: dt.datetime
    updated_at: dt.datetime


class AgentList(Strict):
    """A page of voice agents, oldest first."""

    agents: list[AgentRecord]
    next_cursor: str | None
