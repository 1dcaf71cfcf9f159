"""SIP messages as the edge reads them: split once, raw header values kept, sizes bounded."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from callengine.edge.grammar import (
    is_token,
    parse_params,
    read_number,
    split_quoted,
    unquote,
)
from callengine.edge.uris import URI, parse_uri
from callengine.edge.values import (
    Address,
    Via,
    is_address,
    is_stray_via,
    parse_address,
    parse_cseq,
    parse_via,
    tag_of,
)

__all__ = [
    "URI",
    "Address",
    "MalformedError",
    "SipMessage",
    "Via",
    "clean",
    "parse",
    "parse_address",
    "parse_params",
    "parse_uri",
    "parse_via",
    "read_number",
    "render",
    "split_quoted",
    "tag_of",
    "unquote",
]

MAX_HEADERS = 200
MAX_VIAS = 70
MAX_CSEQ = 2**31

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
# A backslash makes any character but CR and LF part of a quoted string (RFC 3261 section 25.1).
_CONTROL = re.compile("(?<!\\\\)[\x00-\x08\x0a-\x1f\x7f]|[\r\n]")
_VERSION = re.compile(r"SIP/[0-9]{1,3}\.[0-9]{1,3}\Z", re.IGNORECASE)
_REQUIRED = ("from", "to", "call-id", "cseq")
_ONCE = (*_REQUIRED, "content-length", "max-forwards")


class MalformedError(ValueError):
    """A message too broken to be answered."""


@dataclass(slots=True)
class SipMessage:
    """A request (`method` set) or a response (`code` set)."""

    method: str
    uri: str
    code: int
    phrase: str
    headers: dict[str, list[str]]
    "Values by lower-case full name, in the order they came, otherwise untouched."
    body: bytes
    vias: list[str]
    via: Via
    call_id: str
    cseq: int
    cseq_method: str
    from_tag: str
    to_tag: str
    problem: str = ""
    "What is wrong with a message that can still be answered."
    problem_code: int = 400
    flow: str = field(default="")
    "Where it came from, `udp:HOST:PORT`."
    raw: bytes = b""
    "As it arrived."

    def get(self, name: str) -> str:
        """Return the first value of a header by lower-case name, or an empty string."""
        values = self.headers.get(name)
        return values[0] if values else ""

    def items(self, name: str) -> list[str]:
        """Return a comma-separated header's items, as they were written."""
        items = (item.strip() for v in self.headers.get(name, ()) for item in v.split(","))
        return [item for item in items if item]

    def tokens(self, name: str) -> list[str]:
        """Return a comma-separated header as lower-case items."""
        return [item.lower() for item in self.items(name)]

    def values(self, name: str) -> list[str]:
        """Return a header that may be a list, one string per element."""
        return [item for v in self.headers.get(name, ()) for item in split_quoted(v, ",") if item]


def parse(data: bytes, *, max_line_bytes: int = 4096) -> SipMessage:
    """Return one message whose header block is complete.

    What can be answered but must not be obeyed comes back with `problem` set.

    Raises:
        MalformedError: it cannot even be answered.
    """
    head, end, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    headers, problem = _headers(lines[1:], max_line_bytes)
    if not end:
        problem = problem or "the header block has no end"
    message = _answerable(headers, body)
    _read_start(message, lines[0][:max_line_bytes])
    message.raw = data
    bad_body = _bad_body(message)
    message.problem = message.problem or problem or bad_body or next(_bad_values(message), "")
    return message


def _headers(lines: list[str], max_line_bytes: int) -> tuple[dict[str, list[str]], str]:
    headers: dict[str, list[str]] = {}
    problem = ""
    if len(lines) > MAX_HEADERS:
        lines, problem = lines[:MAX_HEADERS], "too many header lines"
    for line in _unfolded(lines):
        if len(line) > max_line_bytes:
            problem = "a header line is too long"
            continue
        if _CONTROL.search(line):
            problem = "a header line holds control characters"
            continue
        name, found, value = line.partition(":")
        name = name.rstrip().lower()
        if not found or not is_token(name):
            problem = "a header line has no name"
            continue
        headers.setdefault(_COMPACT.get(name, name), []).append(value.strip())
    return headers, problem


