"""SIP codes, Q.850 causes and the words for how a callee's leg failed."""

from callengine.core.events import LegEnded
from callengine.core.obstacles import without_media
from callengine.core.outcomes import Termination

_Q850 = {
    404: 1, 604: 1, 410: 22, 484: 28, 486: 17, 600: 17, 603: 21, 403: 21, 480: 18,
    408: 18, 487: 16, 488: 88, 606: 88, 500: 41, 502: 38, 503: 41, 504: 102,
}  # fmt: skip
NO_ANSWER_CAUSE = 19


def q850_reason(code: int, cause: int | None = None) -> str:
    """Return the value of a Reason header (RFC 3326) for a SIP code (RFC 3398 section 8.2.6.1)."""
    return f"Q.850;cause={cause or _Q850.get(code, 127)}"


_CALLEE_WORDS = {
    486: ("callee-busy", "is busy. Try later, or let more of its phones register."),
    600: ("callee-busy", "is busy everywhere. Try later."),
    603: ("callee-declined", "declined the call. Nothing to mend here: somebody chose so."),
    403: ("callee-forbade", "forbade the call. Check what the far side allows this caller."),
    404: ("callee-not-found", "does not know the number. Check the number and the address."),
    480: ("callee-unavailable", "is not available now. Check do-not-disturb on the phone."),
    408: ("callee-unreachable", "did not answer the INVITE. Check its address and its network."),
    482: ("callee-loops", "leads back to where the call came from. Check its address."),
    483: (
        "callee-loops",
        "sent the call round in a circle. Check its address and what it leads to.",
    ),
    488: ("no-common-codec-callee", "accepts none of the codecs we offered."),
    401: ("trunk-credentials-refused", "refused our credentials. Check username and password."),
    502: ("callee-unreachable", "cannot be reached. Check its address and its network."),
    503: ("callee-unreachable", "cannot take the call now or cannot be reached."),
}
_ALIASES = {606: 488, 415: 488, 407: 401, 410: 404, 604: 404, 504: 408}


def callee_termination(label: str, code: int, vn_b: tuple[str, ...], why: str = "") -> Termination:
    """Return the termination for a callee's final code, in the code the caller is to see.

    `why` says what its answer lacked, if that is what failed.

    3xx become 480 (redirects are not followed), 606 becomes 488, and a challenge that our
    credentials did not satisfy becomes 503: it is not the caller who was challenged.
    """
    if why:
        return without_media("callee", label, why)
    known = _ALIASES.get(code, code)
    reason, words = _CALLEE_WORDS.get(known, ("callee-failed", f"failed with SIP code {code}."))
    if 300 <= code < 400:
        known, reason = 480, "callee-redirected"
        words = "answered with a redirect, which is not followed. Call the new address instead."
    if known == 488:
        words += f" We offered {', '.join(vn_b)}: add one that it supports to that list."
    shown = {401: 503, 488: 488, 480: 480}.get(known, code)
    return Termination("callee", reason, shown, f"{label} {words}")


def how_failed(label: str, event: LegEnded) -> str:
    """Return the timeline's line for a callee that did not take the call."""
    return f"{label} {event.why}" if event.why else f"{label}: {event.code} {event.text}."


def better_failure(first: int, second: int) -> int:
    """Return which of two callees' failures the caller should hear of (RFC 3261 16.7 step 6)."""
    return min((first, second), key=_rank)


def _rank(code: int) -> tuple[int, int]:
    if code >= 600:
        return (0, code)
    preferred = {486: 1, 488: 2, 403: 3, 480: 4}
    return (preferred.get(code, 5 if code < 500 else 6), code)
