"""`connection_templates` of a provisioning file: codec lists that many connections have alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connections.templates import ConnectionTemplate, lists_of
from connections.validators import NAME, NAME_FORM
from provisioning import keys, yamltext
from provisioning.checker import Checker
from provisioning.connections import INBOUND_KEYS, OUTBOUND_KEYS
from provisioning.reader import Entry
from provisioning.rows import Rows, set_values


@dataclass(frozen=True, slots=True)
class TemplateSpec:
    """One entry of `connection_templates`."""

    entry: Entry
    name: str
    values: dict[str, Any]
    "Its lists, by field."


class TemplateSchema(Checker):
    """Reads templates."""

    def templates(self, section: Entry | None) -> list[TemplateSpec] | None:
        """Return the templates of a file, or None if it has no such section."""
        specs = self.section(section, "connection templates", self._template)
        self.unique([(spec.name, spec.entry) for spec in specs or ()], "name")
        return specs

    def _template(self, entry: Entry) -> TemplateSpec:
        fields = self.fields(entry, ("name", "inbound", "outbound"), required=("name",))
        name = self.text(fields.get("name"), pattern=NAME, form=NAME_FORM)
        values: dict[str, Any] = {}
        for part, its_keys in (("inbound", INBOUND_KEYS), ("outbound", OUTBOUND_KEYS)):
            given = self.part(fields.get(part), keys.names(its_keys))
            values |= keys.values(self, ConnectionTemplate, its_keys, given)
        return TemplateSpec(fields.get("name", entry), name, values)


def store_template(rows: Rows, spec: TemplateSpec) -> None:
    """Make a template what the file says; those who follow it get its lists."""
    row = rows.templates.get(spec.name) or ConnectionTemplate(name=spec.name)
    changed = set_values(row, spec.values)
    rows.store(row, "connection template", spec.name, changed)
    rows.templates[spec.name] = row
    for connection in rows.connections.values():
        if connection.template_id == row.pk:
            set_values(connection, lists_of(row))


def template_lines(row: ConnectionTemplate) -> Iterator[str]:
    """Return a template as a file has it."""
    yield f"name: {yamltext.text(row.name)}"
    for part, its_keys in (("inbound", INBOUND_KEYS), ("outbound", OUTBOUND_KEYS)):
        written = list(keys.written(row, its_keys))
        if written:
            yield f"{part}: {yamltext.flow_mapping(written)}"
