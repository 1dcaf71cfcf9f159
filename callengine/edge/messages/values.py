"""The header values that every message has: Via, addresses, CSeq (RFC 3261 section 20)."""

import re
from dataclasses import dataclass
from functools import lru_cache

from callengine.edge.messages.grammar import (
    end_of_quotes,
    has_stray_separators,
    is_token,
    parse_params,
    read_number,
    split_quoted,
    unquote,
)
from callengine.edge.messages.uris import REMEMBERED, URI, parse_uri, scheme_of

_VIA = re.compile(
    r"SIP[ \t]*/[ \t]*[0-9]{1,3}\.[0-9]{1,3}[ \t]*/[ \t]*([A-Za-z0-9-]{2,16})[ \t]+(\S.*)\Z",
    re.IGNORECASE,
)
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)[ \t]*(?::[ \t]*([0-9]{1,5}))?\Z")


@dataclass(slots=True)
class Via:
    """One hop a message took; its sent-by is `host` and `port` (RFC 3261 section 20.42)."""

    raw: str
    transport: str
    host: str
    port: int | None
    params: dict[str, str | None]
    is_stray: bool = False
    "It has separators with nothing between them."

    @property
    def branch(self) -> str:
        """Return the branch parameter, or an empty string."""
        return self.params.get("branch") or ""

    @property
    def has_rfc3261_branch(self) -> bool:
        """Tell a branch that names its transaction from those of RFC 2543 (section 17.2.3)."""
        return self.branch.startswith("z9hG4bK") and self.branch != "z9hG4bK"


@dataclass(slots=True)
class Address:
    """A name-addr or addr-spec with its parameters (From, To, Contact, Route)."""

    name: str
    uri_text: str
    uri: URI
    params: dict[str, str | None]

    @property
    def is_callable(self) -> bool:
        """Tell whether its URI can stand in a request line."""
        is_clean = self.uri_text.isprintable() and " " not in self.uri_text
        return self.uri.scheme in ("sip", "sips") and is_clean


@dataclass(frozen=True, slots=True)
class _Parts:
    name: str
    uri_text: str
    params: dict[str, str | None]


def parse_address(text: str) -> Address:
    """Return one name-addr or addr-spec.

    Raises:
        ValueError: its URI is not valid, or brackets, quotes or separators are not.
    """
    parts = _address_parts(text)
    return Address(parts.name, parts.uri_text, parse_uri(parts.uri_text), parts.params)


def is_address(text: str) -> bool:
    """Tell whether From or To can be read."""
    return read_party(text)[1]


@lru_cache(REMEMBERED)
def read_party(text: str) -> tuple[str, bool]:
    """Return the tag of a From or To (empty: none), and whether the whole of it can be read.

    Another scheme is no fault (section 8.1.1.3).
    """
    try:
        parts = _address_parts(text)
    except ValueError:
        return _tag_at_all(text), False
    tag, uri_text = parts.params.get("tag") or "", parts.uri_text
    scheme = scheme_of(uri_text)
    if scheme in ("sip", "sips", "tel"):
        try:
            parse_uri(uri_text)
        except ValueError:
            return tag, False
    return tag, bool(scheme) and uri_text[len(scheme) + 1 :].strip() != ""


def _address_parts(text: str) -> _Parts:
    opening = end_of_quotes(text, "<")
    if opening < 0:
        uri_text, *items = split_quoted(text, ";")
        # A comma, question mark or blank wants the brackets (section 20.10).
        if any(mark in uri_text for mark in ' ,?"\t'):
            raise ValueError("not a SIP URI: it needs angle brackets")
        name = ""
    else:
        uri_text, closed, after = text[opening + 1 :].partition(">")
        before, *items = split_quoted(after, ";")
        if not closed or before:
            raise ValueError("an angle bracket does not close")
        end_of_quotes(after)
        name = unquote(text[:opening].strip())
    if has_stray_separators(items):
        raise ValueError("parameters with nothing between their separators")
    return _Parts(name, uri_text, parse_params(items))


def tag_of(header: str) -> str:
    """Return the tag parameter of a From or To value, or an empty string."""
    if ";" not in header:
        return ""
    try:
        return _address_parts(header).params.get("tag") or ""
    except ValueError:
        return _tag_at_all(header)


_SEPARATORS = "; \t"


def with_tag(to_header: str, tag: str) -> str:
    """Return a To value with our tag, unless it has one.

    Separators that end the value go, and a tag that is empty: behind them ours could not be read
    when it comes back.
    """
    if not tag or tag_of(to_header):
        return to_header
    if "tag" in to_header.lower():
        to_header = ";".join(item for item in split_quoted(to_header, ";") if not _is_tag(item))
    return f"{to_header.rstrip(_SEPARATORS)};tag={tag}"


def _is_tag(parameter: str) -> bool:
    return parameter.partition("=")[0].strip().lower() == "tag"


def _tag_at_all(header: str) -> str:
    """Return the tag of a value that cannot be read otherwise: its answer needs it."""
    return parse_params(split_quoted(header, ";")[1:]).get("tag") or ""


def parse_via(text: str) -> Via:
    """Return one Via value.

    Raises:
        ValueError: transport or sent-by cannot be read.
    """
    head, *items = split_quoted(text, ";")
    match = _VIA.match(head)
    sent_by = _HOST_PORT.match(match.group(2)) if match else None
    if not match or not sent_by:
        raise ValueError("not a Via")
    port = int(sent_by.group(2)) if sent_by.group(2) else None
    if port is not None and not 0 < port < 65536:
        raise ValueError("port out of range")
    transport, host = match.group(1).upper(), sent_by.group(1)
    return Via(text, transport, host, port, parse_params(items), has_stray_separators(items))


def is_stray_via(text: str) -> bool:
    """Tell whether an element of a Via list has separators with nothing between them."""
    head, *items = split_quoted(text, ";")
    return not head or has_stray_separators(items)


def parse_cseq(text: str) -> tuple[int | None, str]:
    """Return number and method of a CSeq; None and an empty string where it cannot be read."""
    number, *rest = text.split(None, 1)[:2] if text.strip() else [""]
    method = rest[0] if rest else ""
    return read_number(number), method if is_token(method) else ""


def read_q(text: str | None) -> float:
    """Return a qvalue; what cannot be read counts as 1 (RFC 3261 section 20.10)."""
    try:
        value = float(text) if text and len(text) < 8 else 1.0
    except ValueError:
        return 1.0
    return value if 0.0 <= value <= 1.0 else 1.0
