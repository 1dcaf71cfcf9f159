"""Secrets within an agent's tools: the headers that its server calls them with."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.rest.errors import HIDDEN, Detail, Loc, detail

Tool = dict[str, Any]


def concealed(tools: Iterable[Tool]) -> list[Tool]:
    """Return tools whose `http.headers` have `***` in place of each value."""
    return [_with_headers(tool, dict.fromkeys(_headers(tool), HIDDEN)) for tool in tools]


def revealed(
    tools: list[Tool], stored: Iterable[Tool], *, loc: Loc
) -> tuple[list[Tool], list[Detail]]:
    """Return tools with each `***` replaced by what the tool of that name had there.

    What had nothing there is told; `loc` is where the tools stand.
    """
    before = {tool["name"]: _headers(tool) for tool in stored}
    details = []
    whole = []
    for place, tool in enumerate(tools):
        headers = dict(_headers(tool))
        for name in [name for name, value in headers.items() if value == HIDDEN]:
            value = before.get(tool["name"], {}).get(name)
            if value is None:
                msg = "*** stands for a value that is kept, and none is: send the value."
                at = (*loc, place, "http", "headers", name)
                details.append(detail(at, msg, kind="value", value=HIDDEN))
            headers[name] = value
        whole.append(_with_headers(tool, headers))
    return whole, details


def _headers(tool: Tool) -> Mapping[str, Any]:
    http = tool.get("http")
    headers = http.get("headers") if isinstance(http, dict) else None
    return headers if isinstance(headers, dict) else {}


def _with_headers(tool: Tool, headers: Mapping[str, Any]) -> Tool:
    if not headers:
        return tool
    return tool | {"http": tool["http"] | {"headers": dict(headers)}}
