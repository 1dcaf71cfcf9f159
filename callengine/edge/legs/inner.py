"""Messages as call processes read them: built from parsed parts, never copied.

pjsip drops a message it cannot read without a word, and nobody answers then. So nothing a peer
wrote passes as it is: parties, tags, Call-ID, Via and Contact are ours, the headers that matter
are written anew from what they mean, and what cannot be read is left out. Everything is bounded,
so that a message always fits into what pjsip can hold.
"""

from collections.abc import Callable

from callengine.core.srtp import SECURE_USER
from callengine.edge.legs.outer import option_lists
from callengine.edge.legs.table import AnchoredLeg, PeerRequest
from callengine.edge.messages import keys
from callengine.edge.messages.challenges import best, read_challenge
from callengine.edge.messages.digest import parse_answer
from callengine.edge.messages.grammar import parse_params, read_number, split_quoted
from callengine.edge.messages.message import Headers, Message, render
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean
from callengine.edge.messages.uris import without_headers
from callengine.edge.messages.values import parse_address, read_q
from callengine.edge.settings import METHODS, MIN_SESSION_S
from callengine.edge.transactions.identity import EdgeIdentity
from sip.srtp import Srtp

MAX_SESSION_S = 86_400
MAX_NUMBER = 2**31 - 1
MAX_TEXT_CHARACTERS = 64
MAX_CHALLENGES = 2
MAX_REDIRECTS = 5
MAX_REDIRECT_CHARACTERS = 256

_WITH_OFFER = ("INVITE", "UPDATE")


def request(
    identity: EdgeIdentity, leg: AnchoredLeg, message: Received, *, branch: str, body: bytes
) -> bytes:
    """Return a peer's request with the body a call process is to read."""
    host, port = leg.anchor.worker
    user = "edge" if leg.anchor.srtp is Srtp.OFF else SECURE_USER
    tag = f";tag={leg.inner_local_tag}" if message.to_tag else ""
    headers: Headers = [
        ("via", identity.inner_via(branch)),
        ("from", f"<sip:peer@127.0.0.1>;tag={leg.inner_tag(message.from_tag)}"),
        ("to", f"<sip:{user}@127.0.0.1>{tag}"),
        ("call-id", leg.inner_call_id),
        ("cseq", f"{message.cseq} {message.method}"),
        ("max-forwards", "70"),
        *_common(identity, leg, message, method=message.method, body=body),
    ]
    return render(Message.request(message.method, f"sip:{leg.token}@{host}:{port}", headers, body))


def response(
    identity: EdgeIdentity, leg: AnchoredLeg, sent: PeerRequest, message: Received, *, body: bytes
) -> bytes:
    """Return a peer's response: all but the answer itself is what the call process had written."""
    asked = sent.message
    to = asked.get("to")
    if not asked.to_tag and (message.to_tag or 200 <= message.code < 300):
        to += f";tag={leg.inner_tag(message.to_tag)}"
    code, phrase, extra = message.code, message.phrase[:MAX_TEXT_CHARACTERS], []
    if code in (401, 407):
        extra = _challenges(asked, message)
    if 300 <= code < 400:
        # pjsip would make a 487 of it; whether it is followed is not its to decide.
        code, phrase = 480, "Redirected"
        extra = [("x-redirected-by", str(message.code))]
        extra += [("x-redirected-to", target) for target in redirect_targets(message)]
    headers: Headers = [
        *(("via", via) for via in asked.vias),
        ("from", asked.get("from")),
        ("to", to),
        ("call-id", asked.call_id),
        ("cseq", f"{asked.cseq} {asked.method}"),
        *_common(identity, leg, message, method=asked.method, body=body),
        *extra,
    ]
    return render(Message.response(code, phrase, headers, body))


def redirect_targets(message: Received) -> list[str]:
    """Return the URIs a 3xx names, the best first (RFC 3261 section 20.10), a few at most."""
    targets: list[tuple[float, str]] = []
    for value in message.values("contact")[:MAX_REDIRECTS]:
        try:
            address = parse_address(value)
        except ValueError:
            continue
        uri = without_headers(address.uri_text)
        if uri.isprintable() and " " not in uri and len(uri) <= MAX_REDIRECT_CHARACTERS:
            targets.append((read_q(address.params.get("q")), uri))
    return [uri for _, uri in sorted(targets, key=lambda item: -item[0])]


