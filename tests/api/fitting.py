"""Bodies that a schema allows, made such as an agent's dialect wants them.

JSON Schema tells what each field may hold. What fits together, and who else there is, it cannot
say: which settings a dialect needs, that a rate is its encoding's, that names are taken once. That
is put right here, so that whatever else is refused is a fault of the document.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from agents import limits
from agents.dialects.kinds import DialectKind
from agents.dialects.registry import DIALECTS
from agents.formats import SAMPLE_RATES_HZ, Encoding
from agents.shapes import SECRET_HEADERS

URL = "wss://agents.example.com/v1/ws"


def fitting(body: dict[str, Any], *, stored: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a body that fits; `stored` is the agent that it changes, if it makes none."""
    fit: dict[str, Any] = _plain(body)
    dialect = stored["dialect"] if stored is not None else fit.get("dialect", "assemblyai")
    kind = DIALECTS[dialect]
    if "dialect" in fit:
        fit["dialect"] = dialect
    if stored is None:
        _make_whole(fit, kind)
    else:
        # What another agent is called, and what this one lacks without it, is no matter of form.
        needed = {name for names in kind.needs for name in names}
        fit = {name: fit[name] for name in fit.keys() - {"name"} - needed}
    for direction, encodings in (("input", kind.inputs), ("output", kind.outputs)):
        then = stored[direction]["format"]["encoding"] if stored else encodings[0].value
        _suit(fit.get(direction, {}).get("format", {}), [each.value for each in encodings], then)
    fit.pop("fallback", None)  # which says who else there is
    for name in _PUT_RIGHT.keys() & fit.keys():
        fit[name] = _PUT_RIGHT[name](fit[name])
    return fit


def fitting_template(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a template of connections that fits: a name that nobody has, codecs once.

    A name of spaces alone is none.
    """
    fit: dict[str, Any] = _plain(body)
    if "name" in fit:
        fit["name"] = uuid.uuid4().hex
    for part in ("inbound", "outbound"):
        if "codecs" in fit.get(part, {}):
            fit[part]["codecs"] = list(dict.fromkeys(fit[part]["codecs"]))
    return fit


def _make_whole(fit: dict[str, Any], kind: DialectKind) -> None:
    if kind.name != "assemblyai":
        fit.setdefault("url", URL)
    if kind.needs and not fit.get("system_prompt", "").strip():
        fit["system_prompt"] = "Be kind."


def _suit(form: dict[str, Any], encodings: list[str], then: str) -> None:
    if form.get("encoding", encodings[0]) not in encodings:
        form["encoding"] = encodings[0]
    if "sample_rate" in form:
        form["sample_rate"] = SAMPLE_RATES_HZ[Encoding(form.get("encoding", then))]


def _tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_name = {tool["name"]: tool for tool in tools[:5]}
    for tool in by_name.values():
        for part in ("parameters", "http"):
            if part in tool:
                tool[part] = _short(tool[part], most=500)
        tool.get("http", {}).pop("headers", None)
        tool["description"] = tool.get("description", "")[:100]
    return list(by_name.values())


def _headers(headers: dict[str, str]) -> dict[str, str]:
    known = {name.lower(): name for name in headers if name.lower() not in SECRET_HEADERS}
    return {name: headers[name] for name in list(known.values())[: limits.MAX_PARAMETERS]}


def _input(heard: dict[str, Any]) -> dict[str, Any]:
    if "turn_detection" in heard:
        heard["turn_detection"] = _short(heard["turn_detection"], most=500)
    return heard


_PUT_RIGHT: Mapping[str, Callable[[Any], Any]] = {
    "url": lambda _: URL,
    "secret": lambda secret: "a key" if secret else "",
    "input": _input,
    "tools": _tools,
    "headers": _headers,
    "codecs": lambda names: list(dict.fromkeys(names)),
}


def _short(value: dict[str, Any], most: int) -> dict[str, Any]:
    return value if len(json.dumps(value)) <= most else {}


def _plain(value: Any) -> Any:
    """Return what a database can hold, text without NUL and half characters; 2.0 is 2.

    To JSON Schema that is a whole number; to the API, which converts nothing, it is none.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="ignore").decode()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
