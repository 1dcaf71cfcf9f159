"""How a leg to a voice agent ends: by which reason, with which code, and what to do. Pure."""

from collections.abc import Mapping

from callengine.core.events import AgentEnd, LegEnded
from callengine.core.orders import AgentOrder, LegOrder
from callengine.core.outcomes import EndedBy, Termination
from callengine.core.reasons import Reason

CODES: Mapping[Reason, int] = {
    Reason.AGENT_UNREACHABLE: 503,
    Reason.AGENT_REFUSED: 503,
    Reason.AGENT_BUSY: 503,
    Reason.AGENT_NOT_READY: 503,
    Reason.AGENT_LOST: 503,
    Reason.AGENT_EXPIRED: 503,
    Reason.AGENT_ENDED: 200,
    Reason.AGENT_SILENT: 200,
    Reason.AGENT_DURATION: 200,
}
"What each way counts as, in SIP codes: the caller is not to hear whose fault it is."
UNANSWERED_CODE = 503
"What a caller hears of an agent that left before it was ready, however it did."


def agent_ended(leg: str, reason: Reason, detail: str = "") -> LegEnded:
    """Return what an agent's leg reports as its end.

    `detail` is what the agent or the network said, without a full stop: `unauthorized: no such
    key`.
    """
    end = AgentEnd(reason, detail.strip().rstrip("."))
    code = CODES[reason]
    return LegEnded(leg, code, detail, by_peer=reason not in _OURS, agent=end)


def is_failure(end: AgentEnd) -> bool:
    """Tell whether an agent left its caller alone, so that its fallback is rung."""
    return CODES[end.reason] >= 400


def agent_termination(order: LegOrder, end: AgentEnd, *, was_talking: bool) -> Termination:
    """Return the termination for how an agent's leg ended."""
    assert order.agent is not None
    code = CODES[end.reason]
    by: EndedBy = "engine" if end.reason in _OURS else "callee"
    who = order.label or order.agent.name
    if not was_talking and code < 400:
        code = UNANSWERED_CODE
        words = f"The agent {who} ended the session before it was ready{_colon(end)}."
        return Termination(by, end.reason, code, f"{words} Look at its platform's log.")
    words = _WORDS[end.reason].format(who=who, colon=_colon(end), **_limits(order.agent))
    return Termination(by, end.reason, code, words)


def without_fallback(lost: Termination, failed: Termination) -> Termination:
    """Return how a call ends whose agent was lost and whose fallback did not take it."""
    advice = f"{lost.advice} Its fallback did not take the call: {failed.advice}"
    return Termination(lost.by, lost.reason, lost.code, advice)


def attempt_words(end: AgentEnd) -> str:
    """Return what became of an agent that was called, for the timeline: after its name."""
    return f"{_ATTEMPTS[end.reason]}{_colon(end)}."


_OURS = (Reason.AGENT_SILENT, Reason.AGENT_DURATION)
"Limits that are kept here, not by the agent."
_ATTEMPTS: Mapping[Reason, str] = {
    Reason.AGENT_UNREACHABLE: "could not be reached",
    Reason.AGENT_REFUSED: "refused the session",
    Reason.AGENT_BUSY: "takes no more sessions now",
    Reason.AGENT_NOT_READY: "was not ready in time",
    Reason.AGENT_LOST: "was lost before it was ready",
    Reason.AGENT_EXPIRED: "had its session expire before it was ready",
    Reason.AGENT_ENDED: "ended the session before it was ready",
    Reason.AGENT_SILENT: "was silent before it was ready",
    Reason.AGENT_DURATION: "took longer than its calls may last",
}
_WORDS: Mapping[Reason, str] = {
    Reason.AGENT_UNREACHABLE: "The agent {who} could not be reached{colon}. "
    "Check its URL, and the network between here and there.",
    Reason.AGENT_REFUSED: "The agent {who} refused the session{colon}. "
    "Check its URL, its key, its agent id and its settings.",
    Reason.AGENT_BUSY: "The agent {who} takes no more sessions now{colon}. "
    "Raise the limit of its platform, or give the agent a fallback.",
    Reason.AGENT_NOT_READY: "The agent {who} was not ready within {ready_s:g} s{colon}. "
    "Look at its platform's log, or allow it more time.",
    Reason.AGENT_LOST: "The connection to the agent {who} was lost and could not be made "
    "anew{colon}. Look at its platform's log, and give the agent a fallback.",
    Reason.AGENT_EXPIRED: "The session of the agent {who} expired{colon}. Its platform bounds how "
    "long one lasts: raise that, or set a shorter longest duration here.",
    Reason.AGENT_ENDED: "The agent {who} hung up{colon}. A normal end.",
    Reason.AGENT_SILENT: "Neither the caller nor the agent {who} said anything for "
    "{silence_s:g} s, the longest it is set to wait. Raise its silence limit if it should wait.",
    Reason.AGENT_DURATION: "The call was as long as one with the agent {who} may be, "
    "{duration_s:g} s. Raise its longest duration if calls should last longer.",
}


def _colon(end: AgentEnd) -> str:
    return f": {end.detail}" if end.detail else ""


def _limits(agent: AgentOrder) -> dict[str, float]:
    return {
        "ready_s": agent.ready_timeout_s,
        "silence_s": agent.silence_timeout_s,
        "duration_s": agent.max_duration_s,
    }
