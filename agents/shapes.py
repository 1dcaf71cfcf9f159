"""What may stand in the JSON fields of a voice agent; all of it is bounded."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from agents import limits
from agents.validators import is_text, refused

MAX_TOOL_COUNT = 64
MAX_DEPTH = 16
"Of mappings and lists within each other."
TOOL_KEYS = ("type", "name", "description", "parameters", "http")
TOOL_NAME = re.compile(r"\A[A-Za-z0-9_-]{1,64}\Z")
HEADER = re.compile(r"\A[A-Za-z0-9!%*_+`'~.-]{1,64}\Z")  # a token, RFC 3261 section 25.1
PARAMETER = re.compile(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization"})
"What a caller proves itself with is nobody else's."


def as_json(value: Any) -> str:
    """Return JSON text, as short as it can be written; what the limits count."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def with_type(tools: Any) -> Any:
    """Return tools with the type that agents ask for, and that goes without saying here."""
    if not isinstance(tools, list):
        return tools
    return [{"type": "function", **one} if isinstance(one, dict) else one for one in tools]


def validate_tools(value: Any) -> None:
    """Raise ValidationError unless this is a list of flat tools of type `function`."""
    if not isinstance(value, list) or len(value) > MAX_TOOL_COUNT:
        raise refused(value, f"a list of up to {MAX_TOOL_COUNT} tools")
    names: set[str] = set()
    for index, tool in enumerate(value):
        at = f"[{index}]"
        _check_tool(tool, at)
        if tool["name"] in names:
            raise refused(tool["name"], "each name once", at=f"{at}.name")
        names.add(tool["name"])
    _check_plain(value, limits.MAX_TOOLS)


def _check_tool(tool: Any, at: str) -> None:
    if not isinstance(tool, dict):
        raise refused(tool, f"a mapping with {', '.join(TOOL_KEYS)}", at=at)
    for key in tool:
        if key not in TOOL_KEYS:
            raise refused(key, ", ".join(TOOL_KEYS), at=at)
    if tool.get("type", "function") != "function":
        raise refused(tool["type"], "function", at=f"{at}.type")
    name = tool.get("name")
    if not isinstance(name, str) or not TOOL_NAME.match(name):
        raise refused(name, "1 to 64 of A-Z a-z 0-9 _ -", at=f"{at}.name")
    if not isinstance(tool.get("description", ""), str):
        raise refused(tool["description"], "text", at=f"{at}.description")
    for key in ("parameters", "http"):
        if not isinstance(tool.get(key, {}), dict):
            raise refused(tool[key], "a mapping", at=f"{at}.{key}")


def validate_keyterms(value: Any) -> None:
    """Raise ValidationError unless this is a list of words to listen for."""
    if not isinstance(value, list) or len(value) > limits.MAX_KEYTERMS:
        raise refused(value, f"a list of up to {limits.MAX_KEYTERMS} words or phrases")
    for index, term in enumerate(value):
        is_term = isinstance(term, str) and 0 < len(term.strip()) <= len(term) <= limits.MAX_KEYTERM
        if not is_term or not is_text(term):
            raise refused(term, f"1 to {limits.MAX_KEYTERM} characters", at=f"[{index}]")


def validate_turn_detection(value: Any) -> None:
    """Raise ValidationError unless this is a mapping, whatever is in it: it is the agent's."""
    if not isinstance(value, dict):
        raise refused(value, "a mapping")
    _check_plain(value, limits.MAX_TURN_DETECTION)


def validate_headers(value: Any) -> None:
    """Raise ValidationError unless this maps SIP headers to names of parameters."""
    if not isinstance(value, dict) or len(value) > limits.MAX_PARAMETERS:
        most = limits.MAX_PARAMETERS
        raise refused(value, f"a mapping of up to {most} SIP headers to parameters")
    seen: set[str] = set()
    for header, parameter in value.items():
        _check_header(header)
        if header.lower() in seen:
            raise refused(header, "each header once, in upper or lower case", at=header)
        seen.add(header.lower())
        if not isinstance(parameter, str) or not PARAMETER.match(parameter):
            form = "1 to 64 of A-Z a-z 0-9 _ . -, a letter or _ first"
            raise refused(parameter, form, at=header)


def _check_header(header: Any) -> None:
    if not isinstance(header, str) or not HEADER.match(header):
        raise refused(header, "the name of a SIP header, such as X-Customer")
    if header.lower() in SECRET_HEADERS:
        raise refused(header, "any header but those with credentials")


def _check_plain(value: Any, most: int) -> None:
    _check_part(value, "", 0)
    length = len(as_json(value))
    if length > most:
        raise refused(f"{length} characters of JSON", f"up to {most} characters")


def _check_part(value: Any, at: str, depth: int) -> None:
    """Refuse what JSON or a database cannot hold; `at` is the way to it."""
    if depth > MAX_DEPTH:
        raise refused(type(value).__name__, f"up to {MAX_DEPTH} levels", at=at)
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_scalar(key, at)
            _check_part(item, f"{at}.{key}", depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_part(item, f"{at}[{index}]", depth + 1)
    else:
        _check_scalar(value, at)


def _check_scalar(value: Any, at: str) -> None:
    if isinstance(value, str):
        if not is_text(value):
            raise refused(value, "text without NUL and without half characters", at=at)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise refused(value, "a finite number", at=at)
    elif value is not None and not isinstance(value, bool | int):
        raise refused(value, "what JSON can hold", at=at)
