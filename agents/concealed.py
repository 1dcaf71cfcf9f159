"""Secrets within an agent's tools: the headers that its server calls them with.

Nothing shows them; `***` in their place stands for the value that is kept. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any

KEPT = "***"
Tool = dict[str, Any]


def concealed(tools: Iterable[Tool]) -> list[Tool]:
    """Return tools whose `http.headers` have `***` in place of each value."""
    return [_with_headers(tool, dict.fromkeys(_headers(tool), KEPT)) for tool in tools]


def revealed(tools: list[Any], stored: Iterable[Tool]) -> tuple[list[Any], list[tuple[int, str]]]:
    """Return tools with each `***` replaced by what the stored tool of that name has there.

    Also the place of each tool and the header for which nothing is kept. The tools may not have
    been checked yet.
    """
    before = {tool["name"]: _headers(tool) for tool in stored}
    whole, missing = [], []
    for place, tool in enumerate(tools):
        headers = dict(_headers(tool))
        kept = before.get(str(tool.get("name")), {}) if headers else {}
        for name in [name for name, value in headers.items() if value == KEPT]:
            if name in kept:
                headers[name] = kept[name]
            else:
                missing.append((place, name))
        whole.append(_with_headers(tool, headers))
    return whole, missing


def _headers(tool: Any) -> Mapping[str, Any]:
    http = tool.get("http") if isinstance(tool, dict) else None
    headers = http.get("headers") if isinstance(http, dict) else None
    return headers if isinstance(headers, dict) else {}


def _with_headers(tool: Any, headers: Mapping[str, Any]) -> Any:
    if not headers:
        return tool
    return tool | {"http": tool["http"] | {"headers": dict(headers)}}
