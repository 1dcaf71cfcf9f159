"""The shape of a provisioning file, read into plain values; each section has its own module."""

from dataclasses import dataclass, field
from typing import Any

from audiocodecs.models import PlatformSettings
from numbering.fields import validate_country, validate_time_zone
from provisioning import keys
from provisioning.agents import AgentSchema, AgentSpec
from provisioning.checker import Checker
from provisioning.connections import ConnectionSchema, ConnectionSpec
from provisioning.dialplan import DialplanSchema, NumberSpec, RouteSpec
from provisioning.keys import FieldKey
from provisioning.problems import Problems
from provisioning.reader import Entry
from provisioning.templates import TemplateSchema, TemplateSpec
from provisioning.trunks import TrunkSchema, TrunkSpec

PLATFORM_KEYS = (
    FieldKey("home_country", keys.checked(validate_country), is_kept=True),
    FieldKey("time_zone", keys.checked(validate_time_zone), is_kept=True),
    FieldKey("avoids_transcoding", Checker.boolean, is_kept=True),
)
SECTIONS = (
    "platform_codecs",
    "external_sip",
    *keys.names(PLATFORM_KEYS),
    "hold_music",
    "connection_templates",
    "connections",
    "trunks",
    "agents",
    "numbers",
    "routes",
)


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A whole file; None is a section that is not in it."""

    platform_codecs: list[str] | None = None
    external_sip: bool | None = None
    platform: dict[str, Any] = field(default_factory=dict)
    "Other fields of the platform that the file sets."
    hold_music: str = ""
    "Path of a WAV file, beside this one; empty: it is left as it is."
    hold_music_entry: Entry | None = None
    templates: list[TemplateSpec] | None = None
    connections: list[ConnectionSpec] | None = None
    trunks: list[TrunkSpec] | None = None
    agents: list[AgentSpec] | None = None
    numbers: list[NumberSpec] | None = None
    routes: list[RouteSpec] | None = None


def parse(document: Entry | None, problems: Problems) -> FileSpec:
    """Return what a document says, noting all that is wrong with it."""
    if document is None:
        return FileSpec()
    return _Schema(problems).file(document)


class _Schema(AgentSchema, ConnectionSchema, DialplanSchema, TemplateSchema, TrunkSchema):
    def file(self, document: Entry) -> FileSpec:
        fields = self.fields(document, SECTIONS)
        platform = fields.get("platform_codecs")
        return FileSpec(
            platform_codecs=None if platform is None else self.codecs(platform),
            external_sip=self.boolean(fields.get("external_sip")),
            platform=keys.values(self, PlatformSettings, PLATFORM_KEYS, fields),
            hold_music=self.text(fields.get("hold_music")),
            hold_music_entry=fields.get("hold_music"),
            templates=self.templates(fields.get("connection_templates")),
            connections=self.connections(fields.get("connections")),
            trunks=self.trunks(fields.get("trunks")),
            agents=self.agents(fields.get("agents")),
            numbers=self.numbers(fields.get("numbers")),
            routes=self.routes(fields.get("routes")),
        )
