"""SIP messages: start line, headers and body (RFC 3261 section 7), parsed and rendered.

`parse` and `render` are each other's inverse: what was rendered parses to the same message, and
what was parsed renders to its canonical form (full header names, the values of each together).
What header values mean is read elsewhere: `values`, `uris`, `received`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from callengine.edge.messages.grammar import is_token, read_number, split_quoted
from callengine.edge.messages.text import clean

MAX_HEADERS = 200

Headers = list[tuple[str, str]]
"Lower-case full names and values, in the order they are written."

# RFC 3261 section 7.3.3 and the registry of header fields.
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
_CONTENT_LENGTH = "content-length"
_COMMON = (
    "Via From To Call-ID CSeq Contact Max-Forwards Content-Type Content-Length User-Agent Server "
    "Allow Supported Require Route Record-Route Expires Authorization Proxy-Authorization "
    "Session-Expires Min-SE Accept Allow-Events P-Asserted-Identity Privacy Reason RSeq RAck "
    "WWW-Authenticate"
)
_SPELLINGS = {name: name.lower() for name in _COMMON.split()}
"As nearly everybody writes them, so that they need no closer look."
_WRITTEN = {lower: name for name, lower in _SPELLINGS.items()}
"How they are written; any other name with its words in title case."

# A backslash makes any character but CR and LF part of a quoted string (RFC 3261 section 25.1).
_CONTROL = re.compile("(?<!\\\\)[\x00-\x08\x0a-\x1f\x7f]|[\r\n]")
_BLANKS = frozenset(" \t")
_VERSION = re.compile(r"SIP/[0-9]{1,3}\.[0-9]{1,3}\Z", re.IGNORECASE)


class MalformedError(ValueError):
    """A message too broken to be answered."""


@dataclass(slots=True)
class Message:
    """A request (`method` set) or a response (`code` set)."""

    method: str
    uri: str
    code: int
    phrase: str
    headers: dict[str, list[str]]
    """Values by lower-case full name, in the order they came, otherwise untouched. Content-Length
    is not among them: it says where the body ends, and nothing else."""
    body: bytes
    problem: str
    "What is wrong with a message that can still be answered; empty: nothing."
    problem_code: int

    @classmethod
    def request(cls, method: str, uri: str, headers: Headers, body: bytes = b"") -> "Message":
        return cls(method, uri, 0, "", _grouped(headers), body, "", 400)

    @classmethod
    def response(cls, code: int, phrase: str, headers: Headers, body: bytes = b"") -> "Message":
        return cls("", "", code, phrase, _grouped(headers), body, "", 400)

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
        """Return a header that may be a list, one string per element (section 7.3.1)."""
        return [item for v in self.headers.get(name, ()) for item in split_quoted(v, ",") if item]


def _grouped(headers: Headers) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in headers:
        if name in grouped:
            grouped[name].append(value)
        else:
            grouped[name] = [value]
    return grouped


def render(message: Message) -> bytes:
    """Return a message as it is sent."""
    lines = [
        f"{message.method} {message.uri} SIP/2.0"
        if message.method
        else f"SIP/2.0 {message.code} {message.phrase}"
    ]
    for name, values in message.headers.items():
        written = _WRITTEN.get(name) or name.title()
        for value in values:
            lines.append(f"{written}: {value}")  # noqa: PERF401 - a list for each is slower
    lines.append(f"Content-Length: {len(message.body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + message.body


def parse(data: bytes, *, max_line_bytes: int = 4096) -> Message:
    """Return one message whose header block is complete.

    What can be answered but must not be obeyed comes back with `problem` set.

    Raises:
        MalformedError: its first line is neither a request's nor a response's.
    """
    head, end, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    # Of most messages one look at the whole says that no line needs one of its own.
    is_plain = len(head) <= max_line_bytes and "".join(lines).isprintable()
    is_folded = b"\r\n " in head or b"\r\n\t" in head
    headers, problem = _headers(lines[1:], 0 if is_plain else max_line_bytes, is_folded=is_folded)
    if not end:
        problem = problem or "the header block has no end"
    body, body_problem = _cut(body, headers.pop(_CONTENT_LENGTH, ()))
    message = Message("", "", 0, "", headers, body, "", 400)
    _read_start(message, lines[0][:max_line_bytes])
    message.problem = message.problem or problem or body_problem
    return message


def _headers(
    lines: list[str], max_line_bytes: int, *, is_folded: bool
) -> tuple[dict[str, list[str]], str]:
    """Return header values by name, and what is wrong; without a limit no line is looked at."""
    headers: dict[str, list[str]] = {}
    problem = ""
    if len(lines) > MAX_HEADERS:
        lines, problem = lines[:MAX_HEADERS], "too many header lines"
    for line in _unfolded(lines) if is_folded else lines:
        if max_line_bytes and (fault := _fault_of(line, max_line_bytes)):
            problem = fault
            continue
        written, colon, value = line.partition(":")
        name = _SPELLINGS.get(written) or _header_name(written)
        if not colon or not name:
            problem = "a header line has no name"
        elif name in headers:
            headers[name].append(value.strip())
        else:
            headers[name] = [value.strip()]
    return headers, problem


def _fault_of(line: str, max_line_bytes: int) -> str:
    if len(line) > max_line_bytes:
        return "a header line is too long"
    if not line.isprintable() and _CONTROL.search(line):
        return "a header line holds control characters"
    return ""


def _header_name(written: str) -> str:
    """Return a header's lower-case full name, or an empty string if it is none."""
    name = written.rstrip().lower()
    return _COMPACT.get(name, name) if is_token(name) else ""


def _unfolded(lines: Iterable[str]) -> Iterator[str]:
    """Yield header lines, those that go on (section 7.3.1) made one."""
    parts: list[str] = []
    for line in lines:
        if line[:1] in _BLANKS and parts:
            parts.append(line.strip())
            continue
        if parts:
            yield " ".join(parts)
        parts = [line]
    if parts:
        yield " ".join(parts)


def _read_start(message: Message, line: str) -> None:
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


def _read_status(message: Message, rest: str) -> None:
    code, _, phrase = rest.partition(" ")
    if len(code) != 3 or not code.isascii() or not code.isdigit() or not "100" <= code <= "699":
        raise MalformedError("the status line cannot be read")
    message.code, message.phrase = int(code), clean(phrase)


def _cut(body: bytes, lengths: list[str] | tuple[()]) -> tuple[bytes, str]:
    """Return a body cut to its Content-Length (section 18.3), and what is wrong with that."""
    if not lengths or not lengths[0]:
        return body, ""
    length = read_number(lengths[0])
    if length is None:
        return b"", "the Content-Length is not a number"
    if length > len(body):
        return b"", "the body is shorter than its Content-Length"
    problem = "the Content-Length header comes twice" if len(lengths) > 1 else ""
    return body[:length], problem
