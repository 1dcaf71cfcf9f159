"""SIP codes, Q.850 causes and the words for how a callee's leg failed."""

from callengine.core.agentends import agent_termination, attempt_words
from callengine.core.effects import Note
from callengine.core.events import LegEnded
from callengine.core.obstacles import without_media
from callengine.core.orders import LegOrder
from callengine.core.outcomes import Termination
from callengine.core.parties import who
from callengine.core.reasons import Reason

SPOKEN_DIGEST = "Digest with MD5, SHA-256 or SHA-512-256 and, if any, qop auth or auth-int"
_Q850 = {
    404: 1, 604: 1, 410: 22, 484: 28, 486: 17, 600: 17, 603: 21, 403: 21, 480: 18,
    408: 18, 487: 16, 488: 88, 606: 88, 500: 41, 502: 38, 503: 41, 504: 102,
}  # fmt: skip
_NORMAL_CLEARING = 16
_Q850_BY_REASON = {Reason.NO_ANSWER: 19, Reason.CALLER_WITHOUT_MEDIA: 88}
NO_ANSWER_CODE = 480
"What a caller is told whom nobody answered; a target that rings in vain counts as having said it."


def q850_reason(code: int, cause: int | None = None) -> str:
    """Return the value of a Reason header (RFC 3326) for a SIP code (RFC 3398 section 8.2.6.1)."""
    return f"Q.850;cause={cause or _Q850.get(code, 127)}"


def end_reason(termination: Termination, *, was_talking: bool) -> str:
    """Return the value of the Reason header that the two parties are given."""
    cause = _Q850_BY_REASON.get(termination.reason)
    return q850_reason(termination.code, cause or (_NORMAL_CLEARING if was_talking else None))


_CALLEE_WORDS = {
    486: (Reason.CALLEE_BUSY, "is busy. Try later, or let more of its phones register."),
    600: (Reason.CALLEE_BUSY, "is busy everywhere. Try later."),
    603: (Reason.CALLEE_DECLINED, "declined the call. Nothing to mend here: somebody chose so."),
    403: (Reason.CALLEE_FORBADE, "forbade the call. Check what the far side allows this caller."),
    404: (Reason.CALLEE_NOT_FOUND, "does not know the number. Check the number and the address."),
    480: (Reason.CALLEE_UNAVAILABLE, "is not available now. Check do-not-disturb on the phone."),
    408: (
        Reason.CALLEE_UNREACHABLE,
        "answered %d: something on the way waited for it in vain. Check that device.",
    ),
    482: (Reason.CALLEE_LOOPS, "leads back to where the call came from. Check its address."),
    483: (
        Reason.CALLEE_LOOPS,
        "sent the call round in a circle. Check its address and what it leads to.",
    ),
    488: (Reason.NO_COMMON_CODEC_CALLEE, "accepts none of the codecs we offered."),
    502: (
        Reason.CALLEE_UNREACHABLE,
        "answered 502: what lies behind it is down. Look at that device.",
    ),
    503: (
        Reason.CALLEE_UNREACHABLE,
        "answered 503: it takes no calls now. Try later, or look at it.",
    ),
}
_TRUNK_WORDS = {
    486: "says that the number is busy. Try later.",
    600: "says that the number is busy everywhere. Try later.",
    603: "says that the call was declined. Nothing to mend here: somebody chose so.",
    404: "does not know the number. Check the number, and how the trunk is to be sent it.",
    480: "says that nobody is available at the number now. Try later.",
    408: "answered %d: something behind it was waited for in vain. Try later, or ask the carrier.",
}
"Where a carrier speaks of whom it was to call, not of itself."
_NOT_TAKEN_OVER = {
    481: "could not be taken over: its other call had ended (481). Call anew.",
    491: "could not be taken over: its other call was being changed (491). Try again.",
}
"Whether it was the device that said so, or we before it was asked."
_ALIASES = {606: 488, 415: 488, 410: 404, 604: 404, 504: 408}


def callee_termination(order: LegOrder, failure: LegEnded, vn_b: tuple[str, ...]) -> Termination:
    """Return the termination for how a callee's leg failed, in the code the caller is to see.

    A redirect that was not followed becomes 480, 606 becomes 488, and a challenge that our
    credentials did not satisfy becomes 503: it is not the caller who was challenged.
    """
    if failure.agent is not None:
        return agent_termination(order, failure.agent, was_talking=False)
    label, code = who(order.name, order.label, at_start=True), failure.code
    if is_redirect(failure):
        words = f"{_named(failure)}; that was not followed: {failure.not_followed}."
        mend = "Call there, or have it forward to a user or number of this server."
        return Termination("callee", Reason.CALLEE_REDIRECTED, 480, f"{label} {words} {mend}")
    if failure.why:
        return without_media("callee", label, failure.why)
    if words := _unreachable(failure):
        return Termination("callee", Reason.CALLEE_UNREACHABLE, code, f"{label} {words}")
    if code in (401, 407):
        return _challenged(label, order, failure)
    if order.is_taken_over and code in _NOT_TAKEN_OVER:
        words = _NOT_TAKEN_OVER[code]
        return Termination("callee", Reason.CALLEE_FAILED, code, f"{label} {words}")
    return _answered(label, order, failure, vn_b)


