"""Messages as they arrive: where from, and with the values that every message must have."""

from dataclasses import dataclass

from callengine.edge.flow import NOWHERE, Flow
from callengine.edge.messages.grammar import split_quoted
from callengine.edge.messages.message import MalformedError, Message, parse
from callengine.edge.messages.values import Via, is_stray_via, parse_cseq, parse_via, read_party

MAX_VIAS = 70
MAX_CSEQ = 2**31

_REQUIRED = {"from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}
_NONE = [""]
"Of a header that is not there."
_ONCE = {**_REQUIRED, "max-forwards": "Max-Forwards"}


@dataclass(slots=True)
class Received(Message):
    """A message somebody sent us, be it a peer or a call process."""

    vias: list[str]
    "Every Via value, the topmost first; one more than `MAX_VIAS` at most."
    via: Via
    call_id: str
    cseq: int
    "-1: it cannot be read."
    cseq_method: str
    from_tag: str
    to_tag: str
    raw: bytes
    "As it arrived."
    flow: Flow
    "Where it came from, `udp:HOST:PORT`."


def receive(data: bytes, flow: Flow = NOWHERE, *, max_line_bytes: int = 4096) -> Received:
    """Return one message whose header block is complete.

    What can be answered but must not be obeyed comes back with `problem` set.

    Raises:
        MalformedError: it cannot even be answered: nothing says what it is, or where it came from.
    """
    message = parse(data, max_line_bytes=max_line_bytes)
    vias, via = _vias(message)
    first = message.headers.get
    number, cseq_method = parse_cseq(first("cseq", _NONE)[0])
    from_tag, is_from = read_party(first("from", _NONE)[0])
    to_tag, is_to = read_party(first("to", _NONE)[0])
    received = Received(
        message.method,
        message.uri,
        message.code,
        message.phrase,
        message.headers,
        message.body,
        message.problem,
        message.problem_code,
        vias,
        via,
        first("call-id", _NONE)[0],
        -1 if number is None else number,
        cseq_method,
        from_tag,
        to_tag,
        data,
        flow,
    )
    if not received.problem:
        received.problem = _problem(received, is_from=is_from, is_to=is_to)
    return received


def _vias(message: Message) -> tuple[list[str], Via]:
    """Return the Via values, and the topmost of them read: it says where answers go."""
    values = message.headers.get("via", ())
    vias = [item for value in values for item in split_quoted(value, ",")]
    if not vias:
        raise MalformedError("no Via header")
    try:
        return vias[: MAX_VIAS + 1], parse_via(vias[0])
    except ValueError as error:
        raise MalformedError("the Via header cannot be read") from error


def _problem(message: Received, *, is_from: bool, is_to: bool) -> str:
    """Return what is wrong with the headers that every message must have (section 8.1.1)."""
    if fault := _fault_of_once(message.headers) or _fault_of_cseq(message):
        return fault
    if len(message.vias) > MAX_VIAS:
        return "too many Via headers"
    if message.via.is_stray or any(map(is_stray_via, message.vias[1:])):
        return "a Via header has separators with nothing between them"
    if not is_from:
        return "the From header cannot be read"
    if not is_to:
        return "the To header cannot be read"
    return "" if message.from_tag or not _wants_tag(message) else "the From header has no tag"


def _fault_of_once(headers: dict[str, list[str]]) -> str:
    for name, written in _ONCE.items():
        values = headers.get(name)
        if not (values and values[0]) and name in _REQUIRED:
            return f"it has no {written} header"
        if values and len(values) > 1:
            return f"the {written} header comes twice"
    return ""


def _fault_of_cseq(message: Received) -> str:
    if message.cseq < 0 or not message.cseq_method:
        return "the CSeq header cannot be read"
    if message.cseq >= MAX_CSEQ:  # section 8.1.1.5
        return "the CSeq number is too large"
    if message.method and message.cseq_method != message.method:
        return "the CSeq method is not the request's"
    return ""


def _wants_tag(message: Received) -> bool:
    """A client of RFC 2543 need not have one, nor need a CANCEL be matched by it."""
    is_matched = message.method not in ("", "CANCEL")
    return is_matched and message.via.has_rfc3261_branch