def _unfolded(lines: Iterable[str]) -> Iterator[str]:
    """Yield header lines, those that go on (section 7.3.1) made one."""
    parts: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and parts:
            parts.append(line.strip())
            continue
        if parts:
            yield " ".join(parts)
        parts = [line]
    if parts:
        yield " ".join(parts)


def _answerable(headers: dict[str, list[str]], body: bytes) -> SipMessage:
    """Return a message whose Via says where answers go; that is all it needs."""
    vias = [item for value in headers.get("via", ()) for item in split_quoted(value, ",")]
    if not vias:
        raise MalformedError("no Via header")
    try:
        via = parse_via(vias[0])
    except ValueError as error:
        raise MalformedError("the Via header cannot be read") from error

    def first(name: str) -> str:
        return headers.get(name, [""])[0]

    number, cseq_method = parse_cseq(first("cseq"))
    return SipMessage(
        method="",
        uri="",
        code=0,
        phrase="",
        headers=headers,
        body=body,
        vias=vias[: MAX_VIAS + 1],
        via=via,
        call_id=first("call-id"),
        cseq=-1 if number is None else number,
        cseq_method=cseq_method,
        from_tag=tag_of(first("from")),
        to_tag=tag_of(first("to")),
    )


def _read_start(message: SipMessage, line: str) -> None:
    first, _, rest = line.partition(" ")
    if first.upper() == "SIP/2.0":
        _read_status(message, rest)
        return
    if not is_token(first):
        raise MalformedError("the request line cannot be read")
    message.method = first
    uri, *others = rest.split(" ")
    message.uri = "" if _CONTROL.search(uri) else uri
    version = others[0] if len(others) == 1 else ""
    if not message.uri or not _VERSION.match(version):
        message.problem = "the request line cannot be read"
    elif version.upper() != "SIP/2.0":
        message.problem, message.problem_code = "the SIP version is not 2.0", 505


def _read_status(message: SipMessage, rest: str) -> None:
    code, _, phrase = rest.partition(" ")
    if len(code) != 3 or not code.isascii() or not code.isdigit() or not "100" <= code <= "699":
        raise MalformedError("the status line cannot be read")
    message.code, message.phrase = int(code), clean(phrase)


def _bad_body(message: SipMessage) -> str:
    """Cut the body to its length; return what is wrong with that."""
    given = message.get("content-length")
    if not given:
        return ""
    length = read_number(given)
    if length is None:
        message.body = b""
        return "the Content-Length is not a number"
    if length > len(message.body):
        message.body = b""
        return "the body is shorter than its Content-Length"
    message.body = message.body[:length]
    return ""


def _bad_values(message: SipMessage) -> Iterator[str]:
    """Yield what is wrong with the headers that every message must have."""
    for name in _REQUIRED:
        if not message.get(name):
            yield f"it has no {_name(name)} header"
    for name in _ONCE:
        if len(message.headers.get(name, ())) > 1:
            yield f"the {_name(name)} header comes twice"
    yield from _bad_cseq(message)
    if len(message.vias) > MAX_VIAS:
        yield "too many Via headers"
    if any(map(is_stray_via, message.vias)):
        yield "a Via header has separators with nothing between them"
    for name in ("from", "to"):
        if not is_address(message.get(name)):
            yield f"the {_name(name)} header cannot be read"
    wants_tag = message.method != "CANCEL" and message.via.has_rfc3261_branch
    if message.method and wants_tag and not message.from_tag:
        yield "the From header has no tag"


def _bad_cseq(message: SipMessage) -> Iterator[str]:
    if message.cseq < 0 or not message.cseq_method:
        yield "the CSeq header cannot be read"
    if message.cseq >= MAX_CSEQ:
        yield "the CSeq number is too large"
    if message.method and message.cseq_method != message.method:
        yield "the CSeq method is not the request's"


_NAMES = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "rseq": "RSeq",
    "rack": "RAck",
    "min-se": "Min-SE",
    "www-authenticate": "WWW-Authenticate",
}


def _name(name: str) -> str:
    return _NAMES.get(name) or name.title()


def render(start: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return a message; header names are lower-case, Content-Length is added."""
    lines = [start]
    lines += [f"{_name(name)}: {value}" for name, value in headers]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def clean(text: str, limit: int = 128) -> str:
    """Return text from the network as something a database and a page can hold."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable())[:limit]
