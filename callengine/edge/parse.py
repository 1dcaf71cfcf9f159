"""SIP messages as the edge reads them: split once, raw header values kept, sizes bounded.

`sipmessage` supplies URIs and the compact header forms. Lists, parameters and credentials are split
here, because its regular expressions take a comma between quotes for a separator and can be made to
backtrack, and because a header that is forwarded must leave byte for byte as it came.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import quote

from sipmessage import URI
from sipmessage.grammar import C_USER_SAFE
from sipmessage.message import COMPACT_FORMS

MAX_HEADERS = 200
MAX_VIAS = 70
MAX_CSEQ = 2**31

_COMPACT = {short: name.lower() for short, name in COMPACT_FORMS.items()}
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}\Z")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_CSEQ = re.compile(r"([0-9]{1,10})[ \t]+(\S+)\Z")
_VIA = re.compile(r"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z-]{2,8})[ \t]+(\S.*)\Z", re.IGNORECASE)
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)[ \t]*(?::[ \t]*([0-9]{1,5}))?\Z")
_OTHER_SCHEME = re.compile(r"(?!sips?:|tel:)[A-Za-z][A-Za-z0-9+.\-]*:\S")
_REQUIRED = ("via", "from", "to", "call-id", "cseq")


class MalformedError(ValueError):
    """A message too broken to be answered."""


@dataclass(slots=True)
class Via:
    """One Via header value."""

    raw: str
    transport: str
    host: str
    port: int | None
    params: dict[str, str | None]

    @property
    def branch(self) -> str:
        """Return the branch parameter, or an empty string."""
        return self.params.get("branch") or ""


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
    flow: str = field(default="")
    "Where it came from, `udp:HOST:PORT`."
    raw: bytes = b""
    "As it arrived."

    def get(self, name: str) -> str:
        """Return the first value of a header by lower-case name, or an empty string."""
        values = self.headers.get(name)
        return values[0] if values else ""

    def tokens(self, name: str) -> list[str]:
        """Return a comma-separated header as lower-case items."""
        items = (item.strip().lower() for v in self.headers.get(name, ()) for item in v.split(","))
        return [item for item in items if item]

    def values(self, name: str) -> list[str]:
        """Return a header that may be a list, one string per element."""
        return [item for v in self.headers.get(name, ()) for item in split_quoted(v, ",") if item]


def split_quoted(text: str, separator: str) -> list[str]:
    """Split at a separator that stands outside quotes and angle brackets; items are stripped."""
    if '"' not in text and "<" not in text:
        return [item.strip() for item in text.split(separator)]
    items, start, quoted, angle, skip = [], 0, False, False, False
    for index, char in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            skip = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angle = char == "<"
        elif char == separator and not angle:
            items.append(text[start:index].strip())
            start = index + 1
    items.append(text[start:].strip())
    return items


def unquote(text: str) -> str:
    """Return a quoted-string's content, or the text as it is."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def parse_params(items: list[str]) -> dict[str, str | None]:
    """Return `name=value` items by lower-case name; the first of a name wins."""
    params: dict[str, str | None] = {}
    for item in items:
        name, found, value = item.partition("=")
        if name := name.strip().lower():
            params.setdefault(name, unquote(value.strip()) if found else None)
    return params


def parse_uri(text: str) -> URI:
    """Return a SIP, SIPS or TEL URI.

    Characters that phones leave unescaped in the user part (`*21#`) are escaped first.

    Raises:
        ValueError: it is no such URI.
    """
    scheme, _, rest = text.partition(":")
    user, found, host = rest.rpartition("@")
    rest = quote(user, safe=C_USER_SAFE + "%:") + "@" + host if found else rest
    try:
        uri = URI.parse(f"{scheme.lower()}:{rest}")
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("not a SIP URI") from error
    if uri.port is not None and not 0 < uri.port < 65536:
        raise ValueError("port out of range")
    return uri


def parse_address(text: str) -> Address:
    """Return one name-addr or addr-spec.

    Raises:
        ValueError: its URI is not valid, or a bracket does not close.
    """
    head, *rest = split_quoted(text, ";")
    name, found, after = _before_angle(head)
    if not found:
        return Address("", head, parse_uri(head), parse_params(rest))
    uri_text, closed, _ = after.partition(">")
    if not closed:
        raise ValueError("unclosed angle bracket")
    return Address(unquote(name.strip()), uri_text, parse_uri(uri_text), parse_params(rest))


def _before_angle(head: str) -> tuple[str, str, str]:
    quoted_end = 0
    if head.startswith('"'):
        match = re.match(r'"(?:[^"\\]|\\.)*"', head)
        quoted_end = match.end() if match else 0
    before, found, after = head[quoted_end:].partition("<")
    return head[:quoted_end] + before, found, after


def parse_via(text: str) -> Via:
    """Return one Via value.

    Raises:
        ValueError: transport or sent-by cannot be read.
    """
    head, *rest = split_quoted(text, ";")
    match = _VIA.match(head)
    sent_by = _HOST_PORT.match(match.group(2)) if match else None
    if not match or not sent_by:
        raise ValueError("not a Via")
    port = int(sent_by.group(2)) if sent_by.group(2) else None
    if port is not None and not 0 < port < 65536:
        raise ValueError("port out of range")
    return Via(text, match.group(1).upper(), sent_by.group(1), port, parse_params(rest))


