"""`connections` of a provisioning file: its shape, how it is stored, how it is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from connections.models import MAX_RING_TIMEOUT_S, AgentWhen, CallerIdRule, Connection
from connections.services import HA1_FIELDS, set_password
from connections.templates import lists_of
from connections.validators import NAME, NAME_FORM, validate_sip_address
from provisioning import keys, yamltext
from provisioning.checker import Checker
from provisioning.keys import FieldKey
from provisioning.permissions import PERMISSION_KEYS, permission_notes
from provisioning.reader import Entry
from provisioning.references import agent_name
from provisioning.rows import Rows, set_values
from sip.names import SIP_USER, SIP_USER_FORM
from sip.srtp import Srtp

KEYS = (
    FieldKey("address", keys.checked(validate_sip_address)),
    FieldKey("concurrent_calls", keys.whole(1, 1_000_000)),
    FieldKey("caller_id", keys.choice(CallerIdRule.values)),
    FieldKey("ring_timeout_s", keys.whole(1, MAX_RING_TIMEOUT_S)),
    FieldKey("holds_back_early_media", Checker.boolean),
    *PERMISSION_KEYS,
    FieldKey("srtp", keys.choice(list(Srtp))),
    FieldKey("avoids_transcoding", Checker.boolean),
)
INBOUND_KEYS = (
    FieldKey("codecs", Checker.codecs, "inbound_codecs"),
    FieldKey("force_on_caller", Checker.boolean),
)
OUTBOUND_KEYS = (FieldKey("codecs", Checker.codecs, "outbound_codecs"),)
AGENT_KEYS = (FieldKey("when", keys.choice(AgentWhen.values), "agent_when"),)
_LIST_KEYS = ("inbound", "outbound")
_OTHER_KEYS = ("sip_user", "name", "password", "template", *_LIST_KEYS, "agent", "enabled")


@dataclass(frozen=True, slots=True)
class ConnectionSpec:
    """One entry of `connections`; None means: leave as it is."""

    entry: Entry
    sip_user: str
    password: str | None = field(repr=False)
    values: dict[str, Any]
    "Fields of the model that are one key each, and the name."
    agent: str
    "Name of the voice agent that takes its calls; none: empty. It may not exist."
    agent_entry: Entry
    template: str
    "Name of the template whose lists it has; none: empty. It may not exist."
    template_entry: Entry
    enabled: bool | None

    @property
    def references(self) -> Iterator[tuple[str, str, Entry]]:
        """Kind, name and place of what it leads to."""
        if self.template:
            yield "template", self.template, self.template_entry
        if self.agent:
            yield "agent", self.agent, self.agent_entry


class ConnectionSchema(Checker):
    """Reads connections."""

    def connections(self, section: Entry | None) -> list[ConnectionSpec] | None:
        """Return the connections of a file, or None if it has no such section."""
        specs = self.section(section, "connections", self._connection)
        self.unique([(spec.sip_user, spec.entry) for spec in specs or ()], "sip_user")
        return specs

    def _connection(self, entry: Entry) -> ConnectionSpec:
        fields = self.fields(entry, (*_OTHER_KEYS, *keys.names(KEYS)), required=("sip_user",))
        sip_user = self.text(fields.get("sip_user"), pattern=SIP_USER, form=SIP_USER_FORM)
        name = self.text(fields.get("name"), pattern=NAME, form=NAME_FORM)
        agent = self.part(fields.get("agent"), ("to", *keys.names(AGENT_KEYS)), ("to",))
        template = self.text(fields.get("template"), pattern=NAME, form=NAME_FORM)
        for name_of_list in _LIST_KEYS if "template" in fields else ():
            if name_of_list in fields:
                what = "it follows a template, which gives it its lists"
                self.problems.add(fields[name_of_list], what, allowed="either of both")
        values = {"name": name or sip_user}
        for part, its_keys in (
            (fields, KEYS),
            (self.part(fields.get("inbound"), keys.names(INBOUND_KEYS)), INBOUND_KEYS),
            (self.part(fields.get("outbound"), keys.names(OUTBOUND_KEYS)), OUTBOUND_KEYS),
            (agent, AGENT_KEYS),
        ):
            values |= keys.values(self, Connection, its_keys, part)
        return ConnectionSpec(
            entry=fields.get("sip_user", entry),
            sip_user=sip_user,
            password=self.password(fields.get("password")),
            values=values,
            agent=agent_name(self, agent.get("to")),
            agent_entry=agent.get("to", entry),
            template=template,
            template_entry=fields.get("template", entry),
            enabled=self.boolean(fields.get("enabled")),
        )


def store_connection(rows: Rows, spec: ConnectionSpec) -> None:
    """Make a connection what the file says."""
    row = rows.connections.get(spec.sip_user) or Connection(sip_user=spec.sip_user)
    values = spec.values | {
        "agent_id": rows.agent_pk(spec.agent),
        "template_id": rows.template_pk(spec.template),
    }
    if spec.template:
        values |= lists_of(rows.templates[spec.template])
    if spec.enabled is not None:
        values["enabled"] = spec.enabled
    changed = set_values(row, values)
    if spec.password is not None and set_password(connection=row, password=spec.password):
        changed += HA1_FIELDS
    rows.store(row, "connection", spec.sip_user, changed)
    rows.connections[spec.sip_user] = row
    if not row.ha1_md5 and not row.address:
        rows.outcome.notes.append(f"connection {row.sip_user} has no password: it cannot register")
    rows.outcome.notes += permission_notes("connection", row.sip_user, row)


def connection_lines(row: Connection) -> Iterator[str]:
    """Return a connection as a file has it, without its password."""
    yield f"sip_user: {yamltext.text(row.sip_user)}"
    yield f"name: {yamltext.text(row.name)}"
    if row.ha1_md5:
        yield yamltext.NO_PASSWORD
    own = (("inbound", INBOUND_KEYS), ("outbound", OUTBOUND_KEYS))
    if row.template is not None:
        yield f"template: {yamltext.text(row.template.name)}"
    for part, its_keys in own if row.template is None else ():
        written = list(keys.written(row, its_keys))
        if written:
            yield f"{part}: {yamltext.flow_mapping(written)}"
    yield from keys.written(row, KEYS)
    if row.agent is not None:
        to = f"to: {yamltext.text(row.agent.label)}"
        yield f"agent: {yamltext.flow_mapping([to, *keys.written(row, AGENT_KEYS)])}"
    if not row.enabled:
        yield "enabled: false"