def _common(
    identity: EdgeIdentity, leg: AnchoredLeg, message: Received, *, method: str, body: bytes
) -> Headers:
    headers: Headers = [("contact", f"<sip:{leg.token}@{identity.inner_address}>")]
    headers += _passing(message, method)
    if body:
        headers.append(("content-type", keys.RELAY if method == "INFO" else "application/sdp"))
        # Whose media may be expected: ours alone to say, a peer's header of that name never passes.
        headers.append(("x-heard-from", message.flow.host))
    return headers


def _passing(message: Received, method: str) -> Headers:
    """Return the headers that a call process is to see, each as it would write it itself."""
    headers = option_lists(message)
    if 100 < message.code < 200:
        headers = _reliable(message, headers)
    for name, read in _READERS.items():
        is_there = name in message.headers and _matters(name, message, method)
        if is_there and (value := read(message.get(name))):
            headers.append((name, value))
    return agreeable(headers)


def agreeable(headers: Headers) -> Headers:
    """Leave out a Min-SE above the interval that its sender itself asks for (RFC 4028 section 5).

    pjsip would answer with 422, after the callee has rung.
    """
    intervals = {
        name: read_number(value.partition(";")[0]) or 0
        for name, value in headers
        if name in ("session-expires", "min-se")
    }
    if intervals.get("min-se", 0) <= intervals.get("session-expires", MAX_SESSION_S):
        return headers
    return [(name, value) for name, value in headers if name != "min-se"]


def _challenges(request: Received, message: Received) -> Headers:
    """Return the challenges that a call process should answer, or that none of them can be.

    Where its credentials were refused already, and not for an old nonce, it is not asked again
    (RFC 3261 section 22.2): pjsip would try them once for each new nonce.
    """
    given = [
        parse_answer(value)
        for name in ("authorization", "proxy-authorization")
        for value in request.headers.get(name, ())
    ]
    tried = {answer.realm for answer in given if answer is not None}
    headers: Headers = []
    for name in ("www-authenticate", "proxy-authenticate"):
        asked = filter(None, map(read_challenge, message.headers.get(name, ())[:8]))
        fresh = [one for one in asked if one.is_stale or one.realm not in tried]
        headers += [(name, one.told) for one in best(fresh)[:MAX_CHALLENGES]]
    return headers if headers or tried else [("x-challenge", "unusable")]


def _matters(name: str, message: Received, method: str) -> bool:
    """Tell whether a header means anything to a call process in this message."""
    code = message.code
    match name:
        case "session-expires":
            return method in _WITH_OFFER and (not code or 200 <= code < 300)
        case "min-se":
            return method in _WITH_OFFER and (not code or code == 422)
        case "rack":
            return method == "PRACK" and not code
        case "allow":
            return method in _WITH_OFFER
    return True


def _reliable(message: Received, headers: Headers) -> Headers:
    """Keep RSeq and `Require: 100rel` only together (RFC 3262 section 4)."""
    number = read_number(message.get("rseq"), most=MAX_NUMBER)
    required = any(name == "require" and "100rel" in value for name, value in headers)
    if required and number:
        return [*headers, ("rseq", str(number))]
    return [(name, value) for name, value in headers if name != "require"]


def session_expires(text: str) -> str:
    """Return an interval and who refreshes it (RFC 4028 section 4), or nothing."""
    interval, *rest = split_quoted(text, ";")
    seconds = read_number(interval)
    if seconds is None:
        return ""
    seconds = max(MIN_SESSION_S, min(seconds, MAX_SESSION_S))
    refresher = (parse_params(rest).get("refresher") or "").lower()
    return f"{seconds};refresher={refresher}" if refresher in ("uac", "uas") else str(seconds)


def min_se(text: str) -> str:
    """Return the shortest interval a peer agrees to, or nothing."""
    seconds = read_number(text.partition(";")[0])
    return "" if seconds is None else str(min(seconds, MAX_SESSION_S))


def rack(text: str) -> str:
    """Return which provisional response a PRACK is for (RFC 3262 section 7.2), or nothing."""
    parts = text.split()
    if len(parts) != 3 or parts[2] not in METHODS:
        return ""
    numbers = [read_number(part, most=MAX_NUMBER) for part in parts[:2]]
    return "" if None in numbers else f"{numbers[0]} {numbers[1]} {parts[2]}"


def _allow(text: str) -> str:
    methods = dict.fromkeys(item.strip().upper() for item in text.split(","))
    return ", ".join(method for method in methods if method in METHODS)


def _agent(text: str) -> str:
    return clean(text, MAX_TEXT_CHARACTERS).strip()


_READERS: dict[str, Callable[[str], str]] = {
    "session-expires": session_expires,
    "min-se": min_se,
    "rack": rack,
    "allow": _allow,
    "user-agent": _agent,
    "server": _agent,
}