def _answered(label: str, order: LegOrder, failure: LegEnded, vn_b: tuple[str, ...]) -> Termination:
    """Return the termination for what a callee answered, or a carrier about a number."""
    code = failure.code
    alike = _ALIASES.get(code, code)
    mend = "Ask the carrier what it means." if order.trunk else "Look at that device."
    otherwise = (Reason.CALLEE_FAILED, f"answered {code} {failure.text}. {mend}")
    reason, words = _CALLEE_WORDS.get(alike, otherwise)
    if order.trunk:
        words = _TRUNK_WORDS.get(alike, words)
    if alike == 488:
        words += f" We offered {', '.join(vn_b)}: add one that it supports to that list."
    if alike == 408:
        words %= code
    # What a callee answered is passed on (RFC 3261 section 16.7 step 6); 415 and 606 say of a
    # description what 488 says, and that is the one every caller's device knows.
    code_to_caller = 488 if alike == 488 else code
    return Termination("callee", reason, code_to_caller, f"{label} {words}")


def _unreachable(failure: LegEnded) -> str:
    """Return the words for a callee that was not reached, or is not any more; else nothing."""
    if failure.unreachable:
        return f"could not be reached: {failure.unreachable}. Check its address and its network."
    if failure.code == 408 and not failure.by_peer:
        return "stopped answering before the call was set up. Check its network."
    return ""


def _challenged(label: str, order: LegOrder, failure: LegEnded) -> Termination:
    code = failure.code
    # A proxy passes challenges back (RFC 3261 section 16.7 step 7); these are for us, the user
    # agent that called (section 22.2): our caller has no password of theirs.
    if order.username:
        words = f"refused our credentials ({code}). Check the trunk's OUT user name and password."
        if failure.is_unanswerable:
            words = f"asks for credentials ({code}) in another way than {SPOKEN_DIGEST}."
        return Termination("callee", Reason.TRUNK_CREDENTIALS_REFUSED, 503, f"{label} {words}")
    if order.trunk:
        words = f"asks for credentials ({code}), and the trunk has none. Set them on its OUT side."
        return Termination("callee", Reason.TRUNK_CREDENTIALS_MISSING, 503, f"{label} {words}")
    words = f"asks us for a password ({code}), which no caller of it has. Turn off in that device"
    advice = f"{label} {words} that incoming calls must authenticate."
    return Termination("callee", Reason.CALLEE_CHALLENGED, 503, advice)


def is_redirect(failure: LegEnded) -> bool:
    """Tell a 3xx from what ends an attempt for good."""
    return 300 <= failure.code < 400


def _named(failure: LegEnded) -> str:
    return f"answered {failure.code} and named {', '.join(failure.redirects) or 'nobody'}"


def attempt_note(label: str, failure: LegEnded) -> Note:
    """Return the timeline's line about one leg that did not answer the call."""
    if failure.agent is not None:
        text = f"{label} {attempt_words(failure.agent)}"
    elif is_redirect(failure):
        text = f"{label} {_named(failure)}."
    elif failure.why:
        text = f"{label} {failure.why}"
    elif failure.unreachable:
        text = f"{label} was not reached: {failure.unreachable}."
    else:
        text = f"{label}: {failure.code} {failure.text}."
    return Note("attempt-failed", failure.leg, text)


def redirect_note(label: str, failure: LegEnded) -> Note:
    """Return the timeline's line about a redirect that is not followed."""
    text = f"{label}'s redirect was not followed: {failure.not_followed}."
    return Note("redirect-refused", failure.leg, text)


def better_failure(first: LegEnded | None, second: LegEnded) -> LegEnded:
    """Return which of two callees' failures the caller should hear of (RFC 3261 16.7 step 6)."""
    return first if first is not None and not is_worse(first.code, second.code) else second


def is_worse(code: int, other: int) -> bool:
    """Tell whether the caller should rather hear of the other of two final codes."""
    return _rank(other) < _rank(code)


def _rank(code: int) -> tuple[int, int]:
    if code >= 600:
        return (0, code)
    if code < 400:
        return (1, code)
    preferred = {486: 2, 488: 3, 403: 4, 480: 5}
    return (preferred.get(code, 6 if code < 500 else 7), code)