def tag_of(header: str) -> str:
    """Return the tag parameter of a From or To value, or an empty string."""
    if ";" not in header:
        return ""
    items = split_quoted(header, ";")[1:]
    return next((i[4:].strip() for i in items if i[:4].lower() == "tag="), "")


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
    if missing := [name for name in _REQUIRED if not headers.get(name)]:
        raise MalformedError(f"no {missing[0]} header")
    message = _start(lines[0][:max_line_bytes], headers, body)
    message.raw = data
    message.problem = message.problem or problem or _bad_body(message) or _bad_values(message)
    return message


def _headers(lines: list[str], max_line_bytes: int) -> tuple[dict[str, list[str]], str]:
    headers: dict[str, list[str]] = {}
    problem, last = "", ""
    if len(lines) > MAX_HEADERS:
        lines, problem = lines[:MAX_HEADERS], "too many header lines"
    for line in lines:
        if len(line) > max_line_bytes:
            problem = "a header line is too long"
            continue
        if _CONTROL.search(line):
            problem = "a header line holds control characters"
            continue
        if line[:1] in (" ", "\t") and last:
            headers[last][-1] = f"{headers[last][-1]} {line.strip()}"[:max_line_bytes]
            continue
        name, found, value = line.partition(":")
        last = name.strip().lower()
        last = _COMPACT.get(last, last)
        if not found or not _TOKEN.match(last):
            problem, last = "a header line has no name", ""
            continue
        headers.setdefault(last, []).append(value.strip())
    return headers, problem


def _start(line: str, headers: dict[str, list[str]], body: bytes) -> SipMessage:
    vias = [item for value in headers["via"] for item in split_quoted(value, ",")][: MAX_VIAS + 1]
    cseq = _CSEQ.match(headers["cseq"][0])
    try:
        via = parse_via(vias[0])
    except ValueError as error:
        raise MalformedError("the Via header cannot be read") from error
    if cseq is None:
        raise MalformedError("the CSeq header cannot be read")
    first, _, rest = line.partition(" ")
    message = SipMessage(
        method="",
        uri="",
        code=0,
        phrase="",
        headers=headers,
        body=body,
        vias=vias,
        via=via,
        call_id=headers["call-id"][0],
        cseq=int(cseq.group(1)),
        cseq_method=cseq.group(2),
        from_tag=tag_of(headers["from"][0]),
        to_tag=tag_of(headers["to"][0]),
    )
    if first == "SIP/2.0":
        _read_status(message, rest)
    else:
        _read_request_line(message, first, rest)
    return message


def _read_status(message: SipMessage, rest: str) -> None:
    code, _, message.phrase = rest.partition(" ")
    if len(code) != 3 or not code.isascii() or not code.isdigit() or not "100" <= code <= "699":
        raise MalformedError("the status line cannot be read")
    message.code = int(code)


def _read_request_line(message: SipMessage, method: str, rest: str) -> None:
    uri, _, version = rest.partition(" ")
    if not _TOKEN.match(method) or not version.upper().startswith("SIP/") or _CONTROL.search(uri):
        raise MalformedError("the request line cannot be read")
    message.method, message.uri = method, uri
    if version.upper() != "SIP/2.0":
        message.problem = "the SIP version is not 2.0"
    elif message.cseq_method != method:
        message.problem = "the CSeq method is not the request's"


def _bad_body(message: SipMessage) -> str:
    given = message.get("content-length")
    if not given:
        return ""
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        return "the Content-Length is not a number"
    if int(given) > len(message.body):
        return "the body is shorter than its Content-Length"
    message.body = message.body[: int(given)]
    return ""


def _bad_values(message: SipMessage) -> str:
    for name in ("from", "to", "call-id", "cseq", "content-length", "max-forwards"):
        if len(message.headers.get(name, ())) > 1:
            return f"the {name.title()} header comes twice"
    if message.cseq >= MAX_CSEQ:
        return "the CSeq number is too large"
    if len(message.vias) > MAX_VIAS:
        return "too many Via headers"
    for name in ("from", "to"):
        if not _readable(message.get(name)):
            return f"the {name.title()} header cannot be read"
    if message.method and not message.from_tag and message.method != "CANCEL":
        return "" if not message.via.branch.startswith("z9hG4bK") else "the From header has no tag"
    return ""


def _readable(header: str) -> bool:
    try:
        parse_address(header)
    except ValueError:
        # Another scheme is no fault of From and To (RFC 3261 section 8.1.1.3).
        uri = header.partition("<")[2] or header.rpartition(" ")[2]
        return _OTHER_SCHEME.match(uri) is not None
    return True


_NAMES = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "rseq": "RSeq",
    "rack": "RAck",
    "min-se": "Min-SE",
    "www-authenticate": "WWW-Authenticate",
}


def render(start: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return a message; header names are lower-case, Content-Length is added."""
    lines = [start]
    lines += [f"{_NAMES.get(name) or name.title()}: {value}" for name, value in headers]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def clean(text: str, limit: int = 128) -> str:
    """Return text from the network as something a database and a page can hold."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable())[:limit]
