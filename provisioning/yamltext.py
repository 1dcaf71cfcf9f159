"""Write values as YAML 1.1 that is read back as the same."""

from collections.abc import Iterable
from typing import Any

NO_PASSWORD = "# password: never exported; without this key the one kept here stays"  # noqa: S105
NO_SECRET = "# secret: never exported; without this key the one kept here stays"  # noqa: S105

_BOOLEANS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"What YAML 1.1 reads as something other than text."


def boolean(value: bool) -> str:
    """Return a YAML boolean."""
    return "true" if value else "false"


def flow(items: Iterable[str]) -> str:
    """Return texts as a list on one line."""
    # A codec name is plain in YAML; an IPv6 network, a host name, or Norway (NO) may not be.
    return f"[{', '.join(item if _is_plain(item) else text(item) for item in items)}]"


def _is_plain(item: str) -> bool:
    return item.isalnum() and not item.isdigit() and item.lower() not in _BOOLEANS


def flow_mapping(items: Iterable[str]) -> str:
    """Return pairs that are written already (`key: value`) as a mapping on one line."""
    return f"{{{', '.join(items)}}}"


def value(given: Any) -> str:
    """Return what JSON can hold, on one line."""
    if isinstance(given, dict):
        return flow_mapping(f"{text(key)}: {value(item)}" for key, item in given.items())
    if isinstance(given, list):
        return f"[{', '.join(map(value, given))}]"
    if isinstance(given, str):
        return text(given)
    if isinstance(given, bool):
        return boolean(given)
    if isinstance(given, float):
        digits, exponent, power = repr(given).partition("e")
        # 1e-05 without a point is text to YAML 1.1.
        return f"{digits}{'' if '.' in digits else '.0'}{exponent}{power}"
    return "null" if given is None else str(given)


def text(given: str) -> str:
    """Return a double-quoted scalar (YAML 1.1 section 5.7)."""
    return '"' + "".join(_escaped(char) for char in given) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\U{code:08x}"
