"""Connections as a table: CSV to the file form and back, so that one reader checks both."""

import csv
import io
import json
from typing import Any

import yaml

from connections.models import Connection
from provisioning.connections import connection_lines
from provisioning.problems import Problem, ProvisionError

COLUMNS = (
    *("sip_user", "name", "password", "enabled", "inbound", "force", "outbound", "address"),
    "template",
)
_PARTS = ("inbound", "outbound")
_LISTS = ("force", "inbound", "outbound")
MAX_ROWS = 10_000


def to_yaml(text: str, file: str) -> str:
    """Return CSV as the file form of `connections`, line by line: errors name the CSV's lines.

    What a table has no column for stays as it is; who follows a template has its lists, whatever
    the columns of lists say beside it. An empty cell leaves a password, and whether
    it is enabled, as they are, and empties a list. Raises ProvisionError.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    lines = ["connections:"]
    rows = Connection.objects.select_related("agent", "template")
    stored = {row.sip_user: row for row in rows}
    try:
        heading = next(reader, [])
        _check_heading(heading, file)
        for cells in reader:
            if len(lines) > MAX_ROWS:
                raise _problem(file, reader.line_num, f"more than {MAX_ROWS} connections")
            if not any(cells):
                continue
            if len(cells) != len(heading):
                what = f"{len(cells)} cells under {len(heading)} headings"
                raise _problem(file, reader.line_num, what)
            values = dict(zip(heading, map(_uncovered, map(str.strip, cells)), strict=True))
            lines += [""] * (reader.line_num - 1 - len(lines))
            lines.append(f"  - {json.dumps(_entry(values, stored), ensure_ascii=True)}")
    except csv.Error as error:
        raise _problem(file, reader.line_num, f"no CSV: {error}") from None
    return "\n".join(lines if len(lines) > 1 else ["connections: []"]) + "\n"


def _check_heading(heading: list[str], file: str) -> None:
    unknown = [name for name in heading if name not in COLUMNS]
    if unknown or "sip_user" not in heading or len(set(heading)) < len(heading):
        what = f"the headings are {', '.join(heading) or 'missing'}"
        allowed = f"{', '.join(COLUMNS)}, each once, and sip_user in any case"
        raise ProvisionError([Problem(file, 1, "", "", what, allowed)])


def _entry(values: dict[str, str], stored: dict[str, Connection]) -> dict[str, Any]:
    row = stored.get(values["sip_user"])
    entry: dict[str, Any] = {"sip_user": values["sip_user"], "name": values["sip_user"]}
    if row is not None:
        entry = yaml.safe_load("\n".join(connection_lines(row)))
    _heed_template(entry, values, row)
    for column in ("name", "address", "password"):
        if values.get(column):
            entry[column] = values[column]
    if "address" in values and not values["address"]:
        entry.pop("address", None)
    if values.get("enabled"):
        entry["enabled"] = _word(values["enabled"])
    if "template" not in entry:
        _heed_lists(entry, values)
    return entry


def _heed_lists(entry: dict[str, Any], values: dict[str, str]) -> None:
    for part in _PARTS:
        if values.get(part):
            entry.setdefault(part, {})["codecs"] = values[part].split()
        elif part in values and "codecs" in entry.get(part, {}):
            del entry[part]["codecs"]
    if values.get("force"):
        entry.setdefault("inbound", {})["force_on_caller"] = _word(values["force"])


def _heed_template(entry: dict[str, Any], values: dict[str, str], row: Connection | None) -> None:
    """Have a connection follow what the table names, none, or, if it says nothing, what it did."""
    if values.get("template"):
        entry["template"] = values["template"]
        for part in _PARTS:
            entry.pop(part, None)
    elif row is not None and "template" in values:
        _leave_template(entry, row)
    elif row is not None:
        _keep_or_leave_template(entry, values, row)


def _keep_or_leave_template(entry: dict[str, Any], values: dict[str, str], row: Connection) -> None:
    """Have a connection follow its template on, unless the table has other lists for it."""
    if row.template is None:
        return
    now = dict(zip(_LISTS, _lists(row), strict=True))
    given = {name: values[name] for name in _LISTS if values.get(name)}
    others = {name for name, text in given.items() if _plainly(name, text) != now[name]}
    if others or any(name in values and not values[name] and now[name] for name in _LISTS[1:]):
        _leave_template(entry, row)


def _leave_template(entry: dict[str, Any], row: Connection) -> None:
    """Have a connection follow none, with the lists it has."""
    if entry.pop("template", None) is None:
        return
    entry["inbound"] = {"force_on_caller": row.force_on_caller}
    for part, codecs in (("inbound", row.inbound_codecs), ("outbound", row.outbound_codecs)):
        if codecs:
            entry.setdefault(part, {})["codecs"] = codecs


def _plainly(name: str, text: str) -> str:
    if name != "force":
        return " ".join(text.split())
    return {True: "yes", False: "no"}.get(_word(text), text)


def _lists(row: Connection) -> tuple[str, str, str]:
    force = "yes" if row.force_on_caller else "no"
    return force, " ".join(row.inbound_codecs), " ".join(row.outbound_codecs)


def _word(text: str) -> Any:
    return {"yes": True, "true": True, "no": False, "false": False}.get(text.lower(), text)


def _uncovered(text: str) -> str:
    """Return a cell without the apostrophe that keeps it from being taken for a formula."""
    return text[1:] if text[:2] in ("'=", "'+", "'-", "'@") else text


def _problem(file: str, line: int, what: str) -> ProvisionError:
    return ProvisionError([Problem(file, line, "", "", what)])


def table() -> list[list[object]]:
    """Return all connections as rows of cells, the headings first; passwords are left out."""
    rows: list[list[object]] = [[name for name in COLUMNS if name != "password"]]
    for row in Connection.objects.select_related("template"):
        template = row.template.name if row.template is not None else ""
        force, *lists = _lists(row)
        enabled = "yes" if row.enabled else "no"
        cells = [row.sip_user, row.name, enabled, lists[0], force, lists[1], row.address, template]
        rows.append(list(cells))
    return rows
