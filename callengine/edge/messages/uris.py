"""SIP, SIPS and TEL URIs (RFC 3261 section 19.1, RFC 3966), read in one pass and bounded."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote

from callengine.edge.flow import host_port

MAX_URI_CHARACTERS = 4096
REMEMBERED = 512
"Values that are not read anew: a dialog's messages have the same ones, over and over."
MAX_HOST_CHARACTERS = 255

# None of these expressions can begin to match at more than one place.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_USER = re.compile('[\x00-\x1f\x7f<>"]')
_NOT_AFTER_USER = re.compile('[\x00-\x20\x7f<>"@]')
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+\Z")
_SUBSCRIBER = re.compile(r"\+?[0-9A-Fa-f*#().-]+\Z")
_SAFE_IN_USER = "-_.!~*'()&=+$,;?/"
_DIGIT = re.compile(r"[0-9A-Fa-f*#]")


@dataclass(frozen=True, slots=True)
class URI:
    """A URI's parts, escapes undone; of a TEL URI the number is the user."""

    scheme: str
    host: str
    user: str | None = None
    password: str | None = None
    port: int | None = None
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    "By lower-case name."
    headers: str = ""
    "What follows the question mark, as it was written."


def sip_uri(user: str, host: str, port: int) -> str:
    """Return a SIP URI's text; what may not stand in a user part is escaped."""
    return f"sip:{quote(user, safe=_SAFE_IN_USER)}@{host_port(host, port)}"


def name_addr(name: str, uri: str) -> str:
    """Return the value of a From or To with a display name, or without one."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{uri}>' if name else f"<{uri}>"


def scheme_of(text: str) -> str:
    """Return a URI's scheme in lower case, or an empty string."""
    scheme, colon, _ = text.partition(":")
    return scheme.lower() if colon and _SCHEME.match(scheme) else ""


@lru_cache(REMEMBERED)
def parse_uri(text: str) -> URI:
    """Return a SIP, SIPS or TEL URI.

    What phones leave unescaped in the user part is taken as it is: `*21#`, blanks, UTF-8.

    Raises:
        ValueError: it is no such URI.
    """
    scheme = scheme_of(text)
    if len(text) > MAX_URI_CHARACTERS or scheme not in ("sip", "sips", "tel"):
        raise ValueError("not a SIP URI")
    rest = text[len(scheme) + 1 :]
    if _BAD_ESCAPE.search(rest):
        raise ValueError("not a SIP URI: a % without two digits")
    return _tel(rest) if scheme == "tel" else _sip(scheme, rest)


def without_headers(text: str) -> str:
    """Return a URI's text as it may stand in a request line (RFC 3261 section 19.1.1)."""
    user, at, rest = text.rpartition("@")
    return f"{user}{at}{rest.partition('?')[0]}"


def _tel(rest: str) -> URI:
    number, *items = rest.split(";")
    if not _SUBSCRIBER.match(number) or not _DIGIT.search(number):
        raise ValueError("not a SIP URI: no telephone number")
    if _NOT_AFTER_USER.search(rest):
        raise ValueError("not a SIP URI")
    return URI("tel", "", user=number, parameters=_parameters(items))


def _sip(scheme: str, rest: str) -> URI:
    userinfo, at, place = rest.rpartition("@")
    user, colon, password = userinfo.partition(":")
    if (at and not user) or _NOT_IN_USER.search(userinfo) or _NOT_AFTER_USER.search(place):
        raise ValueError("not a SIP URI")
    place, _, headers = place.partition("?")
    where, *items = place.split(";")
    host, port = _host_port(where)
    return URI(
        scheme=scheme,
        host=host,
        user=unquote(user) if at else None,
        password=unquote(password) if colon else None,
        port=port,
        parameters=_parameters(items),
        headers=headers,
    )


def _host_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, closed, rest = text.partition("]")
        host, (before, colon, port) = host + closed, rest.partition(":")
        is_host = _is_ipv6(host) and not before
    else:
        host, colon, port = text.partition(":")
        is_host = len(host) <= MAX_HOST_CHARACTERS and _HOST_NAME.match(host) is not None
    if not is_host:
        raise ValueError("not a SIP URI: no host")
    return host, _port(port) if colon else None


def _port(text: str) -> int:
    digits = text.lstrip("0")
    if not text.isascii() or not digits.isdigit() or len(digits) > 5 or int(digits) > 65535:
        raise ValueError("port out of range")
    return int(digits)


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host[1:-1][:64])
    except ValueError:
        return False
    return host.endswith("]")


def _parameters(items: list[str]) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not name:
            raise ValueError("not a SIP URI: a parameter without a name")
        parameters.setdefault(unquote(name).lower(), unquote(value) if equals else None)
    return parameters
