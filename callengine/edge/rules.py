"""What every request must satisfy before anybody looks at who sent it (RFC 3261 section 8.2)."""

from collections.abc import Callable
from dataclasses import dataclass

from callengine.edge.context import BRANCH
from callengine.edge.parse import SipMessage, parse_uri, parse_via
from callengine.edge.rewrite import is_sdp
from callengine.edge.settings import ALLOW, EXTENSIONS, METHODS, EdgeSettings

_KNOWN_ELSEWHERE = ("SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH")
_ONLY_IN_DIALOG = ("PRACK", "UPDATE", "INFO")
MIN_SESSION_S = 90
"The shortest session interval call processes agree to (RFC 4028 section 4)."

IsLocal = Callable[[str, int | None], bool]


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a request goes no further; without a rule it is answered but not stored."""

    code: int
    rule: str
    advice: str
    headers: tuple[tuple[str, str], ...] = ()


def objection(
    message: SipMessage, *, is_merged: bool, settings: EdgeSettings, is_local: IsLocal
) -> Objection | None:
    """Return the first rule a request breaks, or None."""
    return (
        _method(message)
        or _uri(message)
        or _loop(message, is_merged=is_merged, is_local=is_local)
        or _extensions(message)
        or _session_interval(message)
        or _body(message, settings)
    )


def _method(message: SipMessage) -> Objection | None:
    method = message.method
    if method == "BYE" and not message.to_tag:
        return Objection(481, "", "")
    if method in METHODS and (method not in _ONLY_IN_DIALOG or message.to_tag):
        return None
    if method in _KNOWN_ELSEWHERE or method in METHODS:
        advice = f"{method} is not taken here; calls and registrations are."
        return Objection(405, "method-not-allowed", advice, (("allow", ALLOW),))
    advice = "The request's method is not a SIP method known here."
    return Objection(501, "unknown-method", advice, (("allow", ALLOW),))


def _uri(message: SipMessage) -> Objection | None:
    scheme = message.uri.partition(":")[0].lower()
    if scheme not in ("sip", "sips", "tel"):
        advice = f"A {scheme[:16]} URI was dialled; use sip: or tel:."
        return Objection(416, "unsupported-uri-scheme", advice)
    try:
        parse_uri(message.uri)
    except ValueError:
        return Objection(400, "malformed-sip", "The Request-URI cannot be read.")
    return None


def _loop(message: SipMessage, *, is_merged: bool, is_local: IsLocal) -> Objection | None:
    if is_merged:
        advice = "The same request arrived by two paths; check the proxies in front of us."
        return Objection(482, "merged-request", advice)
    if any(_is_ours(via, is_local) for via in message.vias if BRANCH in via):
        advice = "The request had been here before: an address here leads back to this engine."
        return Objection(482, "loop-detected", advice)
    hops = message.get("max-forwards")
    if hops and not (hops.isascii() and hops.isdigit() and len(hops) < 4 and int(hops) < 256):
        return Objection(400, "malformed-sip", "Max-Forwards is not a number from 0 to 255.")
    # An OPTIONS that ends here is how a path is traced (RFC 3261 section 11).
    if hops and int(hops) == 0 and message.method not in ("OPTIONS", "CANCEL"):
        return Objection(
            483, "too-many-hops", "The request passed too many proxies; look for a loop."
        )
    return None


def _is_ours(via: str, is_local: IsLocal) -> bool:
    try:
        parsed = parse_via(via)
    except ValueError:
        return False
    return parsed.branch.startswith(BRANCH) and is_local(parsed.host, parsed.port or 5060)


def _extensions(message: SipMessage) -> Objection | None:
    if message.method == "CANCEL":
        return None
    asked = message.tokens("require") + message.tokens("proxy-require")
    unknown = [token[:64] for token in asked if token not in EXTENSIONS]
    if not unknown:
        return None
    advice = f"The request requires {', '.join(unknown[:3])}, which is not supported here."
    return Objection(
        420, "unsupported-extension", advice, (("unsupported", ", ".join(unknown[:20])),)
    )


def _session_interval(message: SipMessage) -> Objection | None:
    """RFC 4028 section 9; a call process would say so only after the callee has rung."""
    if message.method not in ("INVITE", "UPDATE") or "timer" not in message.tokens("supported"):
        return None
    wanted = message.get("session-expires").partition(";")[0].strip()
    if not wanted:
        return None
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 11):
        return Objection(400, "malformed-sip", "Session-Expires is not a number of seconds.")
    if int(wanted) >= MIN_SESSION_S:
        return None
    advice = f"A session interval of {wanted} s is too short; set at least {MIN_SESSION_S} s."
    headers = (("min-se", str(MIN_SESSION_S)),)
    return Objection(422, "session-interval-too-small", advice, headers)


def _body(message: SipMessage, settings: EdgeSettings) -> Objection | None:
    if is_sdp(message) and message.body.count(b"\n") > settings.max_sdp_lines:
        advice = f"The session description has more than {settings.max_sdp_lines} lines."
        return Objection(413, "sdp-too-long", advice)
    if message.method != "INVITE" or not message.body.strip():
        return None
    encoding = message.get("content-encoding").lower() not in ("", "identity")
    if encoding or not is_sdp(message):
        advice = "The INVITE's body is not a plain session description (application/sdp)."
        return Objection(415, "unsupported-body", advice, (("accept", "application/sdp"),))
    return None
