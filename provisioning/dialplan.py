"""`numbers` and `routes` of a provisioning file: shape, storing, writing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provisioning import yamltext
from provisioning.checker import Checker
from provisioning.reader import Entry
from provisioning.references import AGENT_FORM, agent_name
from provisioning.rows import Rows, set_values
from sip.names import PARTY_NAME, PARTY_NAME_FORM
from sip.selftests import SELFTEST_FORM, SelfTest
from trunks.models import Number, Route
from trunks.services import replace_route_trunks
from trunks.validators import NUMBER, NUMBER_FORM, PREFIX, PREFIX_FORM

TARGET = re.compile(rf"(connection|trunk|agent):(.{{1,100}})\Z|(test):({'|'.join(SelfTest)})\Z")
TARGET_FORM = f"connection:SIP_USER, trunk:NAME, {AGENT_FORM}, {SELFTEST_FORM}"


@dataclass(frozen=True, slots=True)
class NumberSpec:
    """One entry of `numbers`; its target may not exist, which `apply` finds out."""

    entry: Entry
    number: str
    kind: str
    "`connection`, `trunk`, `agent` or `test`."
    target: str
    target_entry: Entry


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """One entry of `routes`; trunks in the order they are tried."""

    entry: Entry
    prefix: str
    trunks: list[tuple[str, Entry]]
    last_resort: str
    "Name of the voice agent; none: empty."
    last_resort_entry: Entry


class DialplanSchema(Checker):
    """Reads numbers and routes."""

    def numbers(self, section: Entry | None) -> list[NumberSpec] | None:
        """Return the numbers of a file, or None if it has no such section."""
        specs = self.section(section, "numbers", self._number)
        self.unique([(spec.number, spec.entry) for spec in specs or ()], "number")
        return specs

    def _number(self, entry: Entry) -> NumberSpec:
        fields = self.fields(entry, ("number", "to"), required=("number", "to"))
        to = self.text(fields.get("to"), pattern=TARGET, form=TARGET_FORM)
        kind, _, target = to.partition(":")
        return NumberSpec(
            entry=fields.get("number", entry),
            number=self.text(fields.get("number"), pattern=NUMBER, form=NUMBER_FORM),
            kind=kind,
            target=target,
            target_entry=fields.get("to", entry),
        )

    def routes(self, section: Entry | None) -> list[RouteSpec] | None:
        """Return the routes of a file, or None if it has no such section."""
        specs = self.section(section, "routes", self._route)
        self.unique([(spec.prefix, spec.entry) for spec in specs or ()], "prefix")
        return specs

    def _route(self, entry: Entry) -> RouteSpec:
        keys = ("prefix", "trunks", "last_resort")
        fields = self.fields(entry, keys, required=("prefix", "trunks"))
        items = self.items(fields.get("trunks"), "trunk names")
        if "trunks" in fields and fields["trunks"].value == []:
            self.problems.add(fields["trunks"], "a route needs a trunk")
        trunks = [
            (self.text(item, pattern=PARTY_NAME, form=PARTY_NAME_FORM), item) for item in items
        ]
        self.unique(trunks, "trunk")
        return RouteSpec(
            entry=fields.get("prefix", entry),
            prefix=self.text(fields.get("prefix"), pattern=PREFIX, form=PREFIX_FORM),
            trunks=trunks,
            last_resort=agent_name(self, fields.get("last_resort")),
            last_resort_entry=fields.get("last_resort", entry),
        )


def store_numbers(rows: Rows, specs: list[NumberSpec]) -> None:
    """Make these numbers lead where the file says."""
    numbers = {row.number: row for row in Number.objects.all()} if specs else {}
    for spec in specs:
        row = numbers.get(spec.number) or Number(number=spec.number)
        values: dict[str, Any] = {"connection_id": None, "trunk_id": None, "agent_id": None}
        values["selftest"] = spec.target if spec.kind == "test" else ""
        if spec.kind != "test":
            values[f"{spec.kind}_id"] = rows.target(spec.kind, spec.target).pk
        rows.store(row, "number", spec.number, set_values(row, values))


def store_routes(rows: Rows, specs: list[RouteSpec]) -> None:
    """Make these routes what the file says."""
    routes = {row.prefix: row for row in Route.objects.all()} if specs else {}
    for spec in specs:
        row = routes.get(spec.prefix) or Route(prefix=spec.prefix)
        values = {"last_resort_agent_id": rows.agent_pk(spec.last_resort)}
        rows.store(row, "route", spec.prefix, set_values(row, values))
        trunks = [rows.trunks[name] for name, _ in spec.trunks]
        if replace_route_trunks(route=row, trunks=trunks):
            rows.stored_part("route", spec.prefix, "trunks")


def number_lines(row: Number) -> Iterator[str]:
    """Return a number as a file has it."""
    if row.connection is not None:
        target = f"connection:{row.connection.sip_user}"
    elif row.agent is not None:
        target = row.agent.label
    elif row.selftest:
        target = f"test:{row.selftest}"
    else:
        target = f"trunk:{row.trunk}"
    yield f"{{number: {yamltext.text(row.number)}, to: {yamltext.text(target)}}}"


def route_lines(row: Route) -> Iterator[str]:
    """Return a route as a file has it."""
    trunks = ", ".join(yamltext.text(step.trunk.name) for step in row.steps.all())
    agent = row.last_resort_agent
    last = f", last_resort: {yamltext.text(agent.label)}" if agent is not None else ""
    yield f"{{prefix: {yamltext.text(row.prefix)}, trunks: [{trunks}]{last}}}"
