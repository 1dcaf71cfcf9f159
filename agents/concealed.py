"""Secrets of agents, taken out of what is shown. Pure.

An agent's tools hold some: the headers that its server calls them with; `***` in their place stands
for the value that is kept. Its key may come back in whatever it says.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

KEPT = "***"
LONG_SECRET = 8
"A shorter one may stand in ordinary words."
Tool = dict[str, Any]


def without_secret(text: str, secret: str) -> str:
    """Return a text without a secret.

    A short one is hidden only as a word of its own, or it would riddle what is said.
    """
    if not secret or secret not in text:
        return text
    if len(secret) >= LONG_SECRET:
        return text.replace(secret, KEPT)
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", KEPT, text)


def in_words(text: str, secret: str, most: int) -> str:
    """Return what an agent says, fit for a sentence of ours: one line, no secret, not too long.

    The secret is taken out first: cut in two, it would not be found.
    """
    line = " ".join(without_secret(text, secret).split())
    return "".join(char if char.isprintable() else "?" for char in line[:most])


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
