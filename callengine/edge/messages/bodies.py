"""Finding the session description in a body, whatever it is wrapped in. Pure, linear, bounded.

One answer for requests and responses alike (RFC 3261 sections 7.4 and 8.2.3, RFC 5621, RFC 2046):
the description, or why the body cannot be done without, or neither.
"""

import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SDP = "application/sdp"
ACCEPT = f"{SDP}, multipart/mixed, multipart/alternative, multipart/related"
"The value of our Accept header (RFC 5621 section 4.2: all of these are understood)."
MAX_BODY_BYTES = 65_536
MAX_PARTS = 16
"In all levels together."
MAX_DEPTH = 4
MAX_HEADER_BYTES = 2_048
"Of one part's header fields."
MAX_BOUNDARY_BYTES = 70
"RFC 2046 section 5.1.1."
MAX_PADDING_BYTES = 80
"White space between a boundary and the end of its line."


@dataclass(frozen=True, slots=True)
class BodyContent:
    """What a body holds for us; `code` is what to refuse it with, 0 if there is no need to."""

    sdp: bytes | None = None
    code: int = 0
    reason: str = ""
    "A sentence saying why it must be refused."

    @property
    def must_refuse(self) -> bool:
        """Whether the sender demands that a part is understood, and it is not."""
        return self.code != 0


NOTHING = BodyContent()


def find_sdp(content_type: str, disposition: str, body: bytes) -> BodyContent:
    """Return the session description of a body with these header values (empty if missing).

    Its own `handling` says whether a body of a kind not known here may be ignored: missing, it
    may not (RFC 3261 section 20.11). Beside a description, only a part that says it is required
    stands in the way: gateways put location and ISUP there without a word about it.
    """
    if not body.strip():
        return NOTHING
    if len(body) > MAX_BODY_BYTES:
        return BodyContent(code=413, reason=f"The body is longer than {MAX_BODY_BYTES} bytes.")
    if not content_type.strip() and body.lstrip().startswith(b"v=0"):
        content_type = SDP
    try:
        outcome = _read(_Part(content_type, disposition, "", "", body), _Search(), 0)
    except _RefusalError as refusal:
        return BodyContent(code=refusal.code, reason=str(refusal))
    if outcome.required or (outcome.sdp is None and outcome.unknown):
        kind = outcome.required or outcome.unknown
        return BodyContent(code=415, reason=f"The body holds {kind}, which is not understood here.")
    return BodyContent(sdp=outcome.sdp)


class _RefusalError(ValueError):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Part:
    content_type: str
    disposition: str
    encoding: str
    content_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Outcome:
    sdp: bytes | None = None
    unknown: str = ""
    "A kind that is not understood and does not say that it may be ignored."
    required: str = ""
    "A kind that is not understood and says that it must be."


@dataclass(slots=True)
class _Search:
    parts: int = 0


@dataclass(frozen=True, slots=True)
class _Value:
    """A header value with parameters: `application/sdp;charset=utf-8`, `session;handling=x`."""

    value: str
    parameters: dict[str, str] = field(default_factory=dict)


def _read(part: _Part, search: _Search, depth: int) -> _Outcome:
    kind = _value(part.content_type)
    name = "".join(kind.value.split())
    disposition = _value(part.disposition)
    if name.startswith("multipart/"):
        outcome = _multipart(name, kind, part.body, search, depth)
    elif name == SDP and disposition.value in ("", "session") and _decodable(part.encoding):
        return _Outcome(sdp=_decoded(part))
    elif name == SDP:
        outcome = _unknown(f"{SDP} as {disposition.value or part.encoding}")
    else:
        outcome = _unknown(name or "a body without Content-Type")
    return _weighed(outcome, disposition)


def _unknown(name: str) -> _Outcome:
    kind = "".join(c for c in name if c.isascii() and c.isprintable())[:64]
    return _Outcome(unknown=kind or "an unnamed body")


def _weighed(outcome: _Outcome, disposition: _Value) -> _Outcome:
    handling = disposition.parameters.get("handling", "").lower()
    if handling == "optional":
        return _Outcome(sdp=outcome.sdp)
    if handling == "required" and outcome.sdp is None and outcome.unknown:
        return _Outcome(required=outcome.required or outcome.unknown)
    return outcome


def _multipart(name: str, kind: _Value, body: bytes, search: _Search, depth: int) -> _Outcome:
    if depth >= MAX_DEPTH:
        raise _RefusalError(413, f"The body is nested deeper than {MAX_DEPTH} levels.")
    boundary = kind.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
    if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
        raise _RefusalError(400, "The multipart body names no boundary of 1 to 70 characters.")
    outcomes: list[tuple[str, _Outcome]] = []
    for content in _split(body, b"--" + boundary):
        search.parts += 1
        if search.parts > MAX_PARTS:
            raise _RefusalError(413, f"The body has more than {MAX_PARTS} parts.")
        part = _part(content)
        outcomes.append((part.content_id, _read(part, search, depth + 1)))
    if not outcomes:
        raise _RefusalError(400, "The multipart body has no part between its boundaries.")
    return _COMBINED.get(name, _mixed)(outcomes, kind)


_Outcomes = list[tuple[str, _Outcome]]


