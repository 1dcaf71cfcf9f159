"""What every request must satisfy before anybody looks at who sent it (RFC 3261 section 8.2)."""

from collections.abc import Callable
from dataclasses import dataclass

from callengine.core.reasons import Rule
from callengine.core.replaces import replaces_of
from callengine.edge.legs.inner import rack
from callengine.edge.messages.bodies import ACCEPT
from callengine.edge.messages.branches import BRANCH
from callengine.edge.messages.descriptions import description
from callengine.edge.messages.grammar import read_number
from callengine.edge.messages.received import Received
from callengine.edge.messages.targets import recorded_routes
from callengine.edge.messages.uris import parse_uri, scheme_of
from callengine.edge.messages.values import parse_address, parse_via
from callengine.edge.settings import ALLOW, EXTENSIONS, METHODS, MIN_SESSION_S, EdgeSettings

_KNOWN_ELSEWHERE = ("SUBSCRIBE", "MESSAGE", "PUBLISH")
_ONLY_IN_DIALOG = ("PRACK", "UPDATE", "INFO", "REFER", "NOTIFY")
_WITH_OFFER = ("INVITE", "UPDATE", "PRACK")
MALFORMED = Rule.MALFORMED_SIP

_OF_METHOD = {"REGISTER": ("path",), "REFER": ("norefersub",)}
"Option tags besides: RFC 3327, RFC 4488."
_ON_THE_WAY = ("privacy",)
"Option tags of Proxy-Require besides: RFC 3323, which is kept."
IsLocal = Callable[[str, int | None], bool]


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a request goes no further; without a rule it is answered but not stored."""

    code: int
    rule: Rule | None
    advice: str
    headers: tuple[tuple[str, str], ...] = ()


def objection(
    message: Received, *, is_merged: bool, settings: EdgeSettings, is_local: IsLocal
) -> Objection | None:
    """Return the first rule a request breaks, or None."""
    return (
        _method(message)
        or _uri(message)
        or _dialog(message)
        or _loop(message, is_merged=is_merged, is_local=is_local)
        or _extensions(message)
        or _session_interval(message)
        or _body(message, settings)
    )


def max_forwards(message: Received) -> int:
    """Return how many more hops a request may take."""
    hops = read_number(message.get("max-forwards"), most=255)
    return 70 if hops is None else hops


def _method(message: Received) -> Objection | None:
    method = message.method
    if method == "BYE" and not message.to_tag:  # section 15.1.2
        return Objection(481, None, "")
    if method in METHODS and (method not in _ONLY_IN_DIALOG or message.to_tag):
        return None
    # Section 8.2.1: 405 with Allow; 501 (section 21.5.2) for what nobody calls a method.
    if method in _KNOWN_ELSEWHERE or method in METHODS:
        advice = f"{method} is not taken here; calls and registrations are."
        if method in METHODS:
            advice = f"{method} is taken inside a call alone."
        return Objection(405, Rule.METHOD_NOT_ALLOWED, advice, (("allow", ALLOW),))
    advice = "The request's method is not a SIP method known here."
    return Objection(501, Rule.UNKNOWN_METHOD, advice, (("allow", ALLOW),))


def _uri(message: Received) -> Objection | None:
    scheme = scheme_of(message.uri)
    # Section 8.2.2.1.
    if scheme not in ("", "sip", "sips", "tel"):
        advice = f"A {scheme[:16]} URI was dialled; use sip: or tel:."
        return Objection(416, Rule.UNSUPPORTED_URI_SCHEME, advice)
    try:
        uri = parse_uri(message.uri)
    except ValueError:
        return Objection(400, MALFORMED, "The Request-URI cannot be read.")
    if uri.headers:  # section 19.1.1, table 1
        advice = "The Request-URI holds headers, which only links may; dial it without them."
        return Objection(400, MALFORMED, advice)
    return None


def _dialog(message: Received) -> Objection | None:
    """What a dialog would be made of, or a PRACK be matched by, must be readable."""
    if message.method == "PRACK" and not rack(message.get("rack")):
        advice = "The PRACK does not say what it acknowledges: its RAck header cannot be read."
        return Objection(400, MALFORMED, advice)
    try:
        if message.method == "INVITE":
            recorded_routes(message)
    except ValueError:
        advice = "A Record-Route header cannot be read; check the proxy that wrote it."
        return Objection(400, MALFORMED, advice)
    if message.method == "INVITE" and not message.to_tag:
        try:
            replaces_of(message.values("replaces"), joins="join" in message.headers)
        except ValueError as error:
            return Objection(400, MALFORMED, f"The INVITE cannot be read: {error}.")
    if message.method == "REGISTER" and not _is_address_of_record(message.get("to")):
        advice = "A REGISTER must name a SIP URI in To; check the phone's user name and domain."
        return Objection(400, MALFORMED, advice)
    return None


def _is_address_of_record(to: str) -> bool:
    """RFC 3261 section 10.2."""
    try:
        return parse_address(to).uri.scheme in ("sip", "sips")
    except ValueError:
        return False


def _loop(message: Received, *, is_merged: bool, is_local: IsLocal) -> Objection | None:
    if is_merged:  # section 8.2.2.2
        advice = "The same request arrived by two paths; check the proxies in front of us."
        return Objection(482, Rule.MERGED_REQUEST, advice)
    if any(_is_ours(via, is_local) for via in message.vias if BRANCH in via):
        advice = "The request had been here before: an address here leads back to this engine."
        return Objection(482, Rule.LOOP_DETECTED, advice)
    if message.get("max-forwards") and read_number(message.get("max-forwards"), most=255) is None:
        return Objection(400, MALFORMED, "Max-Forwards is not a number from 0 to 255.")
    # Section 16.3, item 3. An OPTIONS that ends here is how a path is traced (RFC 3261 section 11).
    if max_forwards(message) == 0 and message.method not in ("OPTIONS", "CANCEL"):
        return Objection(
            483, Rule.TOO_MANY_HOPS, "The request passed too many proxies; look for a loop."
        )
    return None


def _is_ours(via: str, is_local: IsLocal) -> bool:
    try:
        parsed = parse_via(via)
    except ValueError:
        return False
    port = parsed.port or (5061 if via[:12].upper() == "SIP/2.0/TLS " else 5060)
    return parsed.branch.startswith(BRANCH) and is_local(parsed.host, port)


def _extensions(message: Received) -> Objection | None:
    if message.method == "CANCEL":
        return None  # section 8.2.2.3: what it requires is ignored
    supported = (*EXTENSIONS, *_OF_METHOD.get(message.method, ()))
    unsupported = [item[:64] for item in message.items("require") if item.lower() not in supported]
    on_the_way = (*supported, *_ON_THE_WAY)
    unsupported += [i[:64] for i in message.items("proxy-require") if i.lower() not in on_the_way]
    if not unsupported:
        return None
    advice = f"The request requires {', '.join(unsupported[:3])}, which is not supported here."
    return Objection(
        420, Rule.UNSUPPORTED_EXTENSION, advice, (("unsupported", ", ".join(unsupported[:20])),)
    )


def _session_interval(message: Received) -> Objection | None:
    """RFC 4028 section 9; a call process would say so only after the callee has rung."""
    if message.method not in ("INVITE", "UPDATE") or "timer" not in message.tokens("supported"):
        return None
    if not message.get("session-expires"):
        return None
    wanted = read_number(message.get("session-expires").partition(";")[0])
    if wanted is None:
        return Objection(400, MALFORMED, "Session-Expires is not a number of seconds.")
    if wanted >= MIN_SESSION_S:
        return None
    advice = f"A session interval of {wanted} s is too short; set at least {MIN_SESSION_S} s."
    headers = (("min-se", str(MIN_SESSION_S)),)
    return Objection(422, Rule.SESSION_INTERVAL_TOO_SMALL, advice, headers)


def _body(message: Received, settings: EdgeSettings) -> Objection | None:
    if message.method not in _WITH_OFFER:
        return None
    content = description(message)
    if content.must_refuse:  # section 8.2.3
        rule = Rule.UNSUPPORTED_BODY if content.code == 415 else MALFORMED
        headers = (("accept", ACCEPT),) if content.code == 415 else ()
        return Objection(content.code, rule, content.reason, headers)
    if (content.sdp or b"").count(b"\n") > settings.max_sdp_lines:
        advice = f"The session description has more than {settings.max_sdp_lines} lines."
        return Objection(413, Rule.SDP_TOO_LONG, advice)
    # Section 20.1: without Accept, application/sdp is meant.
    if message.method == "INVITE" and message.get("accept") and not _takes_sdp(message):
        advice = "The INVITE does not accept session descriptions (Accept: application/sdp)."
        return Objection(406, Rule.SDP_NOT_ACCEPTED, advice)
    return None


def _takes_sdp(message: Received) -> bool:
    kinds = {item.partition(";")[0].strip() for item in message.tokens("accept")}
    return not kinds.isdisjoint(("application/sdp", "application/*", "*/*"))