def _mixed(outcomes: _Outcomes, kind: _Value) -> _Outcome:
    """All parts together; subtypes not known are read so too (RFC 2046 section 5.1.7)."""
    all_of = [outcome for _, outcome in outcomes]
    return _Outcome(
        sdp=next((outcome.sdp for outcome in all_of if outcome.sdp is not None), None),
        unknown=next((outcome.unknown for outcome in all_of if outcome.unknown), ""),
        required=next((outcome.required for outcome in all_of if outcome.required), ""),
    )


def _alternative(outcomes: _Outcomes, kind: _Value) -> _Outcome:
    """The last one understood; the others say the same and need not be (RFC 2046 5.1.4)."""
    last = next((outcome.sdp for _, outcome in outcomes[::-1] if outcome.sdp is not None), None)
    return _mixed(outcomes, kind) if last is None else _Outcome(sdp=last)


def _related(outcomes: _Outcomes, kind: _Value) -> _Outcome:
    """The root; other parts are only what it refers to (RFC 2387)."""
    start = kind.parameters.get("start", "").strip()
    root = next((outcome for ident, outcome in outcomes if start and ident == start), None)
    root = root or outcomes[0][1]
    if root.sdp is None or root.required:
        return _mixed(outcomes, kind)
    return root


_COMBINED: dict[str, Callable[[_Outcomes, _Value], _Outcome]] = {
    "multipart/alternative": _alternative,
    "multipart/related": _related,
}


def _split(body: bytes, delimiter: bytes) -> Iterator[bytes]:
    """Yield what stands between delimiter lines; the last one may be missing."""
    begin: int | None = None
    position = body.find(delimiter)
    while position >= 0:
        after = position + len(delimiter)
        line_end = _delimiter_end(body, position, after)
        if line_end is None:
            position = body.find(delimiter, after)
            continue
        if begin is not None:
            yield _without_line_end(body[begin:position])
        if body.startswith(b"--", after):
            return
        begin = line_end
        position = body.find(delimiter, line_end)
    if begin is not None:
        yield body[begin:]


def _delimiter_end(body: bytes, begin: int, after: int) -> int | None:
    """Return where the line of a delimiter ends; None if it is no line of its own."""
    if begin > 0 and body[begin - 1 : begin] != b"\n":
        return None
    # Bounded: a search for the line's end at each of many false ones would be quadratic.
    line_end = body.find(b"\n", after, after + MAX_PADDING_BYTES)
    line_end = min(after + MAX_PADDING_BYTES, len(body)) if line_end < 0 else line_end + 1
    return line_end if body[after:line_end].strip(b" \t\r\n") in (b"", b"--") else None


def _without_line_end(content: bytes) -> bytes:
    """The line end before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1)."""
    return content.removesuffix(b"\n").removesuffix(b"\r")


def _part(content: bytes) -> _Part:
    head, body = _headed(content)
    if len(head) > MAX_HEADER_BYTES:
        raise _RefusalError(413, f"A part's header is longer than {MAX_HEADER_BYTES} bytes.")
    fields: dict[str, str] = {}
    for line in _unfolded(head.decode("utf-8", "replace")):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    encodings = (fields.get("content-transfer-encoding", ""), fields.get("content-encoding", ""))
    return _Part(
        content_type=fields.get("content-type", "text/plain"),  # RFC 2046 section 5.1
        disposition=fields.get("content-disposition", ""),
        encoding=" ".join(e.lower() for e in encodings if e.lower() not in _PLAIN_ENCODINGS),
        content_id=fields.get("content-id", ""),
        body=body,
    )


def _headed(content: bytes) -> tuple[bytes, bytes]:
    """Split a part at its first empty line; a part may begin with it."""
    for start in (b"\r\n", b"\n"):
        if content.startswith(start):
            return b"", content[len(start) :]
    ends = [(content.find(end), len(end)) for end in (b"\n\r\n", b"\n\n")]
    ends = [(position, length) for position, length in ends if position >= 0]
    if not ends:
        return content, b""
    position, length = min(ends)
    return content[:position], content[position + length :]


def _unfolded(head: str) -> list[str]:
    lines: list[str] = []
    for line in head.split("\n"):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    return lines


_PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary", "identity")
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": binascii.a2b_base64,
    "quoted-printable": binascii.a2b_qp,
}


def _decodable(encoding: str) -> bool:
    return not encoding or encoding in _DECODERS


def _decoded(part: _Part) -> bytes:
    if not part.encoding:
        return part.body
    try:
        return _DECODERS[part.encoding](part.body)
    except binascii.Error as error:
        raise _RefusalError(400, f"A part of the body is not {part.encoding}.") from error


def _value(text: str) -> _Value:
    """Read `value;name=token;name="quoted"`, names and value in lower case."""
    pieces = list(_pieces(text[:1024]))
    parameters: dict[str, str] = {}
    for piece in pieces[1:]:
        name, _, value = piece.partition("=")
        parameters.setdefault(name.strip().lower(), _unquoted(value.strip()))
    return _Value(pieces[0].strip().lower(), parameters)


def _pieces(text: str) -> Iterator[str]:
    """Split at semicolons outside quotes."""
    begin, quoted, skip = 0, False, False
    for position, character in enumerate(text):
        if skip:
            skip = False
        elif quoted and character == "\\":
            skip = True
        elif character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            yield text[begin:position]
            begin = position + 1
    yield text[begin:]


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
